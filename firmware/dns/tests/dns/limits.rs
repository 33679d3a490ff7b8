use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gate_core::{DnsOutcome, Reason};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tokio::time::{Instant, timeout};

use crate::edns::option;
use crate::office::{Office, query, query_edns, read_tcp, write_tcp};
use crate::upstream::{Zone, a, answers, txt};

fn black_hole() -> Zone {
    Zone { silent: true, ..Zone::default() }
}

#[tokio::test]
async fn a_dead_upstream_delays_nothing_that_is_known_here() {
    let office = Arc::new(Office::open_with(|config| config.pending_per_client = 2048).await);
    office.upstream.set("kept.example", RecordType::A, answers(vec![a("kept.example.", 600, "203.0.113.1")]));
    office.ask("kept.example.", RecordType::A).await;
    let flood = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..1000 {
        let name = format!("hole{number}.example");
        office.upstream.set(&name, RecordType::A, black_hole());
        flood.send_to(&query(&format!("{name}."), RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
    }
    let mut slowest = Duration::ZERO;
    for name in ["api.acme.example.", "kept.example.", "nanogate.office.example.", "mask.icloud.com."].repeat(25) {
        let asked = Instant::now();
        office.ask(name, RecordType::A).await;
        slowest = slowest.max(asked.elapsed());
    }
    assert!(office.dns.counters().in_flight > 100, "the upstream is still being waited for");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[tokio::test]
async fn questions_over_the_caps_fail_at_once() {
    let office = Office::open_with(|config| config.pending_per_client = 3).await;
    for number in 0..4 {
        office.upstream.set(&format!("hole{number}.example"), RecordType::A, black_hole());
    }
    let flood = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..3 {
        let bytes = query(&format!("hole{number}.example."), RecordType::A).to_vec().unwrap();
        flood.send_to(&bytes, office.address).await.unwrap();
    }
    while office.dns.counters().in_flight < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = office.ask("hole3.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    assert_eq!(office.records(1).await[0].outcome, DnsOutcome::Refused(Reason::RateLimited));

    office.dns.see_routers([crate::office::ip("127.0.0.1")].into());
    let answer = office.ask("www.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "a router asks for all behind it");

    let office = Office::open_with(|config| config.pending = 1).await;
    office.upstream.set("hole.example", RecordType::A, black_hole());
    let other = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    other.send_to(&query("hole.example.", RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
    while office.dns.counters().in_flight < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(office.dns.shortage(), None);
    let asked = Instant::now();
    assert_eq!(office.ask("www.example.", RecordType::A).await.metadata.response_code, ResponseCode::ServFail);
    let shortage = office.dns.shortage().expect("no place was left");
    assert_eq!((shortage.questions, shortage.client), (1, Some(crate::office::ip("127.0.0.2"))));
    assert!(asked.elapsed() < Duration::from_secs(3), "less than the upstream's whole time");
}

#[tokio::test]
async fn who_waits_for_a_silent_zone_keeps_nobody_else_out() {
    let office = Office::open_with(|config| config.upstream_concurrency = 2).await;
    let heavy = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for number in 0..2_u64 {
        let name = format!("hole{number}.example");
        office.upstream.set(&name, RecordType::A, black_hole());
        let question = query_edns(&format!("{name}."), RecordType::A, 1232, false);
        heavy.send_to(&question.to_vec().unwrap(), office.address).await.unwrap();
        while office.dns.counters().in_flight <= number {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(office.dns.crowd(), None);
    let answer = office.ask_from("127.0.0.3", "www.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "the upstream knows no such name");
    let crowd = office.dns.crowd().expect("seats were short");
    assert_eq!((crowd.questions, crowd.client), (1, Some(crate::office::ip("127.0.0.2"))));
    let mut buffer = [0; 512];
    let length = timeout(Duration::from_secs(3), heavy.recv(&mut buffer)).await.expect("an answer").unwrap();
    let given_up = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!(given_up.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(given_up.queries[0].name().to_ascii(), "hole0.example.", "its oldest");
    let told = option(&buffer[..length], 15).unwrap();
    assert_eq!(told, b"\0\0too many questions are on their way to upstream resolvers");
}

#[tokio::test]
async fn clients_that_take_all_they_may_leave_places_to_wait_in() {
    let office = Office::open_with(|config| (config.pending, config.pending_per_client) = (64, 32)).await;
    for client in ["127.0.0.2", "127.0.0.3"] {
        let socket = tokio::net::UdpSocket::bind((client, 0)).await.unwrap();
        for number in 0..32 {
            let name = format!("hole{number}.of-{client}.example");
            office.upstream.set(&name, RecordType::A, black_hole());
            socket.send_to(&query(&format!("{name}."), RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
        }
    }
    while office.dns.counters().refused + office.dns.counters().in_flight < 2 * 32 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = office.ask_from("127.0.0.5", "www.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn long_answers_are_fetched_a_few_at_a_time() {
    let office = Office::open().await;
    let flood = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..60 {
        let name = format!("big{number}.example");
        let delay = Duration::from_millis(100);
        let zone = Zone { tcp_only: true, delay, ..answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]) };
        office.upstream.set(&name, RecordType::A, zone);
        flood.send_to(&query(&format!("{name}."), RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
    }
    let records = office.records(60).await;
    assert!(records.iter().all(|record| record.outcome == DnsOutcome::Forwarded));
    assert!((2..=32).contains(&office.upstream.tcp_peak()), "{}", office.upstream.tcp_peak());
}

#[tokio::test]
async fn the_cache_stays_within_entries_and_bytes() {
    for (entries, bytes, most) in [(10, usize::MAX, 10), (1000, 8_000, 45)] {
        let office = Office::open_with(|config| {
            config.cache_entries = entries;
            config.cache_bytes = bytes;
        })
        .await;
        for number in 0..50 {
            let name = format!("n{number}.example");
            office.upstream.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
            office.ask(&format!("{name}."), RecordType::A).await;
        }
        let held = office.dns.counters();
        assert!((5..=most).contains(&held.cache_entries), "{held:?}");
        assert!(held.cache_bytes <= bytes as u64, "{held:?}");
        let asked = office.upstream.asked().0;
        office.ask("n49.example.", RecordType::A).await;
        assert_eq!(office.upstream.asked().0, asked, "the youngest is kept");
        office.ask("n0.example.", RecordType::A).await;
        assert_eq!(office.upstream.asked().0, asked + 1, "the oldest is gone");
    }
}

#[tokio::test]
async fn tcp_connections_are_capped_and_idle_ones_closed() {
    let office = Office::open_with(|config| {
        config.tcp_connections = 2;
        config.tcp_idle_seconds = 1;
        (config.upstream_try_ms, config.upstream_total_ms) = (300, 600);
    })
    .await;
    let (mut first, mut second) = (office.connect().await, office.connect().await);
    let question = query("api.acme.example.", RecordType::A).to_vec().unwrap();
    write_tcp(&mut first, &question).await;
    assert!(read_tcp(&mut first).await.is_some());
    let asked = Instant::now();
    let mut third = office.connect().await;
    assert!(read_tcp(&mut second).await.is_none(), "it was idle longest and gives way");
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    let asked = Instant::now();
    for (stream, name) in [(&mut first, "hole1.example"), (&mut third, "hole2.example")] {
        office.upstream.set(name, RecordType::A, black_hole());
        write_tcp(stream, &query(&format!("{name}."), RecordType::A).to_vec().unwrap()).await;
    }
    while office.dns.counters().in_flight < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut fourth = office.connect().await;
    assert!(read_tcp(&mut fourth).await.is_none(), "one too many: the others wait for answers");
    assert_eq!(office.dns.counters().tcp_turned_away, 1);
    assert!(read_tcp(&mut first).await.is_some());
    assert!(read_tcp(&mut first).await.is_none(), "idle");
    assert!((500..3000).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    let mut fourth = office.connect().await;
    write_tcp(&mut fourth, &question).await;
    assert!(read_tcp(&mut fourth).await.is_some(), "the places are free again");
}

#[tokio::test]
async fn one_client_cannot_take_all_connections() {
    let office = Office::open_with(|config| config.tcp_connections_per_client = 1).await;
    let _first = office.connect().await;
    let mut second = office.connect().await;
    assert!(read_tcp(&mut second).await.is_none());
}

#[tokio::test]
async fn a_full_pipeline_is_not_read_from() {
    let office = Office::open_with(|config| config.tcp_pipeline = 2).await;
    let mut stream = office.connect().await;
    for number in 0..4 {
        let name = format!("slow{number}.example");
        let zone =
            Zone { delay: Duration::from_millis(400), ..answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]) };
        office.upstream.set(&name, RecordType::A, zone);
        write_tcp(&mut stream, &query(&format!("{name}."), RecordType::A).to_vec().unwrap()).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(office.upstream.asked().0, 2, "the others wait in the kernel");
    for _ in 0..4 {
        assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 1);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off_and_its_questions_recorded() {
    let office = Office::open_with(|config| config.tcp_idle_seconds = 60).await;
    let zone = Zone { tcp_only: true, ..answers(txt("big.example.", 600, 50_000)) };
    office.upstream.set("big.example", RecordType::TXT, zone);
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(office.address).await.unwrap();
    let question = query("big.example.", RecordType::TXT).to_vec().unwrap();
    // Far more than the kernel's buffers on both sides hold.
    for _ in 0..400 {
        write_tcp(&mut stream, &question).await;
    }
    // What was on its way is recorded once the writer has given up; what was not read yet was never taken.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let now = office.dns.counters().questions();
        if now == before {
            break;
        }
        before = now;
    }
    assert_eq!(office.dns.counters().failed, 0, "the long answer exists");
    assert!((16..400).contains(&before), "{before} questions were taken: {:?}", office.dns.counters());
    let end = timeout(Duration::from_secs(5), tokio::io::copy(&mut stream, &mut tokio::io::sink())).await;
    end.expect("closed, not idle").ok();
    assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
    assert!(office.close().await < Duration::from_secs(1), "nobody is left to wait for");
}

#[tokio::test]
async fn a_broken_journal_costs_records_and_no_answer() {
    let office = Office::open().await;
    office.journal.broken.store(true, Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
    }
    while office.dns.counters().records_lost < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    office.journal.broken.store(false, Ordering::SeqCst);
    office.ask("api.acme.example.", RecordType::A).await;
    office.records(1).await;
    assert_eq!(office.dns.counters().records_lost, 10);
    assert_eq!(office.dns.counters().questions(), 11);
}

#[tokio::test]
async fn a_stalled_journal_delays_no_answer_and_its_queue_is_capped() {
    let office = Office::open_with(|config| config.journal_queue = 4).await;
    *office.journal.stall.lock().unwrap() = Duration::from_secs(1);
    let asked = Instant::now();
    for _ in 0..20 {
        assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
    }
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    let lost = office.dns.counters().records_lost;
    // One waits in the journal and four in the queue; on a busy machine the journal takes one more each second.
    assert!((5..=16).contains(&lost), "{lost}");
    assert!(office.close().await < Duration::from_secs(5));
}

#[tokio::test]
async fn a_stop_answers_what_is_on_its_way_and_ends_in_time() {
    let office = Office::open_with(|config| {
        config.upstream_try_ms = 60_000;
        config.upstream_total_ms = 60_000;
    })
    .await;
    office.upstream.set("hole.example", RecordType::A, black_hole());
    let zone = Zone { delay: Duration::from_millis(500), ..answers(vec![a("slow.example.", 60, "203.0.113.1")]) };
    office.upstream.set("slow.example", RecordType::A, zone);
    let idle = office.connect().await;
    let (address, journal) = (office.address, Arc::clone(&office.journal));
    let client = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut stream = office.connect().await;
    write_tcp(&mut stream, &query("hole.example.", RecordType::A).to_vec().unwrap()).await;
    for name in ["slow.example.", "hole.example."] {
        client.send_to(&query(name, RecordType::A).to_vec().unwrap(), address).await.unwrap();
    }
    while office.dns.counters().in_flight < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let dns = Arc::clone(&office.dns);
    assert!(office.close().await < Duration::from_secs(5));
    let mut rcodes = Vec::new();
    for _ in 0..2 {
        let mut buffer = [0; 512];
        timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.expect("an answer").unwrap();
        rcodes.push(buffer[3] & 0xf);
    }
    assert_eq!(rcodes, [0, 2], "the slow one was awaited, the hopeless one given up");
    let given_up = read_tcp(&mut stream).await.expect("an answer");
    assert_eq!(given_up.metadata.response_code, ResponseCode::ServFail);
    assert_eq!((dns.counters().questions(), dns.counters().records_lost), (3, 0));
    assert!(Arc::strong_count(&journal) == 2, "nobody but this test and the resolver holds the journal");
    drop(idle);
}
