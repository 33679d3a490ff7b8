//! Clients that are answered in a way of their own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate_core::{DnsOutcome, DnsTally, Reason};
use gate_dns::{EncryptedDns, Group, Hardware, JournalQuestions, List, NetworkMode};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use crate::edns::{option, with_option};
use crate::lab::Folder;
use crate::office::{Office, PATIENCE, PUCK, ip};
use crate::upstream::{Upstream, a, answers, cname};

const BOSS: &str = "127.0.0.7";
const GUEST: &str = "127.0.0.8";
const NOBODY: &str = "127.0.0.1";

fn group(name: &str, client: &str) -> Group {
    let text = format!("name = \"{name}\"\nclients = [\"{client}\"]");
    toml::from_str(&text).unwrap()
}

async fn address(office: &Office, client: &str, name: &str) -> Vec<String> {
    let answer = office.ask_from(client, name, RecordType::A).await;
    answer.answers.iter().map(|record| record.data.to_string()).collect()
}

#[tokio::test]
async fn each_group_has_its_own_upstreams_and_answers_of_one_never_reach_another() {
    let (main, theirs) = (Upstream::start().await, Upstream::start().await);
    main.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    theirs.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.2")]));
    let to = theirs.address.to_string().parse().unwrap();
    let guests = Group { upstreams: vec![to], ..group("guests", GUEST) };
    let office = Office::open_behind(main, |config| config.groups = vec![guests.clone(), group("boss", BOSS)]);
    // Asked, then from the cache, then copied.
    for round in 0..5 {
        for (client, expected) in [(NOBODY, "203.0.113.1"), (GUEST, "203.0.113.2"), (BOSS, "203.0.113.1")] {
            assert_eq!(address(&office, client, "www.example.").await, [expected], "{client} in round {round}");
        }
    }
    assert_eq!((office.upstream.asked().0, theirs.asked().0), (1, 1), "each once");
    office.dns.see_groups(vec![Group { upstreams: Vec::new(), ..guests }]);
    for _ in 0..3 {
        assert_eq!(address(&office, GUEST, "www.example.").await, ["203.0.113.1"], "at once, also for what is kept");
    }
}

#[tokio::test]
async fn the_cache_of_a_group_outlives_the_process_but_is_only_its_own() {
    let (main, theirs) = (Upstream::start().await, Upstream::start().await);
    theirs.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.2")]));
    let to = theirs.address.to_string().parse().unwrap();
    let guests = vec![Group { upstreams: vec![to], ..group("guests", GUEST) }];
    let office = Office::open_behind(main, |config| config.groups = guests.clone());
    assert_eq!(address(&office, GUEST, "www.example.").await, ["203.0.113.2"]);
    let mut file = Vec::new();
    assert_eq!(office.dns.save(&mut file).unwrap(), 1);
    let next = Office::open_with(|config| config.groups = guests).await;
    next.dns.load(&mut file.as_slice()).unwrap();
    assert_eq!(address(&next, GUEST, "www.example.").await, ["203.0.113.2"]);
    assert_eq!(theirs.asked().0, 1, "kept");
    assert!(address(&next, NOBODY, "www.example.").await.is_empty(), "its own upstream knows nothing of it");
}

#[tokio::test]
async fn steering_may_be_off_for_a_group() {
    let office = Office::open_with(|config| {
        config.groups = vec![Group { steering: false, ..group("boss", BOSS) }];
    })
    .await;
    office.upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 60, "203.0.113.9")]));
    for _ in 0..3 {
        assert_eq!(address(&office, BOSS, "api.acme.example.").await, ["203.0.113.9"]);
        assert_eq!(address(&office, NOBODY, "api.acme.example.").await, [PUCK]);
    }
    let records = office.records(6).await;
    assert_eq!(records.iter().filter(|record| record.name == "api.acme.example").count(), 6, "each is evidence still");
    office.dns.see_groups(Vec::new());
    assert_eq!(address(&office, BOSS, "api.acme.example.").await, [PUCK], "at once");
}

#[tokio::test]
async fn lists_hold_for_those_they_are_meant_for() {
    let folder = Folder::new();
    let strict = folder.write("strict", "games.example\n");
    let usual = folder.write("usual", "ads.example\n");
    let (strict, usual) = (List::File(strict), List::File(usual));
    let office = Office::open_with(|config| {
        config.block_lists = vec![usual.clone()];
        config.groups = vec![
            Group { block_lists: Some(vec![usual, strict]), ..group("guests", GUEST) },
            Group { block_lists: Some(Vec::new()), ..group("boss", BOSS) },
        ];
    })
    .await;
    for name in ["ads.example", "games.example"] {
        office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
    }
    let deadline = Instant::now() + PATIENCE;
    while !address(&office, GUEST, "games.example.").await.is_empty() {
        assert!(Instant::now() < deadline, "the lists are read");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rows = [
        (NOBODY, "ads.example.", true),
        (NOBODY, "games.example.", false),
        (GUEST, "ads.example.", true),
        (GUEST, "games.example.", true),
        (BOSS, "ads.example.", false),
        (BOSS, "games.example.", false),
    ];
    for round in 0..4 {
        for (client, name, blocked) in rows {
            let answer = office.ask_from(client, name, RecordType::A).await;
            let expected = if blocked { ResponseCode::NXDomain } else { ResponseCode::NoError };
            assert_eq!(answer.metadata.response_code, expected, "{client} {name} in round {round}");
        }
    }
}

#[tokio::test]
async fn names_that_a_silent_group_asks_for_are_in_no_record() {
    for questions in [JournalQuestions::Each, JournalQuestions::Count] {
        let office = Office::open_with(|config| {
            config.journal_questions = questions;
            config.journal_count_seconds = 1;
            config.groups = vec![Group { silent: true, ..group("council", BOSS) }];
        })
        .await;
        for name in ["www.example", "a.tunnel.example"] {
            office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
        }
        let names = ["www.example.", "www.example.", "www.example.", "api.acme.example.", "a.tunnel.example."];
        for name in names {
            office.ask_from(BOSS, name, RecordType::A).await;
        }
        let journal = Arc::clone(&office.journal);
        office.close().await;
        assert_eq!(journal.events(), Vec::new(), "{questions:?}");
        let counted: u64 = journal.tallies().iter().map(DnsTally::questions).sum();
        let devices = journal.devices();
        let steered: u32 = devices.iter().map(|device| device.steered).sum();
        assert_eq!((counted, steered), (4, 1), "each question is counted once");
        assert!(devices.iter().all(|device| device.bypass.is_empty()));
        assert_eq!(devices.iter().map(|device| device.bypass_unnamed).sum::<u32>(), 1);
    }
}

#[tokio::test]
async fn another_name_of_a_provider_counts_as_steered_for_a_silent_client_and_is_named_nowhere() {
    for (questions, steering) in
        [(JournalQuestions::Each, true), (JournalQuestions::Count, true), (JournalQuestions::Count, false)]
    {
        let office = Office::open_with(|config| {
            config.journal_questions = questions;
            config.groups = vec![Group { silent: true, steering, ..group("council", BOSS) }];
        })
        .await;
        let (alias, api) = ("alias.example", "api.acme.example");
        let truth = a("api.acme.example.", 300, "203.0.113.1");
        let target = cname("alias.example.", 300, "api.acme.example.");
        office.upstream.set(alias, RecordType::A, answers(vec![target, truth.clone()]));
        office.upstream.set(api, RecordType::A, answers(vec![truth]));
        // Asked, then from the cache, then by the provider's own name.
        for name in ["alias.example.", "alias.example.", "alias.example.", "api.acme.example."] {
            let last = address(&office, BOSS, name).await.pop();
            assert_eq!(last.as_deref(), Some(if steering { PUCK } else { "203.0.113.1" }), "{name}");
        }
        let journal = Arc::clone(&office.journal);
        office.close().await;
        assert_eq!(journal.events(), Vec::new(), "{questions:?}");
        let devices = journal.devices();
        let told: Vec<_> = devices.iter().map(|device| (device.client.to_string(), device.steered)).collect();
        let counted: u64 = journal.tallies().iter().map(DnsTally::questions).sum();
        // Where its answers are not changed, an alias is like any other name, and only the provider's own is about AI.
        let (steered, others) = if steering { (4, 0) } else { (1, 3) };
        assert_eq!((told, counted), (vec![(BOSS.to_owned(), steered)], others), "each question is counted once");
        assert!(devices.iter().all(|device| device.bypass.is_empty() && device.bypass_unnamed == 0), "{devices:?}");
    }
}

#[tokio::test]
async fn a_client_that_asks_only_for_steered_names_is_no_device_that_never_asks() {
    for silent in [false, true] {
        let office = Office::open_with(|config| {
            config.journal_questions = JournalQuestions::Count;
            (config.journal_count_seconds, config.never_asks_seconds) = (1, 1);
            config.groups = vec![Group { silent, ..group("council", BOSS) }];
        })
        .await;
        let wire = [(1, BOSS), (2, GUEST)].map(|(number, client)| (Hardware::Address([number; 6]), ip(client)));
        office.dns.see_wire(&wire);
        assert_eq!(address(&office, BOSS, "api.acme.example.").await, [PUCK]);
        let deadline = Instant::now() + PATIENCE;
        while office.dns.silent_devices().is_empty() {
            assert!(Instant::now() < deadline, "the other one is told");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(office.dns.silent_devices(), [ip(GUEST)], "silent group: {silent}");
    }
}

#[tokio::test]
async fn ways_around_are_told_of_the_device_that_asks_for_them() {
    let office = Office::open_with(|config| config.journal_questions = JournalQuestions::Count).await;
    office.upstream.set("a.tunnel.example", RecordType::A, answers(vec![a("a.tunnel.example.", 600, "203.0.113.1")]));
    for _ in 0..4 {
        let answer = office.ask_from(GUEST, "A.tunnel.example.", RecordType::A).await;
        assert_eq!(answer.answers.len(), 1, "it is only noticed");
    }
    office.ask_from(BOSS, "use-application-dns.net.", RecordType::A).await;
    office.ask_from(NOBODY, "mask.icloud.com.", RecordType::AAAA).await;
    office.ask_from(NOBODY, "www.example.", RecordType::A).await;
    let journal = Arc::clone(&office.journal);
    office.close().await;
    let told: Vec<_> = journal
        .devices()
        .into_iter()
        .map(|device| {
            let bypass = device.bypass.iter().map(|one| format!("{} {} {}", one.count, one.name, one.vendor)).collect();
            (device.client.to_string(), device.canaries, bypass)
        })
        .collect();
    let expected: [(&str, u32, Vec<String>); 3] =
        [(NOBODY, 1, Vec::new()), (BOSS, 1, Vec::new()), (GUEST, 0, vec!["4 a.tunnel.example vpn".to_owned()])];
    assert_eq!(told, expected.map(|(client, canaries, bypass)| (client.to_owned(), canaries, bypass)));
    assert!(journal.events().is_empty());
    let outcomes: u32 = journal.tallies().iter().map(|tally| tally.cached + tally.forwarded).sum();
    assert_eq!(outcomes, 5, "they are counted with all others too");
}

#[tokio::test]
async fn other_resolvers_are_refused_where_the_owner_wants_that_and_told_of_their_device() {
    for mode in [NetworkMode::Dns, NetworkMode::Gateway] {
        let office = Office::open_with(|config| {
            config.mode = mode;
            config.encrypted_dns = Some(EncryptedDns::Refuse);
            config.journal_questions = JournalQuestions::Count;
            config.groups = vec![Group { silent: true, ..group("council", BOSS) }];
        })
        .await;
        let truth = a("doh.example.", 300, "203.0.113.1");
        office.upstream.set("doh.example", RecordType::A, answers(vec![truth.clone()]));
        let alias = vec![cname("alias.example.", 300, "doh.example."), truth];
        office.upstream.set("alias.example", RecordType::A, answers(alias));
        // Asked, and again: none is copied.
        for (client, name, times) in
            [(GUEST, "DOH.example.", 3), (GUEST, "alias.example.", 3), (BOSS, "doh.example.", 2)]
        {
            for _ in 0..times {
                let answer = office.ask_from(client, name, RecordType::A).await;
                assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
                assert!(answer.answers.is_empty() && answer.authorities.len() == 1, "{answer}");
            }
        }
        let services = office.ask_from(GUEST, "_dns.doh.example.", RecordType::SVCB).await;
        assert_eq!(services.metadata.response_code, ResponseCode::NXDomain);
        let told = office.send(&with_option("doh.example.", 10, b"clientid")).await.unwrap();
        let why = b"\0\x0fpublic resolvers for encrypted DNS are refused here: this network resolves for itself";
        assert_eq!(option(&told, 15).unwrap(), why);
        let asked = office.dns.explain(("doh.example", "A"), ip(GUEST), false).await.unwrap();
        assert!(asked.rule.contains("dns.encrypted_dns"), "{asked:?}");
        let asked = office.dns.explain(("alias.example", "A"), ip(GUEST), true).await.unwrap();
        assert!(asked.rule.contains("dns.encrypted_dns"), "{asked:?}");
        let journal = Arc::clone(&office.journal);
        office.close().await;
        let events = journal.events();
        let seen: Vec<_> =
            events.iter().map(|event| (event.client.to_string(), event.name.as_str(), event.qtype)).collect();
        let expected = [
            (GUEST, "doh.example", 1),
            (GUEST, "alias.example", 1),
            (GUEST, "_dns.doh.example", 64),
            (NOBODY, "doh.example", 1),
        ];
        assert_eq!(seen, expected.map(|(client, name, kind)| (client.to_owned(), name, kind)), "the first of a minute");
        assert!(events.iter().all(|event| event.outcome == DnsOutcome::Refused(Reason::EncryptedDns)), "{events:?}");
        let devices = journal.devices();
        let told = |client: &str| devices.iter().find(|device| device.client == ip(client)).unwrap().bypasses();
        assert_eq!((told(GUEST), told(BOSS), told(NOBODY)), (4, 2, 1), "all of them");
        assert!(devices.iter().filter(|device| device.client == ip(BOSS)).all(|device| device.bypass.is_empty()));
        assert_eq!(journal.tallies().iter().map(|tally| tally.refused).sum::<u32>(), 6, "without a record of its own");
    }
}

/// Holds what is logged on this thread, on which all tasks of a test run.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut log = self.0.lock().unwrap();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            log.push_str(&format!("{field}={value:?} "));
        });
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn what_leads_inside_is_told_and_counted_but_not_named_for_a_silent_group() {
    for (client, named) in [(NOBODY, true), (BOSS, false)] {
        let log = Log::default();
        let _guard = tracing::subscriber::set_default(log.clone());
        let office = Office::open_with(|config| {
            config.groups = vec![Group { silent: true, ..group("council", BOSS) }];
        })
        .await;
        office.upstream.set("trap.example", RecordType::A, answers(vec![a("trap.example.", 60, "192.168.7.9")]));
        // Asked, then known to have failed.
        for _ in 0..2 {
            let answer = office.ask_from(client, "trap.example.", RecordType::A).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
        }
        let log = log.0.lock().unwrap().clone();
        assert!(log.contains("leads inside; its answer is withheld"), "{log}");
        assert_eq!(log.contains("trap.example"), named, "{log}");
        let counters = office.dns.counters();
        assert_eq!((counters.forwarded, counters.cached, counters.special), (0, 0, 2), "{counters:?}");
    }
}
