//! UDP, and TCP where UDP does not do.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use hickory_proto::op::Message;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

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
/// How long TCP is waited for where an answer over UDP is there and doubtful.
const TCP_PATIENCE: Duration = Duration::from_millis(500);
/// Respelled answers that must have come twice before they are expected.
const REPEATED: u32 = 3;
/// Where only TCP gets through, one question after so long goes both ways, and UDP is waited for so long after TCP.
const UDP_AGAIN: Duration = Duration::from_secs(60);
const UDP_LATE: Duration = Duration::from_millis(20);
/// How long UDP is waited for where TCP was answered and UDP was not; who is further away is found out later.
const UDP_PATIENCE: Duration = Duration::from_millis(500);

/// A resolver on port 53.
pub(in crate::act) struct Plain {
    server: SocketAddr,
    /// It answers with the question in its own spelling, even over TCP where nobody could have forged it.
    respells: AtomicBool,
    /// So many answers over UDP lost it and came a second time, while TCP did not answer.
    repeated: AtomicU32,
    /// UDP is not answered, though TCP is: it is tried again then.
    mute: Mutex<Option<Instant>>,
    tcp: Semaphore,
}

/// What came over UDP.
enum Datagram {
    Answer(Answer),
    /// It lost the spelling by which it would be known: TCP tells whether it is the server's.
    Respelled(Answer),
    /// Long, or doubtful: TCP tells.
    AskAgain,
}

impl Plain {
    pub(super) fn new(server: SocketAddr) -> Self {
        Self {
            server,
            respells: AtomicBool::new(false),
            repeated: AtomicU32::new(0),
            mute: Mutex::new(None),
            tcp: Semaphore::new(TCP_EXCHANGES),
        }
    }

    pub(super) async fn exchange(&self, question: &Question, edns: &Edns, sent: bool) -> Result<Answer, ExchangeError> {
        let datagram = if self.is_mute() {
            if !self.tries_again() {
                return self.by_tcp_alone(question, edns, sent).await;
            }
            // Where UDP gets through it comes before TCP, however far the upstream is, and soon after it at the latest.
            let mut tcp = pin!(self.by_tcp_alone(question, edns, sent));
            let mut udp = pin!(self.udp(question, edns, sent).fuse());
            let datagram = tokio::select! {
                Ok(datagram) = &mut udp => datagram,
                answer = &mut tcp => {
                    if udp.is_terminated() {
                        return answer;
                    }
                    match timeout(UDP_LATE, udp).await {
                        Ok(Ok(datagram)) => datagram,
                        _ => return answer,
                    }
                }
            };
            *self.mute.lock() = None;
            datagram
        } else {
            self.udp(question, edns, sent).await?
        };
        let first = match datagram {
            Datagram::Answer(answer) => return Ok(answer),
            Datagram::AskAgain => return self.by_tcp_alone(question, edns, sent).await,
            Datagram::Respelled(answer) => answer,
        };
        match timeout(TCP_PATIENCE, self.over_tcp(question, edns, sent)).await {
            Ok(Ok((answer, respelled))) => {
                if respelled {
                    self.respells.store(true, Ordering::Relaxed);
                }
                Ok(answer)
            }
            _ => self.once_more(question, edns, sent, first).await,
        }
    }

    /// Where TCP does not tell whether a respelled answer is the server's, it is believed if it comes again: whoever forged
    /// it would have to guess two ports and identifiers. A server that did so a few times loses spellings.
    async fn once_more(
        &self,
        question: &Question,
        edns: &Edns,
        sent: bool,
        first: Answer,
    ) -> Result<Answer, ExchangeError> {
        match self.udp(question, edns, sent).await? {
            Datagram::Answer(answer) => Ok(answer),
            Datagram::Respelled(again) if says_the_same(&first, &again) => {
                if self.repeated.fetch_add(1, Ordering::Relaxed) + 1 >= REPEATED {
                    self.respells.store(true, Ordering::Relaxed);
                }
                Ok(again)
            }
            _ => Err(AnswerError::Foreign.into()),
        }
    }

    /// Asks over TCP where UDP was not answered. If that is, questions go this way from now on, unless UDP is answered too by
    /// now: the line may have been down before.
    pub(super) async fn try_tcp(&self, question: &Question, edns: &Edns) -> Result<Answer, ExchangeError> {
        let sent = edns.is_sent(Instant::now());
        let answer = self.by_tcp_alone(question, edns, sent).await.inspect_err(|_| *self.mute.lock() = None)?;
        *self.mute.lock() = Some(Instant::now() + UDP_AGAIN);
        if matches!(timeout(UDP_PATIENCE, self.udp(question, edns, sent)).await, Ok(Ok(_))) {
            *self.mute.lock() = None;
        }
        Ok(answer)
    }

    /// Whether only TCP gets through.
    pub(super) fn is_mute(&self) -> bool {
        self.mute.lock().is_some()
    }

    /// Whether this question is the one to try UDP again with.
    fn tries_again(&self) -> bool {
        let (now, mut mute) = (Instant::now(), self.mute.lock());
        let due = mute.is_some_and(|again| again <= now);
        if due {
            *mute = Some(now + UDP_AGAIN);
        }
        due
    }

    async fn by_tcp_alone(&self, question: &Question, edns: &Edns, sent: bool) -> Result<Answer, ExchangeError> {
        self.over_tcp(question, edns, sent).await.map(|(answer, _)| answer)
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
                return Ok(Datagram::AskAgain);
            }
            let message = &buffer[..length];
            match Answer::read(message, Wanted { id, question }) {
                Err(AnswerError::Foreign) => {}
                Err(AnswerError::Truncated) => return Ok(Datagram::AskAgain),
                Ok(answer) if !self.respells.load(Ordering::Relaxed) && !is_spelled(message, &query, question) => {
                    return Ok(Datagram::Respelled(answer));
                }
                other => {
                    edns.see(message);
                    return Ok(Datagram::Answer(other?));
                }
            }
        }
        Ok(Datagram::AskAgain)
    }

    /// Asks over a fresh TCP connection; also says whether the spelling was lost.
    async fn over_tcp(&self, question: &Question, edns: &Edns, sent: bool) -> Result<(Answer, bool), ExchangeError> {
        let _slot = self.tcp.acquire().await.map_err(|_| ExchangeError::Busy)?;
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

/// Whether two answers hold the same records, in any order and with any time left.
fn says_the_same(one: &Answer, other: &Answer) -> bool {
    let essence = |answer: &Answer| {
        let message = Message::from_vec(answer.message()).ok()?;
        let mut records: Vec<_> =
            message.answers.iter().map(|r| (r.name.to_lowercase(), r.record_type(), r.data.to_string())).collect();
        records.sort();
        Some((message.metadata.response_code, records))
    };
    essence(one).is_some_and(|one| essence(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};
    use tokio::time::Instant;

    use super::Plain;
    use crate::act::exchange::edns::Edns;
    use crate::parse::{Question, kind};

    /// "No such record", with the question as it came.
    fn answer(query: &[u8]) -> Vec<u8> {
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer
    }

    fn question() -> Question {
        let name: Box<[u8]> = b"\x03www\x07example\0".as_slice().into();
        Question { name, kind: kind::A, dnssec_ok: false, checking_disabled: false, way: 0 }
    }

    async fn serve_tcp(tcp: TcpListener) {
        loop {
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut query).await.unwrap();
            let answer = answer(&query);
            stream.write_u16(answer.len() as u16).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    }

    async fn serve_udp(udp: UdpSocket) {
        let mut buffer = [0; 512];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer).await {
            let _ = udp.send_to(&answer(&buffer[..length]), peer).await;
        }
    }

    #[tokio::test]
    async fn udp_is_taken_up_again_once_it_is_answered() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        tokio::spawn(serve_tcp(tcp));
        let (plain, edns) = (Plain::new(address), Edns::default());
        assert!(!plain.is_mute());
        plain.try_tcp(&question(), &edns).await.unwrap();
        for _ in 0..3 {
            *plain.mute.lock() = Some(Instant::now());
            plain.exchange(&question(), &edns, false).await.unwrap();
            assert!(plain.is_mute(), "nobody listens there");
        }
        let udp = UdpSocket::bind(address).await.unwrap();
        tokio::spawn(serve_udp(udp));
        *plain.mute.lock() = Some(Instant::now());
        plain.exchange(&question(), &edns, false).await.unwrap();
        assert!(!plain.is_mute(), "it is taken up again");
    }

    #[tokio::test]
    async fn udp_that_is_answered_by_then_is_not_given_up() {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let udp = UdpSocket::bind(tcp.local_addr().unwrap()).await.unwrap();
        let (plain, edns) = (Plain::new(tcp.local_addr().unwrap()), Edns::default());
        tokio::spawn(serve_tcp(tcp));
        tokio::spawn(serve_udp(udp));
        plain.try_tcp(&question(), &edns).await.unwrap();
        assert!(!plain.is_mute(), "UDP is answered by now");
    }
}
