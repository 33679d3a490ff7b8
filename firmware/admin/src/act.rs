//! Every address the admin listener answers, and what it does there.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::decide::access;
use crate::parse::Unread;
use crate::problem::Problem;

pub(crate) mod events;
pub(crate) mod fallbacks;
pub(crate) mod inspect;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod overview;
pub(crate) mod page;
pub(crate) mod policy;
pub(crate) mod session;
pub(crate) mod tokens;
pub(crate) mod trust;

/// One address: what is routed is what the API document is checked against.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// In lower case, as OpenAPI writes them.
    #[cfg_attr(not(test), expect(dead_code, reason = "the router knows them from the handlers"))]
    pub(crate) methods: &'static [&'static str],
    to: MethodRouter<Arc<App>>,
}

/// All addresses. A test holds the API document to this list, both ways.
pub(crate) fn routes() -> Vec<Route> {
    let route = |path, methods, to| Route { path, methods, to };
    vec![
        route("/api/v1/session", &["get"], get(session::look)),
        route("/api/v1/claim", &["post"], post(session::claim)),
        route("/api/v1/sign-in", &["post"], post(session::sign_in)),
        route("/api/v1/sign-out", &["post"], post(session::sign_out)),
        route("/api/v1/status", &["get"], get(overview::status)),
        route("/api/v1/overview", &["get"], get(overview::overview)),
        route("/api/v1/records", &["get"], get(events::records)),
        route("/api/v1/events", &["get"], get(events::events)),
        route("/api/v1/tokens", &["get", "post"], get(tokens::list).post(tokens::create)),
        route("/api/v1/tokens/{id}", &["delete"], delete(tokens::revoke)),
        route("/api/v1/fallbacks", &["get"], get(fallbacks::list)),
        route("/api/v1/fallbacks/{id}", &["delete"], delete(fallbacks::revoke)),
        route("/api/v1/policy", &["get", "put"], get(policy::look).put(policy::replace)),
        route("/api/v1/inspect", &["post"], post(inspect::inspect)),
        route("/api/v1/ca", &["get"], get(trust::about)),
        route("/api/v1/ca/activate", &["post"], post(trust::activate)),
        route("/api/openapi.json", &["get"], get(openapi::document)),
        route("/ca/{file}", &["get"], get(trust::certificate)),
        route("/metrics", &["get"], get(metrics::metrics)),
        route("/healthz", &["get"], get(overview::healthz)),
        route("/", &["get"], get(page::index)),
        route("/{file}", &["get"], get(page::file)),
        route("/assets/{file}", &["get"], get(page::asset)),
    ]
}

/// The whole corridor behind TLS.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, route.to);
    }
    router
        .fallback(async || Problem::not_found("Nothing stands at this address."))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This address does not take that method.")
        })
        .layer(from_fn_with_state(Arc::clone(app), front))
        .layer(map_response(guarded))
        .with_state(Arc::clone(app))
}

/// What every request passes first: the name it asks for, and a limit on its time. What its handler leaves unread of
/// the body is taken in before the answer goes out.
async fn front(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.meters.requests.add();
    let latest = Instant::now() + Duration::from_secs(app.config.request_seconds);
    let (unread, request) = Unread::of(request);
    let answer = answer(&app, request, next, latest).await;
    // Twice what is ever accepted, so that a body too large by less than that still gets its answer.
    unread.drain(2 * app.config.inspect_body_bytes as u64, latest).await;
    answer
}

async fn answer(app: &App, request: Request, next: Next, latest: Instant) -> Response {
    if !access::names_us(app, &request) {
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", "This is not the host you named.");
        return problem.into_response();
    }
    let answer = timeout_at(latest, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The request took too long.").into_response()
    })
}

/// Only our own files run, nobody frames us, nothing is guessed, nothing is stored unless a handler says so. There is
/// no HSTS: it would lock out the very device that comes to fetch the certificate authority it lacks.
async fn guarded(mut response: Response) -> Response {
    const RULES: [(HeaderName, &str); 6] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    let headers = response.headers_mut();
    for (name, value) in RULES {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
