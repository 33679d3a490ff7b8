use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use gate_core::{Demand, Event, HostName, Mode, ProxyClientEvent, ProxyCredential, Reason, ShadowSign};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{
    Visitor,
    plain::{complaint, is_pac, names_us, pac},
};
use crate::accept::clients::Seat;
use crate::act::answer::{Answer, ESTABLISHED};
use crate::act::veil::{self, Shown};
use crate::act::{refuse, splice};
use crate::decide::{Course, Towards};
use crate::parse::credential::Credential;
use crate::parse::head::{self, Head, HeadError, Host};
use crate::parse::peek::{self, PeekError};
use crate::session::Closed;
use crate::shadow;

/// Bytes of a request's body that are looked at.
const LOOKED_AT: usize = 16 * 1024;

/// How long these are waited for.
const A_MOMENT: Duration = Duration::from_millis(250);

/// What a CONNECT asks for, by its port.
enum Asked {
    Tls(HostName),
    Http(HostName),
}

/// A client that uses us as its CONNECT proxy, by plain HTTP or in TLS.
pub(super) async fn visit(visitor: &mut Visitor, stream: TcpStream) -> Closed {
    match veil::is_worn(&stream, visitor.shared.config.hello_timeout()).await {
        Ok(false) => return talk(visitor, stream, Shown::Nothing).await,
        Ok(true) => {}
        Err(reason) => {
            refuse::close(stream).await;
            return Closed::refused(reason);
        }
    }
    let shared = Arc::clone(&visitor.shared);
    let name = visitor.snapshot.place.own_names.first().cloned();
    let (inner, shown, moving) = match veil::lift(&shared, name.as_ref(), stream).await {
        Ok(lifted) => lifted,
        Err(reason) => return Closed::refused(reason),
    };
    let mut moving = pin!(moving);
    let mut talking = pin!(talk(visitor, inner, shown));
    let closed = tokio::select! {
        closed = &mut talking => closed,
        // The client is gone; the other side hears of it and ends by itself.
        () = &mut moving => return talking.await,
    };
    veil::drop_after(moving).await;
    closed
}

async fn talk(visitor: &mut Visitor, mut stream: TcpStream, shown: Shown) -> Closed {
    let (head, rest) = match read_head(visitor, &mut stream, BytesMut::new()).await {
        Ok(read) => read,
        Err(error) => return turn_away(visitor, stream, &error).await,
    };
    if is_pac(&head) && names_us(visitor, &stream, &head.authority.host) {
        pac(visitor, &stream, &head).send(stream, &visitor.meter).await;
        return Closed { mode: Mode::Admin, reason: None, alpn: None };
    }
    // Held until the tunnel ends.
    let _place = match identify(visitor, head.credential.as_ref(), shown) {
        Ok(place) => place,
        Err((answer, reason)) => {
            if let Host::Name(host) = &head.authority.host {
                visitor.pending.named(host, &visitor.snapshot.catalogue);
            }
            return say_no(visitor, stream, answer, reason).await;
        }
    };
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

/// Who the client has proven to be, and its place among the tunnels of that name.
fn identify(
    visitor: &mut Visitor,
    credential: Option<&Credential>,
    shown: Shown,
) -> Result<Option<Seat<Arc<str>>>, (Answer, Reason)> {
    let no = |text: &str| Err((Answer::authenticate(format!("Refused: {text}.")), Reason::Unauthenticated));
    let pass = match credential.map(|credential| visitor.snapshot.passes.shown(credential)) {
        Some(None) => return no("the token is not valid, or belongs to another name"),
        pass => pass.flatten().cloned(),
    };
    let token = pass.as_ref().map(|pass| Arc::clone(&pass.name));
    let certificate = match shown {
        Shown::Nothing => None,
        Shown::Name(name) => Some(name),
        Shown::Nameless => return no("the certificate has no DNS name by which a client could be known"),
    };
    let known = match (token, certificate) {
        (None, None) => None,
        (Some(name), None) => Some((name, ProxyCredential::Token)),
        (None, Some(name)) => Some((name, ProxyCredential::Certificate)),
        (Some(token), Some(certificate)) if token == certificate => Some((token, ProxyCredential::Both)),
        (Some(_), Some(_)) => return no("the token and the certificate are of different names"),
    };
    let (name, by) = known.map_or((None, None), |(name, by)| (Some(name), Some(by)));
    for asked in [None, name.as_deref()] {
        let missing = match (visitor.snapshot.judge.demand(visitor.client.ip(), asked), by) {
            (Demand::Nothing, _) | (Demand::Either, Some(_)) | (_, Some(ProxyCredential::Both)) => continue,
            (Demand::Token, Some(ProxyCredential::Token)) => continue,
            (Demand::Certificate, Some(ProxyCredential::Certificate)) => continue,
            (Demand::Token, _) => "this proxy wants a token: a user's name and the token as its password",
            (Demand::Either, None) => "this proxy wants a token as the password, or a client certificate",
            (Demand::Certificate, _) => {
                let text = "Refused: this proxy wants a client certificate: name it as an https:// proxy.";
                return Err((Answer::forbidden(text), Reason::Unauthenticated));
            }
        };
        return no(missing);
    }
    let Some((name, by)) = name.zip(by) else { return Ok(None) };
    let Some(place) = visitor.shared.tunnels.seat(Arc::clone(&name)) else {
        return Err((Answer::too_many("Refused: this name has too many tunnels open."), Reason::RateLimited));
    };
    let client = visitor.client.ip();
    let event = ProxyClientEvent { connection: visitor.id, client, name: name.to_string(), by };
    // A failure is counted and logged by `append`, and makes AI connections fail closed.
    let _ = visitor.shared.append(&Event::ProxyClient(event));
    (visitor.name, visitor.pass) = (Some(name), pass);
    Ok(Some(place))
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
    let behind = body_begins(visitor, &mut stream, &peeked.value, peeked.raw.slice(peeked.value.len..)).await;
    if visitor.snapshot.catalogue.lookup(&host).is_none() {
        let says = gate_dialect::request_looks_like_ai(&peeked.value.path, &behind);
        let sign = says.then_some(ShadowSign::Request);
        if let Some(by) = sign.or_else(|| gate_dialect::name_looks_like_ai(&host).then_some(ShadowSign::Name)) {
            shadow::tell(&visitor.shared, visitor.id, visitor.client.ip(), &host, by);
        }
    }
    let only = [&head::only_request(&peeked.raw[..peeked.value.len]), &*behind].concat();
    relay_http(visitor, stream, &host, &only).await
}

/// What a POST begins to say: what is here, or comes within a moment where nothing is and something follows. It is read to tell of AI, then sent on.
async fn body_begins(visitor: &Visitor, stream: &mut TcpStream, head: &Head, already: Bytes) -> Bytes {
    if head.method != "POST" || !head.body_follows || !already.is_empty() {
        return already;
    }
    let mut body = BytesMut::with_capacity(LOOKED_AT);
    // Whoever is slower is told of by path and name alone.
    let _ = timeout(A_MOMENT, stream.read_buf(&mut body)).await;
    visitor.meter.add_up(body.len());
    body.freeze()
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
