//! One question to one upstream over UDP or TCP.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::reply::PAYLOAD;
use crate::parse::{Answer, AnswerError, Question, Wanted, class, flag, kind};

/// Larger than what is asked for, so that an upstream which ignores it is still understood.
const RECEIVE: usize = 4096;
/// After so many packets that answer something else, somebody is guessing: TCP cannot be guessed.
const FOREIGN_MAX: usize = 16;

/// Why one upstream gave no answer.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("it did not answer in time")]
    Timeout,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its answer cannot be used: {0}")]
    Answer(#[from] AnswerError),
    #[error("it does not answer such questions (response code {rcode})")]
    Unwilling { rcode: u8 },
    #[error("too many questions are in flight")]
    Busy,
}

/// Asks over UDP from a fresh socket, so that the port is as random as the identifier. The socket is connected: the
/// kernel drops what others send, and says when nobody listens there.
pub(super) async fn udp(server: SocketAddr, question: &Question) -> Result<Answer, ExchangeError> {
    let local: SocketAddr =
        if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(server).await?;
    let id = random_id()?;
    socket.send(&query(id, question)).await?;
    let mut buffer = vec![0; RECEIVE];
    for _ in 0..FOREIGN_MAX {
        let length = socket.recv(&mut buffer).await?;
        match Answer::read(&buffer[..length], Wanted { id, question }) {
            Err(AnswerError::Foreign) => {}
            other => return Ok(other?),
        }
    }
    Err(AnswerError::Truncated.into())
}

/// Asks over a fresh TCP connection.
pub(super) async fn tcp(server: SocketAddr, question: &Question) -> Result<Answer, ExchangeError> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let id = random_id()?;
    let query = query(id, question);
    let mut frame = u16::try_from(query.len()).expect("a query is short").to_be_bytes().to_vec();
    frame.extend_from_slice(&query);
    stream.write_all(&frame).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(Answer::read(&answer, Wanted { id, question })?)
}

fn random_id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(bytes))
}

fn query(id: u16, question: &Question) -> Vec<u8> {
    // AD asks for the AD bit of the answer without DNSSEC records (RFC 6840 section 5.7).
    let checking = if question.checking_disabled { flag::CD } else { 0 };
    let mut message = Vec::with_capacity(64 + question.name.len());
    for word in [id, flag::RD | flag::AD | checking, 1, 0, 0, 1] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(&question.name);
    for word in [question.kind, class::IN] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.push(0);
    let dnssec_ok = if question.dnssec_ok { 0x8000 } else { 0 };
    for word in [kind::OPT, PAYLOAD, 0, dnssec_ok, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message
}
