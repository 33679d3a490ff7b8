//! Why a request gets no answer from the provider, and the answer it gets instead.

use bytes::Bytes;
use gate_core::Reason;
use gate_dialect::{Call, Dialect};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use super::decode::DecodeError;

/// A request that is not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// For the journal.
    pub reason: Reason,
    /// For people; never holds what was found.
    pub text: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, reason: Reason, text: impl Into<String>) -> Self {
        Self { status, reason, text: text.into() }
    }

    /// A refusal in the words of its reason.
    pub(crate) fn plain(status: StatusCode, reason: Reason) -> Self {
        let text = format!("Refused: {reason}.");
        Self { status, reason, text }
    }

    pub(crate) fn forbidden(reason: Reason) -> Self {
        Self::plain(StatusCode::FORBIDDEN, reason)
    }

    /// In the shape in which the provider words its own errors, so that SDKs raise their normal exception.
    pub(super) fn response(&self, voice: Voice, vendor: &str) -> Response<Full<Bytes>> {
        let mut response = match voice.call {
            Some(call) => self.called(call),
            None => {
                let shape = gate_dialect::refusal(voice.dialect, vendor, self.status.as_u16(), &self.text);
                answer(self.status, shape.content_type, shape.body)
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // RFC 9110 section 15.5.22: the answer names a protocol that works.
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            }
            _ => {}
        }
        response
    }

    fn called(&self, call: Call) -> Response<Full<Bytes>> {
        let denial = call.refusal(self.status.as_u16(), &self.text);
        let status = StatusCode::from_u16(denial.status).unwrap_or(self.status);
        let mut response = answer(status, denial.content_type, denial.body);
        insert(response.headers_mut(), denial.fields);
        response
    }
}

/// How a client hears what is said to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) dialect: Dialect,
    pub(super) call: Option<Call>,
}

fn answer(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Adds fields that are all printable.
pub(super) fn insert(headers: &mut HeaderMap, fields: Vec<(&'static str, String)>) {
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Unknown | DecodeError::Broken(_) | DecodeError::Trailing(_) => {
                Self::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding)
            }
            DecodeError::TooLarge(_) | DecodeError::Ratio(_) => {
                Self::plain(StatusCode::PAYLOAD_TOO_LARGE, Reason::BodyTooLarge)
            }
            DecodeError::OutOfBudget => Self::plain(StatusCode::SERVICE_UNAVAILABLE, Reason::OutOfBudget),
        }
    }
}
