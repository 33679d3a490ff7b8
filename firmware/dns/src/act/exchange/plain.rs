//! UDP, and TCP where UDP does not do.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use super::ExchangeError;
use super::edns::Edns;
use super::message::{framed, query, random_id, spell_at_random};
use crate::parse::{Answer, AnswerError, HEADER, Question, Wanted};

/// Larger than what is asked for, so that an upstream which ignores it is still understood.
const RECEIVE: usize = 4096;
/// After so many packets that answer something else, somebody is guessing: TCP cannot be guessed.
const FOREIGN_MAX: usize = 16;
/// TCP exchanges with one upstream at once: each may hold 64 KiB.
const TCP_EXCHANGES: usize = 32;

/// A resolver on port 53.
pub(in crate::act) struct Plain {
    server: SocketAddr,
    /// It answers with the question in its own spelling, even over TCP where nobody could have forged it.
    respells: AtomicBool,
    tcp: Semaphore,
}

/// What came over UDP.
enum Datagram {
    Answer(Answer),
    /// Long, or doubtful: TCP tells.
    AskAgain {
        spelled: bool,
    },
}

impl Plain {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self { server, respells: AtomicBool::new(false), tcp: Semaphore::new(TCP_EXCHANGES) }
    }

    pub(super) async fn exchange(&self, question: &Question, edns: &Edns, sent: bool) -> Result<Answer, ExchangeError> {
        let spelled = match self.udp(question, edns, sent).await? {
            Datagram::Answer(answer) => return Ok(answer),
            Datagram::AskAgain { spelled } => spelled,
        };
        let _slot = self.tcp.acquire().await.map_err(|_| ExchangeError::Busy)?;
        let (answer, respelled) = self.over_tcp(question, edns, sent).await?;
        if !spelled && respelled {
            self.respells.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Asks from a fresh socket, so that the port is as random as the identifier. The socket is connected: the kernel
    /// drops what others send, and says when nobody listens there.
    async fn udp(&self, question: &Question, edns: &Edns, sent: bool) -> Result<Datagram, ExchangeError> {
        let local: SocketAddr =
            if self.server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(local).await?;
        socket.connect(self.server).await?;
        let id = random_id()?;
        let query = spelled_query(id, question, sent)?;
        socket.send(&query).await?;
        let mut buffer = vec![0; RECEIVE];
        for _ in 0..FOREIGN_MAX {
            let length = socket.recv(&mut buffer).await?;
            if length == RECEIVE {
                // Perhaps the kernel has cut it.
                return Ok(Datagram::AskAgain { spelled: true });
            }
            let message = &buffer[..length];
            match Answer::read(message, Wanted { id, question }) {
                Err(AnswerError::Foreign) => {}
                Err(AnswerError::Truncated) => return Ok(Datagram::AskAgain { spelled: true }),
                Ok(_) if !self.respells.load(Ordering::Relaxed) && !is_spelled(message, &query, question) => {
                    return Ok(Datagram::AskAgain { spelled: false });
                }
                other => {
                    edns.see(message);
                    return Ok(Datagram::Answer(other?));
                }
            }
        }
        Ok(Datagram::AskAgain { spelled: true })
    }

    /// Asks over a fresh TCP connection; also says whether the spelling was lost.
    async fn over_tcp(&self, question: &Question, edns: &Edns, sent: bool) -> Result<(Answer, bool), ExchangeError> {
        let mut stream = TcpStream::connect(self.server).await?;
        stream.set_nodelay(true)?;
        let id = random_id()?;
        let query = spelled_query(id, question, sent)?;
        stream.write_all(&framed(&query)).await?;
        let mut message = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut message).await?;
        let answer = Answer::read(&message, Wanted { id, question })?;
        edns.see(&message);
        Ok((answer, !is_spelled(&message, &query, question)))
    }
}

fn spelled_query(id: u16, question: &Question, edns: bool) -> Result<Vec<u8>, ExchangeError> {
    let mut query = query(id, question, edns);
    spell_at_random(&mut query, question.name.len())?;
    Ok(query)
}

fn is_spelled(message: &[u8], query: &[u8], question: &Question) -> bool {
    let name = HEADER..HEADER + question.name.len();
    message.get(name.clone()) == query.get(name)
}
