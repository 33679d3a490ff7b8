//! Where a request comes from, and whose it is.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use gate_core::{ClientAddr, HostName};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use crate::app::App;
use crate::decide::sessions::{COOKIE, SessionKey};
use crate::parse;
use crate::problem::Problem;
use crate::state::{AccountsError, Scope, Token};

/// Sent by our page with everything that changes something. A foreign page cannot send it without a preflight, which
/// nobody here answers.
pub(crate) const PAGE_HEADER: &str = "x-nanogate";

/// The address at the other end of the connection, behind the proxy's hand-over too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) IpAddr);

/// A request that carries the cookie of a live session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedIn(pub(crate) SessionKey);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let client = parts.extensions.get::<ClientAddr>().expect("every connection tags its requests with its client");
        Ok(Self(client.ip()))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        session(app, &parts.headers).map(Self)
    }
}

/// The session of a request that only reads.
pub(crate) fn session(app: &App, headers: &HeaderMap) -> Result<SessionKey, Problem> {
    let cookie = parse::cookie(headers, COOKIE);
    let session = cookie.and_then(|cookie| app.sessions.lock().touch(cookie, app.now()));
    session.ok_or_else(|| Problem::unauthorized("Nobody is signed in."))
}

/// The session of a request that changes something.
pub(crate) fn session_from_our_page(app: &App, request: &Request) -> Result<SessionKey, Problem> {
    from_our_page(request)?;
    session(app, request.headers())
}

/// Refuses what another site's page may have sent with our cookie. `SameSite=Strict` is the first fence, this the
/// second.
pub(crate) fn from_our_page(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let word = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let fetch_site = word("sec-fetch-site").is_none_or(|site| site == "same-origin");
    let origin = word("origin").is_none_or(|origin| {
        origin.strip_prefix("https://").is_some_and(|rest| Some(rest) == authority(request).as_deref())
    });
    if fetch_site && origin && headers.contains_key(PAGE_HEADER) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "cross-site", "The request does not come from this page."))
}

/// The token of a request, when it opens `scope`.
pub(crate) fn token(app: &App, headers: &HeaderMap, scope: Scope) -> Result<Token, Problem> {
    let Some(secret) = parse::bearer(headers) else {
        return Err(Problem::unauthorized("A bearer token is needed."));
    };
    let token = app.accounts.token_of(secret).map_err(|error| Problem::internal(&error))?;
    let token = token.ok_or_else(|| Problem::unauthorized("The token is not valid."))?;
    if !token.scopes.contains(&scope) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "scope", "The token does not open this."));
    }
    Ok(token)
}

/// Whether the request names this puck: by its own names, by an address, or as the machine itself. A page that rebinds
/// its own name to our address names neither.
pub(crate) fn names_us(app: &App, request: &Request) -> bool {
    let Some(authority) = authority(request) else { return false };
    let Ok(authority) = authority.parse::<http::uri::Authority>() else { return false };
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return true;
    }
    HostName::parse(host.as_bytes()).is_ok_and(|name| name.as_str() == "localhost" || app.site.names.contains(&name))
}

/// `host:port` as the client wrote it: `:authority` in HTTP/2, `Host` before.
fn authority(request: &Request) -> Option<String> {
    let host = || request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
    request.uri().authority().map(|authority| authority.as_str().to_owned()).or_else(host)
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        let (status, code) = match &error {
            AccountsError::File(_) | AccountsError::Random(_) => return Self::internal(&error),
            AccountsError::AlreadyClaimed => (StatusCode::CONFLICT, "already-claimed"),
            AccountsError::WrongCode => (StatusCode::FORBIDDEN, "wrong-code"),
            AccountsError::TooManyTokens => (StatusCode::CONFLICT, "too-many-tokens"),
            AccountsError::NoSuchToken(_) => (StatusCode::NOT_FOUND, "not-found"),
            AccountsError::TokenName | AccountsError::NoScope | AccountsError::ProxyName => {
                (StatusCode::BAD_REQUEST, "bad-request")
            }
        };
        let words = error.to_string();
        let (head, tail) = words.split_at(1);
        Self::new(status, code, format!("{}{tail}.", head.to_uppercase()))
    }
}
