//! Answers as some upstreams write them, byte by byte.

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;

use crate::office::{Office, query, read_tcp, write_tcp};
use crate::upstream::{Raw, Zone};

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
        assert_eq!(spelled(&answer), [name, name, "eXaMpLe."], "{name}");
        let mut stream = office.connect().await;
        write_tcp(&mut stream, &query(name, RecordType::A).to_vec().unwrap()).await;
        assert_eq!(spelled(&read_tcp(&mut stream).await.unwrap()), [name, name, "eXaMpLe."], "{name} over TCP");
    }
    assert_eq!(office.upstream.asked().0, 1);
    let mut file = Vec::new();
    office.dns.save(&mut file).unwrap();
    let next = Office::open().await;
    next.dns.load(&mut file.as_slice()).unwrap();
    let kept = next.ask("wwW.examplE.", RecordType::A).await;
    assert_eq!(spelled(&kept), ["wwW.examplE.", "wwW.examplE.", "eXaMpLe."], "after a restart");
}
