use std::net::{Ipv4Addr, SocketAddr};

use gate_core::{
    Action, ConnectionEvent, Cost, Currency, DnsBypass, DnsDevice, Event, FindingCount, KnowledgeBase, Mode, Record,
    RequestEvent, UnixMicros, Usage,
};

use super::counters::MAX_ROWS;
use super::{BUCKET_MICROS, Tally, VendorCounts};

const HOUR: u64 = 2 * BUCKET_MICROS;
const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn connection(at: u64, client: u32, mode: Mode) -> Record {
    let event = ConnectionEvent {
        id: 1,
        client: SocketAddr::from((Ipv4Addr::from_bits(0xC000_0200 + client), 50_000)),
        dst: None,
        host: Some("api.openai.com".to_owned()),
        vendor: Some("openai".to_owned()),
        mode,
        reason: None,
        alpn: None,
        bytes_up: 10,
        bytes_down: 20,
        connect_micros: None,
        duration_micros: 5,
    };
    Record { at: UnixMicros(at), event: Event::Connection(event) }
}

fn request(decision: Action, added_micros: u64) -> Record {
    let finding = FindingCount {
        rule: "openai-project-key".to_owned(),
        kind: "api_key".to_owned(),
        kb: KnowledgeBase::Secrets,
        action: decision,
        count: 3,
        first_offset: 0,
        keyed_hash: "00".to_owned(),
    };
    let event = RequestEvent {
        connection: Some(1),
        client: "192.0.2.11".parse().unwrap(),
        host: "api.openai.com".to_owned(),
        vendor: "openai".to_owned(),
        target: "POST /v1/chat/completions".to_owned(),
        model: None,
        decision,
        reason: None,
        findings: vec![finding],
        request_bytes: 1,
        response_bytes: 1,
        status: Some(200),
        stream: false,
        usage: Some(Usage { input: 7, output: 9, cached: 3, estimated: decision == Action::Deny, ..Usage::default() }),
        cost: (decision != Action::Deny).then(|| Cost {
            micros: 40,
            currency: Currency::Usd,
            as_of: "2026-11-05".into(),
        }),
        attachments: Vec::new(),
        more_attachments: 0,
        added_micros,
        first_byte_micros: None,
        duration_micros: 1,
    };
    Record { at: NOW, event: Event::Request(event) }
}

#[test]
fn a_day_is_summed_and_what_is_older_falls_out() {
    let mut tally = Tally::default();
    for hours in [0, 1, 23, 25, 1000] {
        tally.add(&connection(NOW.0 - hours * HOUR, 10, Mode::Watched), NOW);
    }
    let window = tally.window(NOW);
    assert_eq!(window.counters.connections.watched, 3);
    assert_eq!((window.series.len(), window.series.iter().map(|point| point.watched).sum::<u64>()), (49, 3));
    assert_eq!(window.since, Some(UnixMicros(NOW.0 - 23 * HOUR)));
    assert_eq!(tally.total.connections.watched, 5, "the total since the start keeps all");
    let tomorrow = tally.window(UnixMicros(NOW.0 + 24 * HOUR + HOUR));
    assert_eq!(tomorrow.counters.connections.watched, 0);
}

#[test]
fn the_clock_may_jump() {
    let mut tally = Tally::default();
    tally.add(&connection(32_503_680_000_000_000, 10, Mode::Inspected), NOW);
    assert_eq!(tally.window(NOW).counters.connections.inspected, 1, "a record from the year 3000 counts as now");
    tally.add(&connection(0, 10, Mode::Inspected), UnixMicros(0));
    assert_eq!(tally.window(UnixMicros(0)).counters.connections.inspected, 1, "1970 is a time like any other");
    assert_eq!(tally.window(NOW).counters.connections.inspected, 0);
}

#[test]
fn each_client_vendor_and_kind_has_its_row() {
    let mut tally = Tally::default();
    tally.add(&connection(NOW.0, 10, Mode::Watched), NOW);
    tally.add(&connection(NOW.0, 11, Mode::Inspected), NOW);
    tally.add(&connection(NOW.0, 12, Mode::Refused), NOW);
    tally.add(&connection(NOW.0, 13, Mode::Passed), NOW);
    tally.add(&request(Action::Redact, 900), NOW);
    tally.add(&request(Action::Deny, 90_000), NOW);
    let counters = tally.window(NOW).counters;
    assert_eq!(counters.clients.len(), 3, "what is not AI names no client");
    let inspected = counters.clients[&"192.0.2.11".parse().unwrap()];
    assert_eq!((inspected.connections.inspected, inspected.requests.redact, inspected.requests.deny), (1, 1, 1));
    let openai = counters.vendors["openai"];
    assert_eq!((openai.bytes_up, openai.bytes_down), (30, 60));
    assert_eq!((openai.tokens_input, openai.tokens_output, openai.tokens_cached), (14, 18, 6));
    assert_eq!((openai.tokens_estimated, openai.tokens_unpriced), (16, 16));
    assert_eq!((openai.cost_micros, openai.currency), (40, Some(Currency::Usd)));
    assert_eq!(counters.findings[&("api_key".to_owned(), KnowledgeBase::Secrets)], 6);
    assert_eq!((counters.added.quantile(50), counters.added.quantile(99)), (Some(1000), Some(100_000)));
}

#[test]
fn sums_of_cost_stay_in_one_currency() {
    let cost = |micros, currency| Cost { micros, currency, as_of: String::new() };
    let mut counts = VendorCounts::default();
    counts.used(Usage::default(), Some(&cost(5, Currency::Usd)));
    counts.used(Usage::default(), Some(&cost(u64::MAX, Currency::Usd)));
    assert_eq!((counts.cost_micros, counts.currency), (u64::MAX, Some(Currency::Usd)));
    counts.used(Usage::default(), Some(&cost(7, Currency::Eur)));
    assert_eq!((counts.cost_micros, counts.currency), (7, Some(Currency::Eur)));
}

#[test]
fn a_text_judged_for_another_gateway_is_no_traffic() {
    let mut tally = Tally::default();
    let mut record = request(Action::Redact, 900);
    let Event::Request(event) = &mut record.event else { unreachable!() };
    event.connection = None;
    tally.add(&record, NOW);
    let counters = tally.window(NOW).counters;
    assert_eq!((counters.inspections.redact, counters.requests.redact), (1, 0));
    assert_eq!((counters.clients.len(), counters.vendors.len(), counters.findings.len()), (0, 0, 1));
}

#[test]
fn tables_are_bounded_and_say_so() {
    let mut tally = Tally::default();
    for client in 0..2000 {
        tally.add(&connection(NOW.0, client, Mode::Watched), NOW);
    }
    let counters = tally.window(NOW).counters;
    assert_eq!((counters.clients.len(), counters.left_out), (MAX_ROWS, 2000 - MAX_ROWS as u64));
    assert_eq!(counters.connections.watched, 2000, "the sum still counts them");
}

#[test]
fn nothing_measured_is_no_number() {
    assert_eq!(Tally::default().window(NOW).counters.added.quantile(99), None);
    let mut tally = Tally::default();
    tally.add(&request(Action::Allow, 10_000_000), NOW);
    assert_eq!(tally.window(NOW).counters.added.quantile(50), None, "above the last bound there is only more");
}

#[test]
fn ways_around_belong_to_their_device_and_silence_ends_with_the_first_question() {
    let client: std::net::IpAddr = "192.0.2.10".parse().unwrap();
    let bypass = |count| vec![DnsBypass { name: "dns.example".to_owned(), vendor: "encrypted-dns".to_owned(), count }];
    let device = |at: u64, never_asks, bypass| {
        let event = DnsDevice { client, seconds: 60, steered: 2, canaries: 1, bypass, bypass_unnamed: 1, never_asks };
        Record { at: UnixMicros(at), event: Event::DnsDevice(event) }
    };
    let mut tally = Tally::default();
    tally.add(&device(NOW.0 - 3 * HOUR, true, Vec::new()), NOW);
    let counted = |tally: &mut Tally| {
        let counters = tally.window(NOW).counters;
        let row = counters.clients[&client];
        (row.bypasses, row.canaries, row.never_asks, counters.dns.steered)
    };
    assert_eq!(counted(&mut tally), (1, 1, Some(true), 2));
    tally.add(&device(NOW.0 - HOUR, false, bypass(3)), NOW);
    assert_eq!(counted(&mut tally), (5, 2, Some(false), 4));
}
