//! Calls: the messages of gRPC, gRPC-Web and Connect in their envelopes, and how a refusal looks there.
//!
//! Sources: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>,
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>, <https://connectrpc.com/docs/protocol>.

use serde_json::json;

pub use text::{MessageError, MessageText, message_text};

use crate::denial::{CODE, spoken};

mod text;

/// Bytes before each message: flags, and its length in four.
pub const ENVELOPE_HEAD: usize = 5;

/// The field of an answer that carries [`CODE`], where the protocol's own shape has no room for it.
const CODE_FIELD: &str = "nanogate-code";

/// Says that a message is packed.
const PACKED: u8 = 1;
/// What stands before the end of a stream: Connect's, and the trailers of gRPC-Web.
const CONNECT_END: u8 = 2;
const WEB_TRAILERS: u8 = 0x80;

/// A protocol of remote calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Grpc,
    GrpcWeb,
    /// gRPC-Web with everything in base64, for browsers.
    GrpcWebText,
    ConnectStream,
    /// A bare message, without an envelope.
    ConnectUnary,
}

/// How the messages of a call are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Proto,
    Json,
}

/// What is known of a call from the head of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    protocol: Protocol,
    codec: Codec,
}

/// The head of a message's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Packed with the coding that the head of the request names.
    pub packed: bool,
    /// The message's bytes.
    pub length: usize,
}

/// A refusal as the whole answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallDenial {
    pub status: u16,
    pub content_type: &'static str,
    pub fields: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// A refusal as the end of an answer that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    Trailers(Vec<(&'static str, String)>),
    /// The last envelope; it may only stand behind a whole one.
    Data(Vec<u8>),
}

impl Call {
    /// The call that a request begins, if it is one. `connect` says that it names a version of Connect's protocol.
    pub fn of(content_type: Option<&str>, connect: bool) -> Option<Self> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let call = |protocol, suffix: &str| {
            let codec = if suffix == "+json" { Codec::Json } else { Codec::Proto };
            Self { protocol, codec }
        };
        // The longest beginning first: each is one of the next.
        let enveloped = [
            ("application/grpc-web-text", Protocol::GrpcWebText),
            ("application/grpc-web", Protocol::GrpcWeb),
            ("application/grpc", Protocol::Grpc),
            ("application/connect", Protocol::ConnectStream),
        ];
        let known = |(name, protocol): (&str, Protocol)| Some(call(protocol, essence.strip_prefix(name)?));
        enveloped.into_iter().find_map(known).or_else(|| match essence.as_str() {
            "application/proto" => Some(call(Protocol::ConnectUnary, "")),
            _ if connect => Some(call(Protocol::ConnectUnary, "+json")),
            _ => None,
        })
    }

    /// Whether the body is messages in envelopes, as they come.
    pub fn is_enveloped(self) -> bool {
        matches!(self.protocol, Protocol::Grpc | Protocol::GrpcWeb | Protocol::ConnectStream)
    }

    pub fn codec(self) -> Codec {
        self.codec
    }

    /// The field of the head that names the coding of packed messages.
    pub fn coding_field(self) -> &'static str {
        if self.protocol == Protocol::ConnectStream { "connect-content-encoding" } else { "grpc-encoding" }
    }

    /// The refusal of a call: in gRPC's status, or as Connect's error.
    pub fn refusal(self, status: u16, reason: &str) -> CallDenial {
        let code = Code::of(status);
        let nothing = |content_type, fields| CallDenial { status: 200, content_type, fields, body: Vec::new() };
        let content_type = match (self.protocol, self.codec) {
            (Protocol::Grpc, _) => return nothing("application/grpc", code.trailers(reason)),
            (Protocol::GrpcWeb, _) => return nothing("application/grpc-web", code.trailers(reason)),
            (Protocol::GrpcWebText, _) => return nothing("application/grpc-web-text", code.trailers(reason)),
            (Protocol::ConnectUnary, _) => {
                let body = json!({ "code": code.name, "message": spoken(reason) }).to_string().into_bytes();
                let fields = vec![(CODE_FIELD, CODE.to_owned())];
                return CallDenial { status, content_type: "application/json", fields, body };
            }
            (Protocol::ConnectStream, Codec::Proto) => "application/connect+proto",
            (Protocol::ConnectStream, Codec::Json) => "application/connect+json",
        };
        CallDenial { body: code.connect_end(reason), ..nothing(content_type, Vec::new()) }
    }

    /// The same for a call of which the answer has begun; `None` where its answer is one bare message.
    pub fn end(self, status: u16, reason: &str) -> Option<CallEnd> {
        let code = Code::of(status);
        match self.protocol {
            Protocol::Grpc => Some(CallEnd::Trailers(code.trailers(reason))),
            Protocol::ConnectStream => Some(CallEnd::Data(code.connect_end(reason))),
            Protocol::GrpcWeb => {
                let line = |(name, value): (&str, String)| format!("{name}: {value}\r\n");
                let lines: String = code.trailers(reason).into_iter().map(line).collect();
                Some(CallEnd::Data(enveloped(WEB_TRAILERS, lines.as_bytes())))
            }
            Protocol::GrpcWebText | Protocol::ConnectUnary => None,
        }
    }
}

impl Envelope {
    /// The head at the beginning of these bytes, of which there must be [`ENVELOPE_HEAD`]. `None`: it is none that a client
    /// may send, who has neither trailers nor an end to announce.
    pub fn parse([flags, length @ ..]: [u8; ENVELOPE_HEAD]) -> Option<Self> {
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        (flags & !PACKED == 0).then_some(Self { packed: flags == PACKED, length })
    }
}

/// Follows the envelopes of an answer, to know where one ends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Follower {
    head: [u8; ENVELOPE_HEAD],
    have: usize,
    left: usize,
}

impl Follower {
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left > 0 {
                let skipped = self.left.min(bytes.len());
                self.left -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.head[self.have] = bytes[0];
            bytes = &bytes[1..];
            self.have += 1;
            if self.have == ENVELOPE_HEAD {
                let [_, length @ ..] = self.head;
                (self.have, self.left) = (0, u32::from_be_bytes(length) as usize);
            }
        }
    }

    /// Whether all that began has ended.
    pub fn is_between(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// A code of gRPC and its name in Connect.
struct Code {
    number: u8,
    name: &'static str,
}

impl Code {
    fn of(status: u16) -> Self {
        let (number, name) = match status {
            400 | 415 => (3, "invalid_argument"),
            403 => (7, "permission_denied"),
            408 => (4, "deadline_exceeded"),
            413 => (8, "resource_exhausted"),
            421 => (9, "failed_precondition"),
            500 => (13, "internal"),
            502 | 503 => (14, "unavailable"),
            _ => (2, "unknown"),
        };
        Self { number, name }
    }

    fn trailers(&self, reason: &str) -> Vec<(&'static str, String)> {
        let message = percent_encoded(&spoken(reason));
        vec![("grpc-status", self.number.to_string()), ("grpc-message", message), (CODE_FIELD, CODE.to_owned())]
    }

    fn connect_end(&self, reason: &str) -> Vec<u8> {
        let error = json!({ "code": self.name, "message": spoken(reason) });
        let end = json!({ "error": error, "metadata": { CODE_FIELD: [CODE] } });
        enveloped(CONNECT_END, end.to_string().as_bytes())
    }
}

fn enveloped(flags: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a reason is cut long before four gigabytes");
    [&[flags], length.to_be_bytes().as_slice(), message].concat()
}

/// Percent-Encoded, as `Status-Message` is: printable ASCII but for the sign itself.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

#[cfg(test)]
mod tests;
