//! Questions over signed, broken and unsigned zones, put to unbound's validator and to ours, which share no upstream: code,
//! records and whether they are authentic must agree.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use super::{Dice, questions};
use crate::office::query_edns;
use crate::signed_lab::{ZONES, office, resolver_with, zones};

const HOSTS: [&str; 22] = [
    "",
    "www",
    "wrong",
    "unsigned",
    "alias",
    "first",
    "nowhere",
    "many",
    "one.many",
    "dn",
    "x.dn",
    "nope.dn",
    "sub",
    "x.sub",
    "out",
    "any.wild",
    "real.wild",
    "below.real.wild",
    "open",
    "www.open",
    "nobody.open",
    "nobody",
];

const KINDS: [RecordType; 10] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::CNAME,
    RecordType::DS,
    RecordType::DNSKEY,
    RecordType::SRV,
    RecordType::SOA,
    RecordType::HTTPS,
];

impl Dice {
    fn signed_question(&mut self) -> Message {
        let (host, zone) = (self.of(&HOSTS), self.of(&ZONES));
        // Only below these two are the unsigned zones served to which they delegate.
        let leads_out = host.ends_with("open") || host == "out";
        let host = if leads_out && !["lab.example", "three.example"].contains(&zone) { "www" } else { host };
        let name = format!("{host}.{zone}.");
        let kind = self.of(&KINDS);
        query_edns(name.trim_start_matches('.'), kind, 1232, true)
    }
}

/// What a client goes by. Signatures of one set may come from several keys, of which one is enough, and how long a record may
/// be kept hangs on when it was fetched.
fn verdict(message: &Message) -> (ResponseCode, BTreeSet<String>, bool) {
    let records = message.answers.iter().filter(|record| record.record_type() != RecordType::RRSIG);
    let records =
        records.map(|record| format!("{} {} {}", record.name, record.record_type(), record.data).to_lowercase());
    (message.metadata.response_code, records.collect(), message.metadata.authentic_data)
}

const ALIAS: &str = "an alias that is asked for by its type: unbound follows it, or withholds it where it is a DNAME's";

/// Why an answer of ours is meant to differ; `None` is an error.
fn reason(question: &Message, ours: &Message) -> Option<&'static str> {
    let is_alias = ours.answers.iter().any(|record| record.record_type() == RecordType::CNAME);
    let asked = question.queries[0].query_type() == RecordType::CNAME;
    let fine = ours.metadata.response_code == ResponseCode::NoError && ours.metadata.authentic_data;
    (asked && is_alias && fine).then_some(ALIAS)
}

#[tokio::test]
async fn signed_zones_are_judged_as_unbound_judges_them() {
    let (raw, bind, _zones, key) = zones().await;
    let checks = format!("    module-config: \"validator iterator\"\n    trust-anchor: '{key}'\n");
    let unbound = resolver_with(&bind, &checks).await;
    let office = office(&raw, &key, |config| config.client_questions_per_second = 1_000_000).await;
    for zone in ["lab.example.", "three.example.", "opt.example."] {
        // Where nothing is served everything agrees.
        let alive = query_edns(&format!("www.{zone}"), RecordType::A, 1232, true);
        for answer in [unbound.ask(&alive).unwrap(), office.exchange(alive.clone()).await] {
            assert!(answer.metadata.authentic_data && answer.answers.len() == 2, "{answer}");
        }
    }
    let mut dice = Dice(0x7369_676e_6564_0001);
    let mut differences = BTreeMap::new();
    let (mut asked, mut authentic, mut refused) = (BTreeSet::new(), 0, 0);
    for _ in 0..questions() {
        let question = dice.signed_question();
        if !asked.insert(question.queries[0].to_string()) {
            continue;
        }
        let Some(direct) = unbound.ask(&question) else { panic!("unbound does not answer\n{question}") };
        let through = office.exchange(question.clone()).await;
        if verdict(&direct) != verdict(&through) {
            let reason = reason(&question, &through).map(str::to_owned);
            let what = || format!("{}\nunbound {direct}\nours {through}", question.queries[0]);
            *differences.entry(reason.unwrap_or_else(what)).or_insert(0) += 1;
        }
        authentic += usize::from(through.metadata.authentic_data);
        refused += usize::from(through.metadata.response_code == ResponseCode::ServFail);
    }
    eprintln!("{} questions over signed zones: {authentic} authentic, {refused} withheld", asked.len());
    for (why, times) in &differences {
        eprintln!("{times:5} × {why}");
    }
    assert!(differences.keys().all(|why| why == ALIAS), "every difference has its reason");
    assert!(authentic * 4 > asked.len() && refused * 20 > asked.len(), "there is something of each");
}
