//! Random questions, put to a resolver directly and through ours: they must agree, but where we mean to differ.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::lab::unbound;
use crate::office::{Office, query, query_edns};

/// Questions in a test run; `DIFFERENTIAL_QUESTIONS` asks for more.
const QUESTIONS: usize = 1000;

/// A small generator of our own (xorshift), so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
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
        let (name, kind) = (self.name(), self.of(&kinds));
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

fn essence(message: &Message) -> (ResponseCode, Vec<String>) {
    let mut answers: Vec<_> = message.answers.iter().map(|record| record.to_string().to_lowercase()).collect();
    answers.sort();
    (message.metadata.response_code, answers)
}

#[tokio::test]
async fn random_questions_are_answered_as_unbound_answers_them() {
    let unbound = unbound("").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| {
        config.upstreams = vec![address.parse().unwrap()];
        // One client asks them all.
        config.client_questions_per_second = 1_000_000;
    })
    .await;
    let count = std::env::var("DIFFERENTIAL_QUESTIONS").map_or(QUESTIONS, |count| count.parse().unwrap());
    let mut dice = Dice(0x6e61_6e6f_6761_7465);
    let mut meant = 0;
    for number in 0..count {
        let asked = dice.question();
        let direct = unbound.ask(&asked).expect("unbound answers");
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
