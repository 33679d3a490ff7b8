//! Answers as some upstreams write them, byte by byte.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::edns::{option, with_option};
use crate::office::{Office, query, read_tcp, write_tcp};
use crate::upstream::{Raw, Upstream, Zone, a, answers};

fn raw(write: fn(&[u8]) -> Raw) -> Zone {
    Zone { raw: Some(write), ..Zone::default() }
}

/// Two addresses of the name as it was asked, the name written out whole and in part, and its zone's server.
fn written_out(name: &[u8]) -> Raw {
    let address = b"\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xcb\x00\x71\x01";
    let server = b"\x07eXaMpLe\x00\x00\x02\x00\x01\x00\x00\x01\x2c\x00\x0c\x02Ns\x07eXaMpLe\x00";
    Raw { counts: [2, 1, 0], records: [name, address, &name[..4], b"\xc0\x10", address, server].concat() }
}

fn spelled(message: &Message) -> Vec<String> {
    message.answers.iter().chain(&message.authorities).map(|record| record.name.to_ascii()).collect()
}

#[tokio::test]
async fn a_client_sees_its_own_spelling_also_where_the_name_is_written_out_again() {
    let office = Office::open().await;
    office.upstream.set("www.example", RecordType::A, raw(written_out));
    // Asked, from the cache, then copied.
    for name in ["www.example.", "wWw.eXample.", "WWW.EXAMPLE.", "www.Example.", "www.example."] {
        let answer = office.ask(name, RecordType::A).await;
        assert_eq!(spelled(&answer), [name, name], "{name}");
        let mut stream = office.connect().await;
        write_tcp(&mut stream, &query(name, RecordType::A).to_vec().unwrap()).await;
        assert_eq!(spelled(&read_tcp(&mut stream).await.unwrap()), [name, name], "{name} over TCP");
    }
    assert_eq!(office.upstream.asked().0, 1);
    let mut file = Vec::new();
    office.dns.save(&mut file).unwrap();
    let next = Office::open().await;
    next.dns.load(&mut file.as_slice()).unwrap();
    let kept = next.ask("wwW.examplE.", RecordType::A).await;
    assert_eq!(spelled(&kept), ["wwW.examplE.", "wwW.examplE."], "after a restart");
}

/// One record of the asked name with some data.
fn record(kind: u8, data: &[u8]) -> Raw {
    let head = [0xc0, 12, 0, kind, 0, 1, 0, 0, 1, 44, 0, u8::try_from(data.len()).unwrap()];
    Raw { counts: [1, 0, 0], records: [head.as_slice(), data].concat() }
}

/// A name, what of it is asked, and what the upstream says.
type Row = (&'static str, RecordType, fn(&[u8]) -> Raw);

#[tokio::test]
async fn a_malformed_answer_is_refused_and_says_so() {
    let office = Office::open().await;
    let rows: [Row; 6] = [
        ("short.example", RecordType::A, |_| record(1, &[203, 0, 113])),
        ("long.example", RecordType::AAAA, |_| record(28, &[0; 17])),
        ("mail.example", RecordType::MX, |_| record(15, b"\x00\x0a\x04mail\x07exa")),
        ("alias.example", RecordType::A, |_| record(5, b"\x03www\xc0\xff")),
        ("service.example", RecordType::HTTPS, |_| record(65, b"\x00\x01\x00\x00\x03\x00\x02\x01")),
        ("text.example", RecordType::TXT, |_| record(16, b"\x09text")),
    ];
    for (name, kind, write) in rows {
        office.upstream.set(name, kind, raw(write));
        let mut question = with_option(&format!("{name}."), 10, b"clientid");
        let at = 12 + name.len() + 2;
        question[at..at + 2].copy_from_slice(&u16::from(kind).to_be_bytes());
        for round in 0..3 {
            let answer = office.send(&question).await.unwrap();
            assert_eq!((answer[3] & 0xf, &answer[6..8]), (2, [0, 0].as_slice()), "{name} in round {round}");
            let words = b"\0\0the upstream resolver's answer is malformed";
            assert_eq!(option(&answer, 15).as_deref(), Some(words.as_slice()), "{name} in round {round}");
        }
    }
    let state = &office.dns.upstreams()[0];
    assert!(
        state.working && state.failure.is_none(),
        "whoever owns a zone brings no upstream into disrepute: {state:?}"
    );
}

#[tokio::test]
async fn another_upstream_may_have_a_better_answer() {
    let (bent, good) = (Upstream::start().await, Upstream::start().await);
    bent.set("www.example", RecordType::A, raw(|_| record(1, &[203, 0, 113])));
    good.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    let second = good.address.to_string().parse().unwrap();
    let office = Office::open_behind(bent, |config| config.upstreams.push(second));
    let answer = office.ask("www.example.", RecordType::A).await;
    assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 1));
    assert_eq!(office.upstream.asked().0, 1, "it was asked first");
}
