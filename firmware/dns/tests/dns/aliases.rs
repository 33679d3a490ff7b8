//! Names that lead by another name to a provider, or to what a block list holds.

use gate_core::DnsOutcome;
use gate_dns::{Config, Forward, Group, JournalQuestions, List, NetworkMode};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{HTTPS, SVCB};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::edns::{option, with_option};
use crate::lab::Folder;
use crate::office::{Office, PUCK, ip, query};
use crate::upstream::{Upstream, Zone, a, answers, cname, record};

/// An upstream on which `alias.example` leads to a provider and `cdn.site.example` to somebody who is blocked.
async fn upstream() -> Upstream {
    let upstream = Upstream::start().await;
    let to_provider = vec![
        cname("alias.example.", 300, "second.example."),
        cname("second.example.", 300, "API.acme.example."),
        a("API.acme.example.", 300, "203.0.113.1"),
    ];
    upstream.set("alias.example", RecordType::A, answers(to_provider));
    let cloaked = vec![cname("cdn.site.example.", 300, "t.spy.example."), a("t.spy.example.", 300, "203.0.113.2")];
    upstream.set("cdn.site.example", RecordType::A, answers(cloaked));
    let service = RData::HTTPS(HTTPS(SVCB::new(1, Name::from_ascii("api.acme.example.").unwrap(), Vec::new())));
    upstream.set("alias.example", RecordType::HTTPS, answers(vec![record("alias.example.", 300, service)]));
    upstream
}

fn addresses(answer: &Message) -> Vec<String> {
    answer.answers.iter().map(|record| record.data.to_string()).collect()
}

#[tokio::test]
async fn another_name_of_a_provider_leads_to_the_puck() {
    let count = |config: &mut Config| config.journal_questions = JournalQuestions::Count;
    let office = Office::open_behind(upstream().await, count);
    // Asked, then from the cache.
    for _ in 0..3 {
        assert_eq!(addresses(&office.ask("alias.example.", RecordType::A).await), [PUCK]);
    }
    let services = office.ask("alias.example.", RecordType::HTTPS).await;
    assert!(services.answers.is_empty() && services.authorities.len() == 1, "{services}");
    let events = office.records(2).await;
    assert!(
        events.iter().all(|event| event.outcome == DnsOutcome::Steered { vendor: "acme".to_owned() }),
        "{events:?}"
    );
    let told = office.dns.explain(("alias.example", "A"), ip("127.0.0.1"), false).await.unwrap();
    assert!(told.rule.ends_with("it leads to a name of acme, around the puck"), "{told:?}");
}

#[tokio::test]
async fn where_nobody_is_steered_an_alias_is_true_and_in_gateway_mode_it_is_learnt() {
    let office = Office::open_behind(upstream().await, |config| {
        let free: Group = toml::from_str("name = \"free\"\nclients = [\"127.0.0.7\"]\nsteering = false").unwrap();
        config.groups = vec![free];
    });
    let free = office.ask_from("127.0.0.7", "alias.example.", RecordType::A).await;
    assert_eq!(free.answers.len(), 3, "{free}");
    assert_eq!(addresses(&office.ask("alias.example.", RecordType::A).await), [PUCK], "others are");

    let office = Office::open_behind(upstream().await, |config| config.mode = NetworkMode::Gateway);
    assert_eq!(office.ask("alias.example.", RecordType::A).await.answers.len(), 3);
    assert!(office.dns.destinations().borrow().addresses.contains_key(&ip("203.0.113.1")));
}

#[tokio::test]
async fn another_name_of_what_is_blocked_is_blocked_unless_it_is_allowed() {
    let folder = Folder::new();
    let list = folder.write("list", "||spy.example^\n");
    let blocking = |config: &mut Config| config.block_lists = vec![List::File(list.clone())];
    let office = Office::open_behind(upstream().await, blocking);
    while office.dns.lists()[0].names == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for _ in 0..3 {
        let answer = office.send(&with_option("cdn.site.example.", 10, b"clientid")).await.unwrap();
        assert_eq!(answer[3] & 0xf, 3);
        assert_eq!(option(&answer, 15).unwrap(), b"\0\x0fit leads to a name that a block list of this office holds");
    }
    folder.write("list", "||spy.example^\n@@||site.example^\n");
    while office.ask("cdn.site.example.", RecordType::A).await.answers.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(office.ask("t.spy.example.", RecordType::A).await.metadata.response_code, ResponseCode::NXDomain);

    let corp = Upstream::start().await;
    corp.set("www.corp.example", RecordType::A, answers(vec![cname("www.corp.example.", 60, "t.spy.example.")]));
    let office = Office::open_behind(upstream().await, |config| {
        blocking(config);
        let zones = vec![gate_core::HostName::parse(b"corp.example").unwrap().into()];
        config.forward = vec![Forward { zones, upstreams: vec![corp.address.to_string().parse().unwrap()] }];
    });
    let answer = office.exchange(query("www.corp.example.", RecordType::A)).await;
    assert_eq!(answer.answers.len(), 1, "the office's own zones hold what they hold");
}

/// A server of the office that knows `corp.example` and asks nobody, and an office that asks it.
async fn office_with_corp(names: &[(&str, RecordType, Zone)]) -> (Upstream, Office) {
    let (corp, internet) = (Upstream::start().await, upstream().await);
    for (name, kind, zone) in names {
        let server = if name.ends_with("corp.example") { &corp } else { &internet };
        server.set(name, *kind, zone.clone());
    }
    let office = Office::open_behind(internet, |config| {
        let zones = vec![gate_core::HostName::parse(b"corp.example").unwrap().into()];
        config.forward = vec![Forward { zones, upstreams: vec![corp.address.to_string().parse().unwrap()] }];
        config.rebinding_exempt = vec![gate_core::HostName::parse(b"portal.example").unwrap().into()];
    });
    (corp, office)
}

/// What a server says of an alias whose target it does not know.
fn alias(name: &str, target: &str) -> (String, RecordType, Zone) {
    (name.to_owned(), RecordType::A, answers(vec![cname(&format!("{name}."), 300, &format!("{target}."))]))
}

#[tokio::test]
async fn aliases_lead_from_the_offices_zones_to_the_internet_and_back() {
    let lost = Zone { rcode: Some(ResponseCode::NXDomain), ..alias("portal.example", "dc.corp.example").2 };
    let (_corp, office) = office_with_corp(&[
        ("www.corp.example", RecordType::A, alias("www.corp.example", "shop.example").2),
        ("shop.example", RecordType::A, answers(vec![a("shop.example.", 60, "203.0.113.7")])),
        ("portal.example", RecordType::A, lost),
        ("evil.example", RecordType::A, alias("evil.example", "dc.corp.example").2),
        ("dc.corp.example", RecordType::A, answers(vec![a("dc.corp.example.", 60, "192.168.7.2")])),
        ("gone.corp.example", RecordType::A, alias("gone.corp.example", "nobody.example").2),
        ("ai.corp.example", RecordType::A, alias("ai.corp.example", "alias.example").2),
        ("inside.corp.example", RecordType::A, alias("inside.corp.example", "trap.example").2),
        ("trap.example", RecordType::A, answers(vec![a("trap.example.", 60, "192.168.7.9")])),
        ("print.corp.example", RecordType::A, alias("print.corp.example", "printer.local").2),
    ])
    .await;
    let rows: [(&str, &[&str]); 5] = [
        ("www.corp.example.", &["shop.example.", "203.0.113.7"]),
        ("portal.example.", &["dc.corp.example.", "192.168.7.2"]),
        ("ai.corp.example.", &[PUCK]),
        ("print.corp.example.", &["printer.local."]),
        // Kept, and copied.
        ("www.corp.example.", &["shop.example.", "203.0.113.7"]),
    ];
    for (name, expected) in rows {
        let answer = office.ask(name, RecordType::A).await;
        assert_eq!(
            (answer.metadata.response_code, addresses(&answer)),
            (ResponseCode::NoError, expected.iter().map(ToString::to_string).collect()),
            "{name}"
        );
    }
    let gone = office.ask("gone.corp.example.", RecordType::A).await;
    assert_eq!((gone.metadata.response_code, gone.answers.len()), (ResponseCode::NXDomain, 1), "{gone}");
    for name in ["inside.corp.example.", "evil.example."] {
        let inside = office.ask(name, RecordType::A).await;
        assert_eq!(
            inside.metadata.response_code,
            ResponseCode::ServFail,
            "{name}: a name of the internet leads nobody inside"
        );
    }
    assert_eq!(office.upstream.heard("printer.local", RecordType::A), 0, "such names do not leave");
    assert_eq!(office.upstream.heard("dc.corp.example", RecordType::A), 0, "nor do the office's");
}

#[tokio::test]
async fn aliases_that_never_end_end() {
    let rows: Vec<_> = [alias("loop.corp.example", "loop.example"), alias("loop.example", "loop.corp.example")]
        .into_iter()
        .chain((0..20).flat_map(|n| {
            let step = format!("n{}.corp.example", n + 1);
            [alias(&format!("n{n}.corp.example"), &format!("n{n}.example")), alias(&format!("n{n}.example"), &step)]
        }))
        .collect();
    let rows: Vec<_> = rows.iter().map(|(name, kind, zone)| (name.as_str(), *kind, zone.clone())).collect();
    let (corp, office) = office_with_corp(&rows).await;
    let answer = office.ask("loop.corp.example.", RecordType::A).await;
    assert_eq!(answer.answers.len(), 2, "{answer}");
    assert_eq!(corp.asked().0 + office.upstream.asked().0, 2);
    let answer = office.send(&with_option("n0.corp.example.", 10, b"clientid")).await.unwrap();
    assert_eq!((answer[3] & 0xf, option(&answer, 15).unwrap()), (2, b"\0\0the answer has too many aliases".to_vec()));
    assert_eq!(corp.asked().0 + office.upstream.asked().0, 2 + 9);
}

#[tokio::test]
async fn a_provider_does_not_hide_behind_many_aliases() {
    let office = Office::open_behind(upstream().await, |_| {});
    for (name, steps, withheld) in [("few.example", 31, false), ("many.example", 40, true)] {
        let step = |number: usize| if number == 0 { format!("{name}.") } else { format!("n{number}.{name}.") };
        let mut chain: Vec<_> = (0..steps).map(|number| cname(&step(number), 300, &step(number + 1))).collect();
        chain.push(cname(&step(steps), 300, "api.acme.example."));
        chain.push(a("api.acme.example.", 300, "203.0.113.1"));
        office.upstream.set(name, RecordType::A, Zone { tcp_only: true, ..answers(chain) });
        let answer = office.send(&with_option(&format!("{name}."), 10, b"clientid")).await.unwrap();
        let message = Message::from_vec(&answer).unwrap();
        if withheld {
            assert_eq!((message.metadata.response_code, message.answers.len()), (ResponseCode::ServFail, 0));
            assert_eq!(option(&answer, 15).unwrap(), b"\0\0the answer has too many aliases");
        } else {
            assert_eq!(addresses(&message), [PUCK]);
        }
    }
}
