use gate_core::{DnsOutcome, Reason};
use hickory_proto::rr::RecordType;
use tokio::io::AsyncWriteExt;

use crate::office::{Office, query, query_edns, read_tcp, write_tcp};

/// A question for `www.example.` with parts replaced.
fn bent(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = query("www.example.", RecordType::A).to_vec().unwrap();
    change(&mut bytes);
    bytes
}

/// What is sent, the response code (`None`: silence), and the name in the record.
type Row = (&'static str, Vec<u8>, Option<u8>, &'static str);

fn rows() -> Vec<Row> {
    let opt = |bytes: &mut Vec<u8>, opt: &[u8]| {
        bytes[11] += 1;
        bytes.extend_from_slice(opt);
    };
    const OPT: &[u8] = &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    vec![
        ("empty", Vec::new(), None, "."),
        ("short header", bent(|b| b.truncate(11)), None, "."),
        ("an answer", bent(|b| b[2] |= 0x80), None, "."),
        ("opcode STATUS", bent(|b| b[2] |= 0x10), Some(4), "."),
        ("opcode UPDATE", bent(|b| b[2] |= 0x28), Some(4), "."),
        ("no question", bent(|b| b[5] = 0), Some(1), "."),
        ("two questions", bent(|b| b[5] = 2), Some(1), "."),
        ("with an answer section", bent(|b| b[7] = 1), Some(1), "."),
        ("with an authority section", bent(|b| b[9] = 1), Some(1), "."),
        ("compressed name", bent(|b| b[12] = 0xc0), Some(1), "."),
        ("label of 64 bytes", bent(|b| b[12] = 64), Some(1), "."),
        ("cut in the name", bent(|b| b.truncate(18)), Some(1), "."),
        ("cut in the class", bent(|b| b.truncate(b.len() - 1)), Some(1), "."),
        ("class CHAOS", bent(|b| *b.last_mut().unwrap() = 3), Some(5), "www.example"),
        ("class ANY", bent(|b| *b.last_mut().unwrap() = 255), Some(5), "www.example"),
        ("bytes behind the end", bent(|b| b.push(0)), Some(1), "www.example"),
        (
            "type 0",
            bent(|b| {
                let at = b.len() - 3;
                b[at] = 0;
            }),
            Some(1),
            "www.example",
        ),
        (
            "type OPT",
            bent(|b| {
                let at = b.len() - 3;
                b[at] = 41;
            }),
            Some(1),
            "www.example",
        ),
        ("counted but missing additional", bent(|b| b[11] = 1), Some(1), "www.example"),
        ("65535 additionals", bent(|b| b[10..12].fill(255)), Some(1), "www.example"),
        (
            "two OPT records",
            bent(|b| {
                opt(b, OPT);
                opt(b, OPT);
            }),
            Some(1),
            "www.example",
        ),
        ("OPT with a name", bent(|b| opt(b, &[1, b'x', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])), Some(1), "www.example"),
        ("EDNS version 1", bent(|b| opt(b, &[0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0])), Some(0), "www.example"),
    ]
}

#[tokio::test]
async fn what_is_no_question_gets_a_code_or_silence_and_a_record() {
    let office = Office::open().await;
    let rows = rows();
    for (number, (what, bytes, rcode, name)) in rows.iter().enumerate() {
        match rcode {
            None => office.send_unheard(bytes).await,
            Some(rcode) => {
                let answer = office.send(bytes).await.unwrap_or_else(|| panic!("{what}: silence"));
                assert_eq!(answer[3] & 0xf, *rcode, "{what}");
                assert_eq!(answer[..2], bytes[..2], "{what}");
                assert!(answer[2] & 0x80 != 0 && answer.len() <= bytes.len().max(23), "{what}: {answer:?}");
            }
        }
        // Its record follows its answer, and the next question may reach another thread: only waiting keeps the order.
        let record = office.records(number + 1).await.remove(number);
        assert_eq!(record.outcome, DnsOutcome::Refused(Reason::BadQuestion), "{what}");
        assert_eq!(record.name, *name, "{what}");
        let extended = if *what == "EDNS version 1" { Some(16) } else { *rcode };
        assert_eq!(record.rcode, extended, "{what}");
    }
    assert_eq!(office.upstream.asked(), (0, 0));
}

#[tokio::test]
async fn every_cut_and_every_flipped_byte_is_survived() {
    let office = Office::open().await;
    let whole = query_edns("api.acme.example.", RecordType::A, 1232, true).to_vec().unwrap();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut sent = 0;
    for cut in 0..whole.len() {
        socket.send_to(&whole[..cut], office.address).await.unwrap();
        let mut flipped = whole.clone();
        flipped[cut] ^= 0xff;
        socket.send_to(&flipped, office.address).await.unwrap();
        sent += 2;
        if cut % 16 == 0 {
            office.records(sent).await;
        }
    }
    office.records(sent).await;
    assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
}

#[tokio::test]
async fn strangers_hear_nothing_over_udp_and_refused_over_tcp() {
    let office = Office::open_with(|config| config.local_subnets = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let question = query("api.acme.example.", RecordType::A).to_vec().unwrap();
    office.send_unheard(&question).await;
    office.records(1).await;
    office.send_unheard(b"nonsense").await;
    office.records(2).await;
    let mut stream = office.connect().await;
    write_tcp(&mut stream, &question).await;
    let answer = read_tcp(&mut stream).await.unwrap();
    assert_eq!((u16::from(answer.metadata.response_code), answer.answers.len()), (5, 0));
    assert!(read_tcp(&mut stream).await.is_none(), "and the connection is closed");
    let records = office.records(3).await;
    assert!(records.iter().all(|record| record.outcome == DnsOutcome::Refused(Reason::NotLocal)));
    let told: Vec<_> = records.iter().map(|record| (record.name.as_str(), record.rcode)).collect();
    assert_eq!(told, [("api.acme.example", None), (".", None), ("api.acme.example", Some(5))]);
    assert_eq!(office.upstream.asked(), (0, 0));
}

#[tokio::test]
async fn strangers_cannot_take_the_places_of_others() {
    let office = Office::open_with(|config| {
        config.local_subnets = vec!["10.0.0.0/8".parse().unwrap()];
        config.tcp_connections_per_client = 100;
    })
    .await;
    let mut streams = Vec::new();
    for _ in 0..9 {
        streams.push(office.connect().await);
    }
    assert!(read_tcp(&mut streams[8]).await.is_none(), "eight are listened to at once");
    assert_eq!(office.dns.counters().tcp_turned_away, 1);
}

#[tokio::test]
async fn subnets_of_the_pucks_interfaces_are_local() {
    let office = Office::open_with(|config| config.local_subnets = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let mut identity = crate::office::identity();
    identity.subnets = vec!["127.0.0.0/8".parse().unwrap()];
    office.dns.replace(crate::office::catalogue(), identity);
    assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
}

#[tokio::test]
async fn tcp_takes_questions_one_after_the_other_and_byte_by_byte() {
    let office = Office::open().await;
    let mut stream = office.connect().await;
    stream.set_nodelay(true).unwrap();
    let question = query("api.acme.example.", RecordType::A).to_vec().unwrap();
    let mut frame = u16::try_from(question.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&question);
    for byte in &frame {
        stream.write_u8(*byte).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 1);
    stream.write_all(&frame.repeat(20)).await.unwrap();
    for _ in 0..20 {
        assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 1);
    }
    let records = office.records(21).await;
    assert!(records.iter().all(|record| matches!(record.outcome, DnsOutcome::Steered { .. })));
}

#[tokio::test]
async fn tcp_closes_on_what_is_no_query() {
    let office = Office::open().await;
    let mut stream = office.connect().await;
    stream.write_all(&[0xff, 0xff]).await.unwrap();
    assert!(read_tcp(&mut stream).await.is_none());
    let mut stream = office.connect().await;
    write_tcp(&mut stream, b"short").await;
    write_tcp(&mut stream, &query("api.acme.example.", RecordType::A).to_vec().unwrap()).await;
    assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 1, "silence to the first, an answer to the second");
}
