//! Errors as RFC 9457 problem documents: one message for the caller, another for the log.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Last part of the type URN; stable.
    pub(crate) code: &'static str,
    /// For the caller; no secrets, nothing about our insides.
    pub(crate) detail: String,
    /// For the log alone.
    internal: Option<String>,
    retry_after: Option<Duration>,
}

/// The document of RFC 9457 as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// `urn:nanogate:problem:` and a stable word.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'a str,
    status: u16,
    /// What happened, for a person.
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), internal: None, retry_after: None }
    }

    /// The request itself is wrong.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// Nobody is signed in, or the token is not one of ours.
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// Too much, too fast.
    pub(crate) fn rate_limited(retry_after: Duration) -> Self {
        let seconds = whole_seconds(retry_after);
        Self {
            retry_after: Some(retry_after),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate-limited",
                format!("Too many attempts. Try again in {seconds} s."),
            )
        }
    }

    /// Our own fault: the caller learns nothing but that.
    pub(crate) fn internal(cause: &(impl std::fmt::Display + ?Sized)) -> Self {
        Self {
            internal: Some(cause.to_string()),
            ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "An internal fault; the log says more.")
        }
    }

    /// Nothing stands at this address.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }
}

/// `Retry-After` counts whole seconds; rounding up keeps an obedient client from coming too early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.internal {
            tracing::error!(code = self.code, %cause, "a request failed");
        }
        let document = ProblemDocument {
            kind: format!("urn:nanogate:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&document).expect("strings and numbers always serialise");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nanogate\""));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        response
    }
}
