//! Answers that are copied, and questions that are counted.

use std::time::Duration;

use gate_core::DnsTally;
use gate_dns::JournalQuestions;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use crate::office::{Office, PATIENCE, ip, query, query_edns};
use crate::upstream::{Zone, a, answers, txt};

/// One client socket, so that one thread of the resolver sees all of its questions.
struct Client(UdpSocket);

impl Client {
    async fn of(office: &Office) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(office.address).await.unwrap();
        Self(socket)
    }

    async fn ask(&self, question: &[u8]) -> Vec<u8> {
        self.0.send(question).await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = tokio::time::timeout(PATIENCE, self.0.recv(&mut buffer)).await.expect("an answer").unwrap();
        buffer.truncate(length);
        buffer
    }
}

#[tokio::test]
async fn a_copy_is_byte_for_byte_what_would_have_been_made() {
    let office = Office::open().await;
    let client = Client::of(&office).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    office.upstream.set("www.example", RecordType::TXT, answers(txt("www.example.", 300, 200)));
    for (kind, seconds) in [(RecordType::A, 0), (RecordType::TXT, 17)] {
        office.clock.set_seconds(1_800_000_000 + seconds);
        for question in [query("wWw.Example.", kind), query_edns("www.example.", kind, 1232, true)] {
            let question = question.to_vec().unwrap();
            let forwarded = client.ask(&question).await;
            for _ in 0..3 {
                assert_eq!(client.ask(&question).await, forwarded);
            }
        }
    }
    assert_eq!(office.upstream.asked().0, 4, "the DNSSEC bit makes another question");
}

#[tokio::test]
async fn a_burst_of_more_than_one_batch_is_answered_whole() {
    let office = Office::open().await;
    let client = Client::of(&office).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    let question = query("www.example.", RecordType::A).to_vec().unwrap();
    client.ask(&question).await;
    for number in 0..200_u16 {
        let mut question = question.clone();
        question[..2].copy_from_slice(&number.to_be_bytes());
        client.0.send(&question).await.unwrap();
    }
    let mut seen = [false; 200];
    for _ in 0..200 {
        let mut buffer = [0; 512];
        tokio::time::timeout(PATIENCE, client.0.recv(&mut buffer)).await.expect("an answer").unwrap();
        seen[usize::from(u16::from_be_bytes([buffer[0], buffer[1]]))] = true;
    }
    assert!(seen.iter().all(|seen| *seen));
}

#[tokio::test]
async fn a_name_that_becomes_steered_is_copied_no_more() {
    let office = Office::open().await;
    let client = Client::of(&office).await;
    office.upstream.set("late.example", RecordType::A, answers(vec![a("late.example.", 300, "203.0.113.1")]));
    let question = query("late.example.", RecordType::A).to_vec().unwrap();
    for _ in 0..3 {
        assert!(client.ask(&question).await.ends_with(&[203, 0, 113, 1]));
    }
    let late = "id = 'late'\nname = 'Late'\nsteer = true\nhost = [{ name = 'late.example', kind = 'api', confidence = 'official' }]";
    let catalogue = gate_core::Catalogue::from_toml([("late.toml", late)]).unwrap();
    office.dns.replace(std::sync::Arc::new(catalogue), crate::office::identity());
    assert!(client.ask(&question).await.ends_with(&[192, 168, 7, 53]));
}

#[tokio::test]
async fn questions_that_are_not_steered_are_counted_by_client() {
    let office = Office::open_with(|config| {
        config.journal_questions = JournalQuestions::Count;
        config.journal_count_seconds = 1;
    })
    .await;
    let client = Client::of(&office).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    office.upstream.set("gone.example", RecordType::A, Zone { silent: true, ..Zone::default() });
    let www = query("www.example.", RecordType::A).to_vec().unwrap();
    for _ in 0..5 {
        client.ask(&www).await;
    }
    for (name, kind) in [
        ("mask.icloud.com.", RecordType::A),
        ("nanogate.office.example.", RecordType::A),
        ("api.acme.example.", RecordType::A),
        ("www.example.", RecordType::AXFR),
        ("gone.example.", RecordType::A),
    ] {
        client.ask(&query(name, kind).to_vec().unwrap()).await;
    }
    let steered = office.records(1).await;
    assert_eq!(steered[0].name, "api.acme.example", "steered questions keep a record each");
    let mut sum = DnsTally::default();
    for _ in 0..300 {
        sum = total(&office.journal.tallies());
        if sum.questions() == 9 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let expected =
        DnsTally { special: 1, own: 1, cached: 4, forwarded: 1, failed: 1, refused: 1, ..DnsTally::default() };
    assert_eq!(sum, expected);
    assert!(office.journal.tallies().iter().all(|line| line.client == Some(ip("127.0.0.1"))));
    assert_eq!(office.dns.counters().records_lost, 0);
}

#[tokio::test]
async fn a_flood_of_questions_about_ai_is_one_record_and_a_count() {
    let office = Office::open_with(|config| {
        config.journal_questions = JournalQuestions::Count;
        config.journal_count_seconds = 1;
    })
    .await;
    let client = Client::of(&office).await;
    let steered = query("api.acme.example.", RecordType::A).to_vec().unwrap();
    for _ in 0..100 {
        client.ask(&steered).await;
    }
    let counted = || office.journal.devices().iter().map(|device| device.steered).sum::<u32>() as usize;
    let deadline = Instant::now() + PATIENCE;
    while office.journal.events().len() + counted() < 100 {
        assert!(Instant::now() < deadline, "{:?}", office.journal.devices());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let records = office.journal.events();
    assert!((1..10).contains(&records.len()), "one a second: {records:?}");
    assert_eq!(records.len() + counted(), 100, "none is lost");
}

#[tokio::test]
async fn what_was_counted_is_recorded_when_it_stops() {
    let office = Office::open_with(|config| config.journal_questions = JournalQuestions::Count).await;
    let client = Client::of(&office).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    let www = query("www.example.", RecordType::A).to_vec().unwrap();
    for _ in 0..20 {
        client.ask(&www).await;
    }
    let journal = std::sync::Arc::clone(&office.journal);
    office.close().await;
    let sum = total(&journal.tallies());
    assert_eq!((sum.forwarded, sum.cached), (1, 19));
}

fn total(lines: &[DnsTally]) -> DnsTally {
    lines.iter().fold(DnsTally::default(), |sum, line| DnsTally {
        special: sum.special + line.special,
        own: sum.own + line.own,
        cached: sum.cached + line.cached,
        forwarded: sum.forwarded + line.forwarded,
        failed: sum.failed + line.failed,
        refused: sum.refused + line.refused,
        ..sum
    })
}
