//! Bodies, cookies and queries into values. Everything here comes from the network.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

mod unread;

pub(crate) use self::unread::Unread;

/// Reads a JSON body of at most `most` bytes.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, most: usize) -> Result<T, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        // Also part of the defence against foreign pages: a plain form cannot send this type.
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            "The body must be application/json.",
        ));
    }
    let bytes = bytes(request.into_body(), most).await?;
    serde_json::from_slice(&bytes).map_err(|error| Problem::bad_request(shape_of(&error)))
}

/// Reads a body of at most `most` bytes.
async fn bytes(body: Body, most: usize) -> Result<bytes::Bytes, Problem> {
    to_bytes(body, most).await.map_err(|_| {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("The body broke off or is larger than {most} bytes."),
        )
    })
}

/// Where the JSON is wrong, without serde's message: that one quotes values, and a value may be a prompt or a password.
fn shape_of(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "The JSON body has a missing, unknown or mistyped field",
        _ => "The body is not valid JSON",
    };
    format!("{what} (line {}, column {}).", error.line(), error.column())
}

/// The value of one cookie; the last of several, which is the one a narrower path would win with.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.rfind(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The token of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use http::{HeaderMap, HeaderValue, StatusCode, header};
    use serde::Deserialize;

    use super::{bearer, cookie, json};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Login {
        #[expect(dead_code, reason = "only whether it parses matters here")]
        password: String,
    }

    async fn parse(kind: &str, body: &str) -> Result<Login, (StatusCode, String)> {
        let request = Request::builder().header(header::CONTENT_TYPE, kind).body(Body::from(body.to_owned())).unwrap();
        json::<Login>(request, 64).await.map_err(|problem| (problem.status, problem.detail))
    }

    #[tokio::test]
    async fn a_bad_body_is_refused_without_an_echo() {
        assert!(parse("application/json; charset=utf-8", r#"{"password":"x"}"#).await.is_ok());
        assert_eq!(parse("text/plain", r#"{"password":"x"}"#).await.unwrap_err().0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let large = format!(r#"{{"password":"{}"}}"#, "x".repeat(64));
        assert_eq!(parse("application/json", &large).await.unwrap_err().0, StatusCode::PAYLOAD_TOO_LARGE);
        for body in [r#"{"password":hunter2}"#, r#"{"hunter2":1}"#, r#""hunter2""#, r#"{"password":"a","hunter2":1}"#] {
            let (status, detail) = parse("application/json", body).await.unwrap_err();
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(!detail.contains("hunter2"), "{detail}");
        }
    }

    #[test]
    fn cookies_and_tokens_are_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!((cookie(&headers, "a"), bearer(&headers)), (None, None));
        headers.append(header::COOKIE, HeaderValue::from_static("b=1; a=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("aa=3"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("bearer ngt_x "));
        assert_eq!((cookie(&headers, "a"), bearer(&headers)), (Some("2"), Some("ngt_x")));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Basic ngt_x"));
        assert_eq!(bearer(&headers), None);
    }
}
