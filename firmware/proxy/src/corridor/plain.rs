use std::net::{IpAddr, SocketAddr};

use bytes::BytesMut;
use gate_core::{Mode, Reason};
use tokio::net::TcpStream;

use super::{Visitor, steered::is_own};
use crate::act::{answer::Answer, pac, refuse};
use crate::parse::head::{self, Head, HeadError, Host};
use crate::parse::peek::{self, PeekError};
use crate::session::Closed;

/// A plain HTTP client that was led here. It is told to come back over https and never forwarded: what it would send
/// is as secret as over TLS. Who asks for the puck itself, by its address, is told what to do next.
pub(super) async fn visit(visitor: &mut Visitor, mut stream: TcpStream) -> Closed {
    let patience = visitor.shared.config.hello_timeout();
    let (answer, closed) = match peek::until(&mut stream, BytesMut::new(), patience, &visitor.meter, head::parse).await
    {
        Ok(peeked) => reply(visitor, &stream, &peeked.value),
        Err(PeekError::Parse(error)) => (Some(complaint(error)), Closed::refused(Reason::BadRequest)),
        Err(PeekError::Timeout) => (None, Closed::refused(Reason::HelloTimeout)),
        Err(PeekError::Gone) => (None, Closed::refused(Reason::ClientGone)),
    };
    match answer {
        Some(answer) => answer.send(stream, &visitor.meter).await,
        None => refuse::close(stream).await,
    }
    closed
}

fn reply(visitor: &mut Visitor, stream: &TcpStream, head: &Head) -> (Option<Answer>, Closed) {
    let (snapshot, place) = (&visitor.snapshot, &visitor.snapshot.place);
    let ours = names_us(visitor, stream, &head.authority.host);
    let (known, own) = match &head.authority.host {
        Host::Name(name) => {
            visitor.pending.named(name, &snapshot.catalogue);
            (ours || snapshot.catalogue.lookup(name).is_some(), ours)
        }
        Host::Address(_) => {
            let own = ours && is_own(visitor, stream);
            (own, own)
        }
    };
    if !known {
        let text = "This name is not served here.";
        return (Some(Answer::misdirected(text)), Closed::refused(Reason::NotInCatalogue));
    }
    if own && is_pac(head) {
        return (Some(pac(visitor, stream, head)), Closed { mode: Mode::Admin, reason: None, alpn: None });
    }
    // The name in the office's domain has a certificate that the office's clients know; who uses another one is new here.
    let new_here = own && place.own_names.first().is_none_or(|name| head.authority.host != Host::Name(name.clone()));
    if new_here && head.path == "/" && matches!(head.method.as_str(), "GET" | "HEAD") {
        let answer = Answer::landing(&location_host(&head.authority.host));
        return (Some(answer), Closed { mode: Mode::Admin, reason: None, alpn: None });
    }
    let mode = if own { Mode::Admin } else { Mode::Refused };
    let answer = Answer::to_https(&location_host(&head.authority.host), &head.path);
    (Some(answer), Closed { mode, reason: Some(Reason::Redirected), alpn: None })
}

/// Whether a host is this device. It may have got an address since the list was made.
pub(super) fn names_us(visitor: &Visitor, stream: &TcpStream, host: &Host) -> bool {
    let place = &visitor.snapshot.place;
    match host {
        Host::Name(name) => place.own_names.contains(name),
        Host::Address(address) => {
            place.own_addresses.contains(address)
                || stream.local_addr().is_ok_and(|local| local.ip().to_canonical() == *address)
        }
    }
}

/// Whether a client asks how to find the CONNECT proxy.
pub(super) fn is_pac(head: &Head) -> bool {
    head.path.split('?').next() == Some("/proxy.pac") && head.method == "GET"
}

/// The way to the CONNECT proxy, by the name or address that the client found this device by: to a listener that is there
/// for it.
pub(super) fn pac(visitor: &Visitor, stream: &TcpStream, head: &Head) -> Answer {
    let here = stream.local_addr().ok().map(|local| local.ip().to_canonical());
    let is_here = |listen: &&SocketAddr| listen.ip().is_unspecified() || Some(listen.ip()) == here;
    match visitor.shared.config.explicit_listen.iter().find(is_here) {
        Some(proxy) => {
            let host = location_host(&head.authority.host);
            Answer::pac(pac::script(&visitor.snapshot.catalogue, &host, proxy.port()))
        }
        None => Answer::not_found("There is no CONNECT proxy at this address: proxy.explicit_listen does not name it."),
    }
}

/// The host as a URL writes it.
fn location_host(host: &Host) -> String {
    match host {
        Host::Name(name) => name.to_string(),
        Host::Address(IpAddr::V4(address)) => address.to_string(),
        Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
    }
}

pub(super) fn complaint(error: HeadError) -> Answer {
    match error {
        HeadError::TooLarge => Answer::head_too_large(),
        other => Answer::bad_request(format!("Not understood: {other}.")),
    }
}
