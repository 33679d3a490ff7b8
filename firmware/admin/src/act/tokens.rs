//! API tokens for gateways and monitoring.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use gate_core::UnixMicros;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::inspect;
use crate::act::session::OWNER;
use crate::app::App;
use crate::decide::access::{self, Client, SignedIn};
use crate::parse;
use crate::problem::Problem;
use crate::record::Command;
use crate::state::{Scope, Token};

/// A token as it is listed: everything but its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(crate) struct TokenView {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    created_at: UnixMicros,
}

/// All tokens, oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(crate) struct TokenList {
    tokens: Vec<TokenView>,
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(crate) struct NewToken {
    /// 1 to 64 characters.
    name: String,
    scopes: Vec<Scope>,
}

/// A new token with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedToken)]
pub(crate) struct CreatedToken {
    #[serde(flatten)]
    token: TokenView,
    /// Goes into `Authorization: Bearer`.
    secret: String,
}

impl From<Token> for TokenView {
    fn from(token: Token) -> Self {
        Self { id: token.id, name: token.name, scopes: token.scopes, created_at: token.created_at }
    }
}

/// The tokens there are.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", security(("session" = [])),
    responses((status = 200, body = TokenList))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: SignedIn) -> Result<Json<TokenList>, Problem> {
    let tokens = app.accounts.tokens()?.into_iter().map(TokenView::from).collect();
    Ok(Json(TokenList { tokens }))
}

/// Makes a token. Needs the header `X-Nanogate`.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", request_body = NewToken, security(("session" = [])),
    responses((status = 201, body = CreatedToken))
)]
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<(StatusCode, Json<CreatedToken>), Problem> {
    let mut command = Command::begin(&app, client, "token_create")?;
    let outcome = async {
        access::session_from_our_page(&app, &request)?;
        command.by(OWNER);
        let body: NewToken = parse::json(request, app.config.command_body_bytes).await?;
        if body.scopes.contains(&Scope::Inspect) {
            // Before there is a token, so that none is there for which nothing is ready.
            inspect::prepare(&app).await;
        }
        let (token, secret) = app.accounts.create_token(&body.name, &body.scopes, app.now())?;
        let created = CreatedToken { token: token.into(), secret: secret.to_string() };
        Ok((StatusCode::CREATED, Json(created)))
    };
    let outcome = outcome.await;
    command.end(outcome).await
}

/// Ends a token at once. Needs the header `X-Nanogate`.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens", params(("id" = String, Path, description = "Of the list")),
    security(("session" = [])), responses((status = 204, description = "It opens nothing any more"))
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Client(client): Client,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let mut command = Command::begin(&app, client, "token_revoke")?;
    let outcome = access::session_from_our_page(&app, &request).and_then(|_| {
        command.by(OWNER);
        app.accounts.revoke_token(&id)?;
        Ok(StatusCode::NO_CONTENT)
    });
    command.end(outcome).await
}
