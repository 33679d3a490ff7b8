//! One request: written down, understood, answered.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::Lab;
use crate::accept::{Peer, Scheme};
use crate::answer::{self, Answer, Frames};
use crate::calls;
use crate::coding::Coding;
use crate::fault::{Breakage, Fault};
use crate::record::{RequestLine, now_micros, pairs};
use crate::socket;
use crate::vendors;

/// A request once all of it is here.
pub(crate) struct Arrived {
    pub(crate) host: String,
    pub(crate) scheme: Scheme,
    pub(crate) method: Method,
    pub(crate) path: String,
    query: String,
    pub(crate) headers: HeaderMap,
    /// Without its content coding; what cannot be decoded stays as it came.
    pub(crate) body: Bytes,
    pub(crate) fault: Fault,
}

impl Arrived {
    /// A message on a WebSocket, as if it had been posted.
    pub(crate) fn over_socket(head: &http::request::Parts, scheme: Scheme, body: Bytes) -> Self {
        Self {
            host: host_of(head),
            scheme,
            method: Method::POST,
            path: head.uri.path().to_owned(),
            query: String::new(),
            headers: head.headers.clone(),
            body,
            fault: Fault::default(),
        }
    }

    /// A parameter of the query, as it stands there.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

pub(crate) async fn respond(
    lab: Arc<Lab>,
    peer: Arc<Peer>,
    request: Request<Incoming>,
) -> io::Result<Response<Frames>> {
    if socket::is_wanted(&request) {
        return socket::open(lab, peer, request);
    }
    if calls::is_wanted(&request) {
        return calls::open(lab, peer, request);
    }
    let (head, incoming) = request.into_parts();
    let (raw, trailers) = receive(&lab, &peer, &head, incoming).await?;
    let fault = match fault_of(&head.headers) {
        Ok(fault) => fault,
        Err(why) => {
            let answer = Answer::json(400, &json!({ "error": why }));
            return answer.play(&Fault::default(), lab.pace, Arc::clone(&peer.reset));
        }
    };
    if !fault.slow_head.is_zero() {
        // Even a sleep of nothing waits for the timer's next tick, a millisecond.
        tokio::time::sleep(fault.slow_head).await;
    }
    let answer = match head.uri.path() {
        "/fake/echo" => echo(&head, &raw, &trailers),
        "/fake/step" => {
            answer::step();
            Answer::json(200, &json!({}))
        }
        _ => {
            let body = decoded(&head.headers, raw);
            let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
            let (host, scheme, fault) = (host_of(&head), peer.scheme, fault.clone());
            let (method, headers) = (head.method, head.headers);
            vendors::answer(&Arrived { host, scheme, method, path, query, headers, body, fault })
        }
    };
    match fault.breakage {
        Some(Breakage::StallHead) => std::future::pending().await,
        Some(Breakage::NoAnswer) => {
            peer.reset.store(true, Ordering::Relaxed);
            Err(io::ErrorKind::ConnectionReset.into())
        }
        _ => answer.play(&fault, lab.pace, Arc::clone(&peer.reset)),
    }
}

/// Takes the body in; what has come of it is recorded even when the rest never does.
async fn receive(
    lab: &Lab,
    peer: &Peer,
    head: &http::request::Parts,
    mut incoming: Incoming,
) -> io::Result<(Bytes, HeaderMap)> {
    let mut arrival = lab.recorder.arrival(request_line(head, &host_of(head), peer));
    let mut trailers = HeaderMap::new();
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(io::Error::other)?.into_data() {
            Ok(data) => arrival.body.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    arrival.line.complete = true;
    arrival.line.trailers = pairs(&trailers);
    Ok((Bytes::copy_from_slice(&arrival.body), trailers))
}

fn fault_of(headers: &HeaderMap) -> Result<Fault, String> {
    let header = headers.get("x-fake").and_then(|value| value.to_str().ok());
    header.map_or_else(|| Ok(Fault::default()), Fault::parse)
}

pub(crate) fn request_line(head: &http::request::Parts, host: &str, peer: &Peer) -> RequestLine {
    RequestLine {
        at_micros: now_micros(),
        connection: peer.connection,
        peer: peer.address,
        scheme: if peer.scheme == Scheme::Https { "https" } else { "http" },
        server_name: peer.server_name.clone(),
        host: host.to_owned(),
        version: format!("{:?}", head.version),
        method: head.method.to_string(),
        target: head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: pairs(&head.headers),
        trailers: Vec::new(),
        complete: false,
        body: None,
        body_base64: None,
    }
}

/// The host asked for: `:authority` on h2, `Host` on h1, without its port.
pub(crate) fn host_of(head: &http::request::Parts) -> String {
    let named = head.uri.host().or_else(|| head.headers.get(HOST).and_then(|value| value.to_str().ok()));
    let named = named.unwrap_or_default();
    let name = named.rsplit_once(':').map_or(named, |(name, _)| name);
    name.to_ascii_lowercase()
}

fn decoded(headers: &HeaderMap, raw: Bytes) -> Bytes {
    let coding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).and_then(Coding::parse);
    coding.and_then(|coding| coding.decode(&raw).ok()).map_or(raw, Bytes::from)
}

/// Says what arrived, headers and trailers as they came (no credential of a real account ever comes here), and ends with a trailer of its own.
fn echo(head: &http::request::Parts, raw: &Bytes, trailers: &HeaderMap) -> Answer {
    let list = |headers: &HeaderMap| -> Vec<(String, String)> {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    };
    let mut answer = Answer::json(
        200,
        &json!({
            "version": format!("{:?}", head.version),
            "method": head.method.as_str(),
            "target": head.uri.path_and_query().map(http::uri::PathAndQuery::as_str),
            "authority": head.uri.authority().map(http::uri::Authority::as_str),
            "headers": list(&head.headers),
            "trailers": list(trailers),
            "body_base64": STANDARD.encode(raw),
        }),
    );
    answer.headers.push(("trailer", "x-fake-trailer".to_owned()));
    answer.headers.push(("alt-svc", vendors::ALT_SVC.to_owned()));
    answer.trailers = Some(HeaderMap::from_iter([(
        http::HeaderName::from_static("x-fake-trailer"),
        HeaderValue::from_static("the end"),
    )]));
    answer
}
