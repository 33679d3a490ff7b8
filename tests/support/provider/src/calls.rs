//! gRPC and Connect: one service whose methods answer message by message, without a schema of their own.
//!
//! `/fake.Chat/Say` and `/fake.Chat/Hear` answer once the client is through, `/fake.Chat/Tell` with several messages, and
//! `/fake.Chat/Talk` each message at once. A request is packed or not, and so is its answer.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use tokio::sync::mpsc;

use crate::Lab;
use crate::accept::Peer;
use crate::answer::Frames;
use crate::coding::Coding;
use crate::respond::{host_of, request_line};

/// Flags and length before each message.
const HEAD: usize = 5;

/// What `Tell` says.
const WORDS: [&str; 4] = ["Certainly. ", "Revenue ", "grew ", "in three of four regions."];

type Sender = mpsc::Sender<io::Result<Frame<Bytes>>>;

pub(crate) fn is_wanted(request: &Request<Incoming>) -> bool {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.starts_with("application/grpc") || content_type.starts_with("application/connect+")
}

/// Answers at once, and goes on for as long as the client does.
pub(crate) fn open(lab: Arc<Lab>, peer: Arc<Peer>, request: Request<Incoming>) -> io::Result<Response<Frames>> {
    let (sender, frames) = Frames::fed();
    let mut response = Response::new(frames);
    let content_type = request.headers()[CONTENT_TYPE].clone();
    let is_connect = content_type.as_bytes().starts_with(b"application/connect");
    let coding = if is_connect { "connect-content-encoding" } else { "grpc-encoding" };
    if let Some(value) = request.headers().get(coding) {
        response.headers_mut().insert(HeaderName::from_static(coding), value.clone());
    }
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    tokio::spawn(async move {
        // A client that breaks off is the point of some tests; what it said is in the record.
        let _ = converse(&lab, &peer, request, &sender, is_connect).await;
    });
    Ok(response)
}

async fn converse(
    lab: &Lab,
    peer: &Peer,
    request: Request<Incoming>,
    sender: &Sender,
    is_connect: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (head, mut incoming) = request.into_parts();
    let mut arrival = lab.recorder.arrival(request_line(&head, &host_of(&head), peer));
    let (mut buffer, mut heard, mut packed) = (BytesMut::new(), 0, false);
    while let Some(frame) = incoming.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        arrival.body.extend_from_slice(&data);
        buffer.extend_from_slice(&data);
        while let Some(message) = message(&mut buffer) {
            heard += 1;
            packed = message[0] == 1;
            if head.uri.path() == "/fake.Chat/Talk" {
                say(sender, &format!("heard {heard}"), packed).await?;
            }
        }
    }
    arrival.line.complete = true;
    drop(arrival);
    match head.uri.path() {
        "/fake.Chat/Talk" => {}
        "/fake.Chat/Tell" => {
            for word in WORDS {
                say(sender, word, packed).await?;
                tokio::time::sleep(lab.pace).await;
            }
        }
        _ => say(sender, &format!("{}{heard}", WORDS.concat()), packed).await?,
    }
    let last = if is_connect {
        Frame::data(enveloped(2, b"{\"metadata\":{\"x-fake-trailer\":[\"the end\"]}}"))
    } else {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("x-fake-trailer", HeaderValue::from_static("the end"));
        Frame::trailers(trailers)
    };
    Ok(sender.send(Ok(last)).await?)
}

/// The next message with its envelope.
fn message(buffer: &mut BytesMut) -> Option<BytesMut> {
    let [_, length @ ..] = *buffer.first_chunk::<HEAD>()?;
    let length = HEAD + u32::from_be_bytes(length) as usize;
    (buffer.len() >= length).then(|| buffer.split_to(length))
}

/// A message with one field of text.
async fn say(sender: &Sender, text: &str, packed: bool) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut message = vec![0x0a, u8::try_from(text.len())?];
    message.extend_from_slice(text.as_bytes());
    if packed {
        let mut encoder = Coding::Gzip.encoder()?;
        message = [encoder.push(&message)?, encoder.finish()?].concat();
    }
    Ok(sender.send(Ok(Frame::data(enveloped(u8::from(packed), &message)))).await?)
}

fn enveloped(flags: u8, message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[flags], length.to_be_bytes().as_slice(), message].concat().into()
}
