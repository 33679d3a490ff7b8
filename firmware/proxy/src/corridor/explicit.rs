use std::sync::Arc;

use bytes::{Buf, BytesMut};
use gate_core::{HostName, Mode, Reason};
use tokio::net::TcpStream;

use super::{
    Visitor,
    plain::{complaint, is_pac, names_us, pac},
};
use crate::act::answer::{Answer, ESTABLISHED};
use crate::act::{refuse, splice};
use crate::decide::{Course, Towards};
use crate::parse::head::{self, Head, HeadError, Host};
use crate::parse::peek::{self, PeekError};
use crate::session::Closed;

/// What a CONNECT asks for, by its port.
enum Asked {
    Tls(HostName),
    Http(HostName),
}

/// A client that uses us as its CONNECT proxy.
pub(super) async fn visit(visitor: &mut Visitor, mut stream: TcpStream) -> Closed {
    let (head, rest) = match read_head(visitor, &mut stream, BytesMut::new()).await {
        Ok(read) => read,
        Err(error) => return turn_away(visitor, stream, &error).await,
    };
    if is_pac(&head) && names_us(visitor, &head.authority.host) {
        pac(visitor, &stream, &head).send(stream, &visitor.meter).await;
        return Closed { mode: Mode::Admin, reason: None, alpn: None };
    }
    let asked = match understand(&head) {
        Ok(asked) => asked,
        Err((answer, reason)) => return say_no(visitor, stream, answer, reason).await,
    };
    let (Asked::Tls(host) | Asked::Http(host)) = &asked;
    visitor.pending.named(host, &visitor.snapshot.catalogue);
    // Known already by its name: an answer in plain words helps more than a TLS alert later.
    let course = visitor.circumstances().named(Towards::Named(host), host);
    let refused = match (&course, &asked) {
        (Course::Refuse(reason), _) => Some(reason.clone()),
        (Course::Connect { mode: Mode::Passed, .. }, Asked::Http(_)) | (_, Asked::Tls(_)) => None,
        // Prompts do not travel in the clear, and the admin page is only served over https.
        (_, Asked::Http(_)) => Some(Reason::NotTls),
    };
    if let Some(reason) = refused {
        let answer = Answer::forbidden(format!("Refused: {reason}."));
        return say_no(visitor, stream, answer, reason).await;
    }
    refuse::say(&mut stream, &visitor.meter, ESTABLISHED).await;
    match asked {
        Asked::Tls(host) => tunnel_tls(visitor, stream, host, rest).await,
        Asked::Http(host) => pass_http(visitor, stream, host, rest).await,
    }
}

fn understand(head: &Head) -> Result<Asked, (Answer, Reason)> {
    if head.method != "CONNECT" {
        return Err((Answer::only_connect(), Reason::BadRequest));
    }
    let Host::Name(host) = &head.authority.host else {
        let text = "Refused: CONNECT needs a name, not an address.";
        return Err((Answer::forbidden(text), Reason::BadSni));
    };
    match head.authority.port {
        Some(443) => Ok(Asked::Tls(host.clone())),
        Some(80) => Ok(Asked::Http(host.clone())),
        _ => Err((Answer::forbidden("Refused: CONNECT is only for ports 443 and 80."), Reason::BadRequest)),
    }
}

/// From here on it is a TLS client like any other, but one that has said where it goes.
async fn tunnel_tls(visitor: &mut Visitor, mut stream: TcpStream, host: HostName, rest: BytesMut) -> Closed {
    let (limits, patience) = (visitor.hello_limits(), visitor.shared.config.hello_timeout());
    let peeked = match peek::hello(&mut stream, rest, limits, patience, &visitor.meter).await {
        Ok(peeked) => peeked,
        Err(error) => return visitor.refuse(stream, error.reason()).await,
    };
    let course = visitor.circumstances().course(Towards::Named(&host), &peeked.value);
    visitor.follow(course, stream, peeked.value, peeked.raw).await
}

/// Plain HTTP to a name that is not AI, once the request has named the same host. What comes behind that request is not
/// read here, so it must not be another one: the server is told to close after its answer, and ignores what follows
/// (RFC 9112 section 9.6).
async fn pass_http(visitor: &mut Visitor, mut stream: TcpStream, host: HostName, rest: BytesMut) -> Closed {
    let patience = visitor.shared.config.hello_timeout();
    let peeked = match peek::until(&mut stream, rest, patience, &visitor.meter, head::parse).await {
        Ok(peeked) => peeked,
        Err(error) => return turn_away(visitor, stream, &error).await,
    };
    if peeked.value.authority.host != Host::Name(host.clone()) {
        let answer = Answer::misdirected("Refused: the request names another host than the CONNECT.");
        return say_no(visitor, stream, answer, Reason::HostMismatch).await;
    }
    if peeked.value.method == "CONNECT" {
        let answer = Answer::bad_request("Refused: a tunnel inside the tunnel.");
        return say_no(visitor, stream, answer, Reason::BadRequest).await;
    }
    let (head, behind) = peeked.raw.split_at(peeked.value.len);
    let only = [&head::only_request(head), behind].concat();
    relay_http(visitor, stream, &host, &only).await
}

async fn relay_http(visitor: &mut Visitor, stream: TcpStream, host: &HostName, raw: &[u8]) -> Closed {
    match visitor.dial(host, visitor.shared.config.upstream_http_port).await {
        Ok(server) => {
            visitor.pending.connected(Mode::Passed);
            let (shared, meter) = (Arc::clone(&visitor.shared), Arc::clone(&visitor.meter));
            let reason = splice::relay(&shared, stream, server, raw, &meter).await;
            Closed { mode: Mode::Passed, reason, alpn: None }
        }
        Err(reason) => say_no(visitor, stream, Answer::bad_gateway(host, &reason), reason).await,
    }
}

async fn read_head(
    visitor: &Visitor,
    stream: &mut TcpStream,
    already: BytesMut,
) -> Result<(Head, BytesMut), PeekError<HeadError>> {
    let patience = visitor.shared.config.hello_timeout();
    let peeked = peek::until(stream, already, patience, &visitor.meter, head::parse).await?;
    let mut raw = peeked.raw;
    raw.advance(peeked.value.len);
    Ok((peeked.value, BytesMut::from(raw)))
}

async fn turn_away(visitor: &Visitor, stream: TcpStream, error: &PeekError<HeadError>) -> Closed {
    let reason = match error {
        PeekError::Timeout => Reason::HelloTimeout,
        PeekError::Gone => Reason::ClientGone,
        PeekError::Parse(error) => return say_no(visitor, stream, complaint(*error), Reason::BadRequest).await,
    };
    refuse::close(stream).await;
    Closed::refused(reason)
}

async fn say_no(visitor: &Visitor, stream: TcpStream, answer: Answer, reason: Reason) -> Closed {
    answer.send(stream, &visitor.meter).await;
    Closed::refused(reason)
}
