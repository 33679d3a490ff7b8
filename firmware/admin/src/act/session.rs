//! Claim, sign-in, sign-out.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::app::App;
use crate::decide::access::{self, Client};
use crate::decide::password::{MAX_PASSWORD, MIN_PASSWORD, is_strong};
use crate::decide::sessions::COOKIE;
use crate::parse;
use crate::problem::Problem;
use crate::record::Command;

/// The one account's name in the journal; more come with roles.
pub(super) const OWNER: &str = "owner";

/// What the page needs to know before anybody signed in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionState {
    /// Whether the password is set; if not, the claim code is asked for.
    claimed: bool,
    /// Whether this browser is signed in.
    signed_in: bool,
    /// Whether the device's button was pressed a moment ago: until it is claimed, no code is needed.
    button: bool,
    /// What keeps the puck from its work, for whoever comes to look; nobody may be able to sign in until it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// First sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Claim)]
pub(crate) struct ClaimBody {
    /// As the daemon printed it at its first start; case and dashes do not matter. Not needed for two minutes after a
    /// press of the device's button.
    #[serde(default)]
    code: String,
    /// The new password, 12 to 256 characters.
    password: String,
}

/// Sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub(crate) struct SignInBody {
    password: String,
}

/// Whether the puck is claimed and this browser signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session", responses((status = 200, body = SessionState)))]
pub(crate) async fn look(State(app): State<Arc<App>>, request: Request) -> Result<Json<SessionState>, Problem> {
    let signed_in = access::session(&app, request.headers()).is_ok();
    let claimed = app.accounts.claimed()?;
    let button = !claimed && *app.button.borrow();
    Ok(Json(SessionState { claimed, signed_in, button, trouble: app.status.trouble() }))
}

/// Sets the password with the claim code, once, and signs in. Needs the header `X-Nanogate`.
#[utoipa::path(
    post, path = "/api/v1/claim", tag = "session", request_body = ClaimBody,
    responses((status = 204, description = "Claimed and signed in", headers(("Set-Cookie" = String))))
)]
pub(crate) async fn claim(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<Response, Problem> {
    let mut command = Command::begin(&app, client, "claim")?;
    let outcome = async {
        access::from_our_page(&request)?;
        let body: ClaimBody = parse::json(request, app.config.command_body_bytes).await?;
        guess(&app, client)?;
        let pressed = body.code.is_empty() && *app.button.borrow();
        if !pressed {
            app.accounts.check_claim(&body.code)?;
        }
        let password = app.passwords.hash(strong(body.password)?).await.map_err(|error| Problem::internal(&error))?;
        if pressed { app.accounts.claim_by_button(password) } else { app.accounts.claim(&body.code, password) }?;
        command.by(OWNER);
        app.guesses.lock().succeeded(client);
        start(&app)
    };
    let outcome = outcome.await;
    command.end(outcome).await
}

/// Signs in with the password. Needs the header `X-Nanogate`.
#[utoipa::path(
    post, path = "/api/v1/sign-in", tag = "session", request_body = SignInBody,
    responses((status = 204, description = "Signed in", headers(("Set-Cookie" = String))))
)]
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<Response, Problem> {
    let mut command = Command::begin(&app, client, "sign_in")?;
    let outcome = async {
        access::from_our_page(&request)?;
        let body: SignInBody = parse::json(request, app.config.command_body_bytes).await?;
        let stored = app.accounts.password()?;
        let stored = stored.ok_or_else(|| {
            Problem::new(StatusCode::CONFLICT, "not-claimed", "This puck is not claimed yet: use the claim code.")
        })?;
        guess(&app, client)?;
        // Longer than any password that can be set: refused without the work of a hash.
        let right = body.password.chars().count() <= MAX_PASSWORD
            && app.passwords.verify(body.password, stored).await.map_err(|error| Problem::internal(&error))?;
        if !right {
            return Err(Problem::new(StatusCode::FORBIDDEN, "wrong-password", "The password is wrong."));
        }
        command.by(OWNER);
        app.guesses.lock().succeeded(client);
        start(&app)
    };
    let outcome = outcome.await;
    command.end(outcome).await
}

/// Ends this session. Needs the header `X-Nanogate`.
#[utoipa::path(
    post, path = "/api/v1/sign-out", tag = "session", security(("session" = [])),
    responses((status = 204, description = "Signed out"))
)]
pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<Response, Problem> {
    let mut command = Command::begin(&app, client, "sign_out")?;
    let outcome = access::session_from_our_page(&app, &request).map(|session| {
        command.by(OWNER);
        app.sessions.lock().end(session);
        with_cookie(format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"))
    });
    command.end(outcome).await
}

fn guess(app: &App, client: std::net::IpAddr) -> Result<(), Problem> {
    app.guesses.lock().attempt(client, Instant::now()).map_err(Problem::rate_limited)
}

fn strong(password: String) -> Result<String, Problem> {
    if is_strong(&password) {
        return Ok(password);
    }
    let words = format!("A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.");
    Err(Problem::new(StatusCode::BAD_REQUEST, "weak-password", words))
}

fn start(app: &App) -> Result<Response, Problem> {
    let cookie = app.sessions.lock().start(app.now()).map_err(|error| Problem::internal(&error))?;
    // A session cookie: it goes with the browser, and the server ends it when idle.
    Ok(with_cookie(format!("{COOKIE}={cookie}; Path=/; Secure; HttpOnly; SameSite=Strict")))
}

fn with_cookie(cookie: String) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let value = HeaderValue::try_from(cookie).expect("base64 and fixed words are header bytes");
    response.headers_mut().insert(header::SET_COOKIE, value);
    response
}
