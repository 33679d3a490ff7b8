//! Random questions, put to a resolver directly and through ours: they must agree, but where we mean to differ.

mod bent;
mod signed;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::lab::{Server, unbound};
use crate::office::{Office, query, query_edns};

use bent::{BENDS, Bend, Said};

/// Questions in a test run; `DIFFERENTIAL_QUESTIONS` asks for more.
const QUESTIONS: usize = 1000;
/// How long an answer is waited for that may never come, and again before silence is believed.
const WAIT: Duration = Duration::from_millis(60);
const BELIEVE: Duration = Duration::from_millis(1000);

/// A small generator of our own (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }

    fn byte(&mut self, most: usize) -> u8 {
        u8::try_from(self.below(most)).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn name(&mut self) -> String {
        let known = ["www.lab.example", "mail.lab.example", "_sip._tcp.lab.example", "lab.example", "big.lab.example"];
        let plain = match self.below(4) {
            0 => format!("n{}.lab.example", self.below(50)),
            1 => format!("{}.{}", self.of(&["a", "x--y", "_s", "1"]), self.of(&known)),
            _ => self.of(&known).to_owned(),
        };
        let spelled = plain.chars().map(|c| if self.below(2) == 0 { c.to_ascii_uppercase() } else { c });
        spelled.collect::<String>() + "."
    }

    fn question(&mut self) -> Message {
        let kinds = [
            RecordType::A,
            RecordType::AAAA,
            RecordType::MX,
            RecordType::TXT,
            RecordType::SRV,
            RecordType::SOA,
            RecordType::NS,
            RecordType::CNAME,
            RecordType::PTR,
            RecordType::HTTPS,
            RecordType::CAA,
            RecordType::Unknown(65_280),
        ];
        let name = self.name();
        // All others now and then. OPT and those from 128 to 255 are no types of records (RFC 6895 section 3.1).
        let kind = match self.below(3) {
            0 => RecordType::from(1 + u16::from(self.byte(127))),
            _ => self.of(&kinds),
        };
        let kind = if kind == RecordType::OPT { RecordType::Unknown(65_281) } else { kind };
        // The DS of a zone's apex is its parent's to answer (RFC 4035 section 3.1.4.1), and no such server is in the lab.
        let of_parent = kind == RecordType::DS && name.eq_ignore_ascii_case("lab.example.");
        let kind = if of_parent { RecordType::CDS } else { kind };
        match self.below(3) {
            0 => query(&name, kind),
            1 => query_edns(&name, kind, 1232, false),
            _ => query_edns(&name, kind, self.of(&[512, 1232, 4096]), true),
        }
    }
}

/// Why an answer of ours is meant to differ; `None` is an error.
fn reason(asked: &Message, direct: &Message, through: &Message) -> Option<&'static str> {
    let payload = asked.edns.as_ref().map_or(512, |edns| edns.max_payload().clamp(512, 1232));
    if through.metadata.truncation {
        let whole = direct.to_vec().unwrap().len();
        let close = direct.metadata.truncation || whole + 64 > usize::from(payload);
        return close.then_some("no answer over UDP is longer than 1232 bytes, whatever the client announces");
    }
    None
}

/// Response code, answers, and whether these stand in the order in which aliases are followed.
fn essence(message: &Message) -> (ResponseCode, Vec<String>, bool) {
    let mut answers: Vec<_> = message.answers.iter().map(|record| record.to_string().to_lowercase()).collect();
    answers.sort();
    (message.metadata.response_code, answers, is_walked_once(message))
}

/// Many a client goes through the answer section once, and takes what belongs to the name that it has come to.
fn is_walked_once(message: &Message) -> bool {
    let mut at: Vec<_> = message.queries.iter().map(|query| query.name().clone()).collect();
    message.answers.iter().all(|record| {
        let is_next = at.iter().any(|name| record.name.zone_of(name));
        if let RData::CNAME(target) = &record.data {
            at.push(target.0.clone());
        }
        is_next
    })
}

/// Unbound, and an office that asks it; one client may ask as much as it likes.
async fn side_by_side() -> (Server, Office) {
    let unbound = unbound("").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| {
        config.upstreams = vec![address.parse().unwrap()];
        config.client_questions_per_second = 1_000_000;
    })
    .await;
    (unbound, office)
}

/// How many questions this run asks.
fn questions() -> usize {
    std::env::var("DIFFERENTIAL_QUESTIONS").map_or(QUESTIONS, |count| count.parse().unwrap())
}

#[tokio::test]
async fn random_questions_are_answered_as_unbound_answers_them() {
    let (unbound, office) = side_by_side().await;
    let count = questions();
    let mut dice = Dice(0x6e61_6e6f_6761_7465);
    let mut meant = 0;
    for number in 0..count {
        let asked = dice.question();
        let Some(direct) = unbound.ask(&asked) else { panic!("unbound does not answer question {number}\n{asked}") };
        let through = office.exchange(asked.clone()).await;
        if essence(&direct) == essence(&through) {
            continue;
        }
        assert!(
            reason(&asked, &direct, &through).is_some(),
            "question {number}\n{asked}\ndirect {direct}\nthrough {through}"
        );
        meant += 1;
    }
    eprintln!("{count} questions, {meant} answered differently on purpose: cut at 1232 bytes");
    assert!(meant * 2 < count, "most agree");
}

/// Sends bytes; nothing is silence.
async fn exchange(to: SocketAddr, bytes: &[u8], wait: Duration) -> Option<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(to).await.unwrap();
    socket.send(bytes).await.unwrap();
    let mut buffer = vec![0; 65_535];
    let length = timeout(wait, socket.recv(&mut buffer)).await.ok()?.unwrap();
    Some(buffer[..length].to_vec())
}

fn code(answer: Option<&Vec<u8>>) -> Said {
    answer.map_or(Said::Silence, |answer| Said::Code(answer[3] & 0xf))
}

/// What ours says to a bent question, and what the other one says where that is something else.
async fn compare(bend: &Bend, bytes: &[u8], (theirs, ours): (SocketAddr, SocketAddr)) -> Option<(Said, Said)> {
    // Where one of them should be silent there is nothing to wait long for, unless that is what must be told.
    let first = if bend.ours == Said::Silence { WAIT } else { BELIEVE };
    let through = exchange(ours, bytes, first).await;
    let mut direct = exchange(theirs, bytes, WAIT).await;
    if through.is_some() && direct.is_none() {
        direct = exchange(theirs, bytes, BELIEVE).await;
    }
    let (through_code, direct_code) = (code(through.as_ref()), code(direct.as_ref()));
    if bend.ours != Said::Same {
        assert_eq!(through_code, bend.ours, "{}: {bytes:02x?}", bend.what);
    }
    if let Some(answer) = &through {
        assert!(answer.len() <= 1232 && answer[2] & 0x80 != 0 && answer[..2] == bytes[..2], "{}", bend.what);
    }
    let read = |answer: &Option<Vec<u8>>| answer.as_ref().and_then(|bytes| Message::from_vec(bytes).ok());
    let (through, direct) = (read(&through), read(&direct));
    let alike = match (&through, &direct) {
        (Some(through), Some(direct)) => essence(through) == essence(direct),
        _ => true,
    };
    (through_code != direct_code || !alike).then_some((through_code, direct_code))
}

#[tokio::test]
async fn bent_questions_are_refused_as_unbound_refuses_them_or_the_reason_is_known() {
    let (unbound, office) = side_by_side().await;
    let count = questions() / 5;
    let mut dice = Dice(0x6265_6e74_6265_6e74);
    let mut differences: BTreeMap<(&str, &str), (usize, String)> = BTreeMap::new();
    for number in 0..count {
        let bend = &BENDS[number % BENDS.len()];
        let bytes = bend.question(&mut dice);
        if let Some((ours, theirs)) = compare(bend, &bytes, (unbound.address, office.address)).await {
            assert!(!bend.why.is_empty(), "{}: ours {ours:?}, unbound {theirs:?}: {bytes:02x?}", bend.what);
            let row = differences.entry((bend.what, bend.why)).or_default();
            (row.0, row.1) = (row.0 + 1, format!("ours {ours:?}, unbound {theirs:?}"));
        }
    }
    for ((what, why), (times, said)) in &differences {
        eprintln!("{times:5} × {what}: {said}; {why}");
    }
    eprintln!("{count} bent questions, {} kinds of difference", differences.len());
    assert_eq!(office.dns.counters().questions() as usize, count, "each of them is counted once");
}
