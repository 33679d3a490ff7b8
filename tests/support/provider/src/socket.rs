//! APIs over a WebSocket, JSON events in the shapes of OpenAI's: realtime, and responses one after the other.

use std::io;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::Lab;
use crate::accept::{Peer, Scheme};
use crate::answer::{Answer, Frames, Payload};
use crate::fault::Fault;
use crate::record::RequestLine;
use crate::respond::{Arrived, host_of, request_line};
use crate::vendors;

const REALTIME: &str = "/v1/realtime";
const RESPONSES: &str = "/v1/responses";

/// What a realtime model says.
const WORDS: [&str; 4] = ["Certainly. ", "Revenue ", "grew ", "in three of four regions."];

pub(crate) fn is_wanted(request: &Request<Incoming>) -> bool {
    let socket =
        request.headers().get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    socket && [REALTIME, RESPONSES].contains(&request.uri().path())
}

/// Agrees, and speaks on the connection once it is free.
pub(crate) fn open(lab: Arc<Lab>, peer: Arc<Peer>, mut request: Request<Incoming>) -> io::Result<Response<Frames>> {
    let upgrade = hyper::upgrade::on(&mut request);
    let (head, _) = request.into_parts();
    let line = request_line(&head, &host_of(&head), &peer);
    drop(lab.recorder.arrival(RequestLine { complete: true, ..line.clone() }));
    let Some(key) = head.headers.get(SEC_WEBSOCKET_KEY) else {
        return Answer::json(400, &json!({"error": "no key"})).play(
            &Fault::default(),
            lab.pace,
            Arc::clone(&peer.reset),
        );
    };
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(io::Error::other)?;
    let mut agreed = Answer::json(200, &Value::Null).play(&Fault::default(), lab.pace, Arc::clone(&peer.reset))?;
    *agreed.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = agreed.headers_mut();
    headers.clear();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let responses = head.uri.path() == RESPONSES;
    if head.headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("realtime"));
    }
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        // A client that breaks off is the point of some tests; what it said is in the record.
        let _ = if responses {
            respond(&lab, &line, head, peer.scheme, socket).await
        } else {
            converse(&lab, &line, socket).await
        };
    });
    Ok(agreed)
}

/// Each message asks for one response, and gets the events that it would get over HTTP.
async fn respond<S>(
    lab: &Lab,
    line: &RequestLine,
    head: Parts,
    scheme: Scheme,
    mut socket: WebSocketStream<S>,
) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = socket.next().await {
        let message = message?;
        if !message.is_text() {
            continue;
        }
        let said = message.into_data();
        arrived(lab, line, &said);
        let mut asked: Value = serde_json::from_slice(&said).unwrap_or_default();
        asked["stream"] = true.into();
        let answer = vendors::answer(&Arrived::over_socket(&head, scheme, asked.to_string().into()));
        match answer.payload {
            Payload::Whole(error) => {
                let error: Value = serde_json::from_slice(&error).unwrap_or_default();
                let said = json!({ "type": "error", "status": answer.status, "error": error["error"] });
                socket.send(Message::text(said.to_string())).await?;
            }
            Payload::Events(events) => {
                for event in &events {
                    tokio::time::sleep(lab.pace).await;
                    let text = String::from_utf8_lossy(event);
                    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap_or_default();
                    socket.send(Message::text(data)).await?;
                }
            }
        }
    }
    Ok(())
}

/// Writes down what was said.
fn arrived(lab: &Lab, line: &RequestLine, said: &[u8]) {
    let line = RequestLine { method: "MESSAGE".to_owned(), complete: true, ..line.clone() };
    lab.recorder.arrival(line).body.extend_from_slice(said);
}

async fn converse<S>(lab: &Lab, line: &RequestLine, mut socket: WebSocketStream<S>) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket
        .send(event(&json!({"type": "session.created", "session": {"id": "sess_1", "object": "realtime.session"}})))
        .await?;
    while let Some(message) = socket.next().await {
        let message = message?;
        if !message.is_text() && !message.is_binary() {
            continue;
        }
        let said = message.into_data();
        arrived(lab, line, &said);
        let asked: Value = serde_json::from_slice(&said).unwrap_or_default();
        match asked["type"].as_str() {
            Some("response.create") => answer(lab, &mut socket).await?,
            Some("conversation.item.create") => {
                socket.send(event(&json!({"type": "conversation.item.done", "item": asked["item"]}))).await?;
            }
            Some("ping") => socket.send(Message::Ping(vec![7; 8].into())).await?,
            _ => {}
        }
    }
    Ok(())
}

async fn answer<S>(lab: &Lab, socket: &mut WebSocketStream<S>) -> Result<(), Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket
        .send(event(&json!({"type": "response.created", "response": {"id": "resp_1", "object": "realtime.response"}})))
        .await?;
    for word in WORDS {
        tokio::time::sleep(lab.pace).await;
        let delta = json!({"type": "response.output_text.delta", "response_id": "resp_1", "item_id": "item_1",
            "output_index": 0, "content_index": 0, "delta": word});
        socket.send(event(&delta)).await?;
    }
    let usage = json!({"total_tokens": 30, "input_tokens": 20, "output_tokens": 10});
    let done = json!({"type": "response.done",
        "response": {"id": "resp_1", "object": "realtime.response", "status": "completed", "usage": usage}});
    socket.send(event(&done)).await
}

/// With an identifier of its own, as every event of the API has.
fn event(value: &Value) -> Message {
    let mut value = value.clone();
    value["event_id"] = json!("event_1");
    Message::text(value.to_string())
}
