//! A chat for people, as a page in a browser: it streams one answer with `fetch`, and says another thing over a WebSocket.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Vendor, event, words};
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves: |host| host == "chatgpt.com", answer, error };

/// Asks at once what stands behind the `#` of the page's address, and shows what came of it, piece by piece.
const PAGE: &str = include_str!("chat.html");

fn answer(request: &Arrived) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/") => Answer::whole(200, "text/html; charset=utf-8", PAGE.into()),
        ("POST", "/backend-api/conversation") => converse(request),
        _ => error(404),
    }
}

/// Events as the page of ChatGPT gets them: changes to a message, the first with its whole path.
fn converse(request: &Arrived) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    if !asked["messages"].is_array() {
        return error(422);
    }
    let changes = words(request).into_iter().enumerate().map(|(index, word)| match index {
        0 => event(Some("delta"), &json!({ "p": "/message/content/parts/0", "o": "append", "v": word })),
        _ => event(Some("delta"), &json!({ "v": word })),
    });
    let first = event(Some("delta_encoding"), &json!("v1"));
    let last = Bytes::from_static(b"data: [DONE]\n\n");
    Answer::events([first].into_iter().chain(changes).chain([last]).collect())
}

fn error(status: u16) -> Answer {
    Answer::json(status, &json!({ "detail": "Something went wrong." }))
}
