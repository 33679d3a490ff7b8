//! An upstream resolver inside the test, UDP and TCP on one loopback port.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{Name, RData, Record, RecordType, rdata};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// What a name is answered with.
#[derive(Clone, Default)]
pub(crate) struct Zone {
    pub(crate) answers: Vec<Record>,
    pub(crate) authorities: Vec<Record>,
    pub(crate) additionals: Vec<Record>,
    pub(crate) rcode: Option<ResponseCode>,
    /// Say "truncated" over UDP.
    pub(crate) tcp_only: bool,
    /// So many times three packets that somebody else could have sent go before the true answer over UDP.
    pub(crate) forged: usize,
    /// The question comes back in lower case, as some servers write it.
    pub(crate) lowers: bool,
    pub(crate) authentic: bool,
    /// The code of an EDE option (RFC 8914).
    pub(crate) reason: Option<u16>,
    pub(crate) delay: Duration,
    pub(crate) silent: bool,
    /// What stands behind the question, byte by byte; made of the question's name as it was asked.
    pub(crate) raw: Option<fn(&[u8]) -> Raw>,
}

/// The records of an answer: how many there are in each section, and their bytes.
pub(crate) struct Raw {
    pub(crate) counts: [u16; 3],
    pub(crate) records: Vec<u8>,
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    zones: Mutex<HashMap<(String, RecordType), Zone>>,
    heard: Mutex<Vec<(String, RecordType)>>,
    udp: AtomicUsize,
    tcp: AtomicUsize,
    tcp_now: AtomicUsize,
    tcp_peak: AtomicUsize,
    deaf: AtomicBool,
    old: Mutex<Option<Old>>,
}

/// What a server older than EDNS says to OPT.
#[derive(Clone, Copy)]
pub(crate) struct Old {
    pub(crate) rcode: ResponseCode,
    /// Nothing but a header.
    pub(crate) bare: bool,
}

impl Upstream {
    /// Over UDP alone.
    pub(crate) async fn start_without_tcp() -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (address, shared) = (udp.local_addr().unwrap(), Arc::new(Shared::default()));
        tokio::spawn(serve_udp(Arc::new(udp), Arc::clone(&shared)));
        Self { address, shared }
    }

    pub(crate) async fn start() -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        tokio::spawn(serve_udp(Arc::new(udp), Arc::clone(&shared)));
        tokio::spawn(serve_tcp(tcp, Arc::clone(&shared)));
        Self { address, shared }
    }

    pub(crate) fn set(&self, name: &str, kind: RecordType, zone: Zone) {
        self.shared.zones.lock().unwrap().insert((name.to_owned(), kind), zone);
    }

    /// What comes over UDP is lost from now on.
    pub(crate) fn deafen(&self) {
        self.shared.deaf.store(true, Ordering::SeqCst);
    }

    /// Questions with OPT are not understood from now on, and no answer has one.
    pub(crate) fn grow_old(&self, old: Old) {
        *self.shared.old.lock().unwrap() = Some(old);
    }

    /// Questions received over UDP and TCP.
    pub(crate) fn asked(&self) -> (usize, usize) {
        (self.shared.udp.load(Ordering::SeqCst), self.shared.tcp.load(Ordering::SeqCst))
    }

    /// How often this was asked.
    pub(crate) fn heard(&self, name: &str, kind: RecordType) -> usize {
        let heard = self.shared.heard.lock().unwrap();
        heard.iter().filter(|(asked, of)| asked.eq_ignore_ascii_case(name) && *of == kind).count()
    }

    /// Most TCP questions that were being answered at once.
    pub(crate) fn tcp_peak(&self) -> usize {
        self.shared.tcp_peak.load(Ordering::SeqCst)
    }
}

pub(crate) fn record(name: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(Name::from_ascii(name).unwrap(), ttl, data)
}

pub(crate) fn a(name: &str, ttl: u32, ip: &str) -> Record {
    record(name, ttl, RData::A(rdata::A(ip.parse().unwrap())))
}

pub(crate) fn aaaa(name: &str, ttl: u32, ip: &str) -> Record {
    record(name, ttl, RData::AAAA(rdata::AAAA(ip.parse().unwrap())))
}

pub(crate) fn cname(name: &str, ttl: u32, target: &str) -> Record {
    record(name, ttl, RData::CNAME(rdata::CNAME(Name::from_ascii(target).unwrap())))
}

pub(crate) fn mx(name: &str, ttl: u32, exchange: &str) -> Record {
    record(name, ttl, RData::MX(rdata::MX::new(10, Name::from_ascii(exchange).unwrap())))
}

pub(crate) fn txt(name: &str, ttl: u32, bytes: usize) -> Vec<Record> {
    let text = |i: usize| format!("{i:04}{}", "x".repeat(196));
    (0..bytes.div_ceil(200)).map(|i| record(name, ttl, RData::TXT(rdata::TXT::new(vec![text(i)])))).collect()
}

pub(crate) fn soa(name: &str, ttl: u32, minimum: u32) -> Record {
    let host = Name::from_ascii("ns.example.").unwrap();
    record(name, ttl, RData::SOA(rdata::SOA::new(host.clone(), host, 1, 2, 3, 4, minimum)))
}

pub(crate) fn answers(answers: Vec<Record>) -> Zone {
    Zone { answers, ..Zone::default() }
}

async fn serve_udp(socket: Arc<UdpSocket>, shared: Arc<Shared>) {
    let mut buffer = [0; 4096];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        shared.udp.fetch_add(1, Ordering::SeqCst);
        if shared.deaf.load(Ordering::SeqCst) {
            continue;
        }
        let (query, socket, shared) = (buffer[..length].to_vec(), Arc::clone(&socket), Arc::clone(&shared));
        tokio::spawn(async move {
            for message in shared.answer(&query, true).await {
                socket.send_to(&message, peer).await.unwrap();
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut query = vec![0; usize::from(length)];
                stream.read_exact(&mut query).await.unwrap();
                shared.tcp.fetch_add(1, Ordering::SeqCst);
                let now = shared.tcp_now.fetch_add(1, Ordering::SeqCst) + 1;
                shared.tcp_peak.fetch_max(now, Ordering::SeqCst);
                let messages = shared.answer(&query, false).await;
                shared.tcp_now.fetch_sub(1, Ordering::SeqCst);
                for message in messages {
                    stream.write_u16(u16::try_from(message.len()).unwrap()).await.unwrap();
                    stream.write_all(&message).await.unwrap();
                }
            }
        });
    }
}

impl Shared {
    async fn answer(&self, bytes: &[u8], udp: bool) -> Vec<Vec<u8>> {
        let query = Message::from_vec(bytes).unwrap();
        let question = query.queries[0].clone();
        let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        self.heard.lock().unwrap().push((name.clone(), question.query_type()));
        let zone = self.zones.lock().unwrap().get(&(name, question.query_type())).cloned();
        let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        let old = *self.old.lock().unwrap();
        if let Some(old) = old.filter(|_| query.edns.is_some()) {
            answer.metadata.response_code = old.rcode;
            if !old.bare {
                answer.add_query(question);
            }
            return vec![answer.to_vec().unwrap()];
        }
        let is_root = question.name().is_root();
        answer.add_query(question);
        // The root is there, whoever asks.
        let Some(zone) = zone.or_else(|| is_root.then(Zone::default)) else {
            answer.metadata.response_code = ResponseCode::NXDomain;
            answer.add_authority(soa("example.", 60, 60));
            return vec![answer.to_vec().unwrap()];
        };
        tokio::time::sleep(zone.delay).await;
        if zone.silent {
            return Vec::new();
        }
        if let Some(raw) = zone.raw {
            return vec![raw_answer(bytes, raw)];
        }
        answer.metadata.response_code = zone.rcode.unwrap_or(ResponseCode::NoError);
        answer.metadata.authentic_data = zone.authentic;
        if zone.lowers {
            let lower = answer.queries[0].name().to_lowercase();
            answer.queries[0].set_name(lower);
        }
        answer.metadata.truncation = zone.tcp_only && udp;
        if !answer.metadata.truncation {
            answer.add_answers(zone.answers.clone());
            answer.insert_authorities(zone.authorities.clone());
            answer.insert_additionals(zone.additionals.clone());
        }
        let mut edns = Edns::new();
        edns.set_max_payload(4096);
        if let Some(reason) = zone.reason {
            edns.options_mut().insert(EdnsOption::Unknown(15, reason.to_be_bytes().to_vec()));
        }
        if old.is_none() {
            answer.set_edns(edns);
        }
        let rounds = if udp { zone.forged } else { 0 };
        let forged: Vec<_> = (0..rounds).flat_map(|_| forgeries(&answer)).collect();
        forged.into_iter().chain([answer]).map(|message| message.to_vec().unwrap()).collect()
    }
}

/// The question as it came, and what is written behind it.
fn raw_answer(query: &[u8], raw: fn(&[u8]) -> Raw) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let Raw { counts, records } = raw(&query[12..end]);
    let counts: Vec<u8> = counts.into_iter().flat_map(u16::to_be_bytes).collect();
    [&query[..2], &[0x81, 0x80, 0, 1], &counts, &query[12..end + 4], &records].concat()
}

/// What a guesser would send: another identifier, another question, a question instead of an answer.
fn forgeries(truth: &Message) -> Vec<Message> {
    let lie = |name: &str| a(name, 600, "203.0.113.66");
    let name = truth.queries[0].name().to_ascii();
    let mut other_id = truth.clone();
    other_id.metadata.id ^= 1;
    other_id.answers = vec![lie(&name)];
    let mut other_name = truth.clone();
    other_name.queries[0].set_name(Name::from_ascii("other.example.").unwrap());
    other_name.answers = vec![lie(&name)];
    let mut no_answer = truth.clone();
    no_answer.metadata.message_type = MessageType::Query;
    no_answer.answers = vec![lie(&name)];
    vec![other_id, other_name, no_answer]
}
