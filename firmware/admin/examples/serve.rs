//! The admin door with a made-up office behind it, to work on the page: `cargo run -p gate-admin --example serve`.
//!
//! Prints one line with the address and the claim code. `PORT` chooses the port (8443), `QUIET=1` stops the office
//! from making new traffic, so that two pictures of the page can be compared.

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/http/support/ports.rs"]
mod ports;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gate_admin::{Accounts, Admin, Config, Listeners, Site};
use gate_core::{
    Action, Attachment, ConnectionEvent, Cost, Currency, DnsEvent, DnsOutcome, Event, FileKind, FilePlace,
    FindingCount, HostName, KnowledgeBase, Mode, ProcessEvent, ProcessState, Reason, RequestEvent, SteerEvent,
    UnixMicros, Usage,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::ports::{Journals, identity, now};

#[tokio::main]
async fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).init();
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8443);
    let folder = std::env::temp_dir().join(format!("nanogate-serve-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let accounts = Arc::new(Accounts::open(&folder).unwrap());
    let journals = Arc::new(Journals::default());
    yesterday(&journals);
    let (tls, _) = identity(&["localhost", "127.0.0.1"]);
    let site = Site { names: vec![HostName::parse(b"nanogate.office.example").unwrap()], ..Site::default() };
    let admin = Admin::new(
        Config::default(),
        site,
        Arc::clone(&accounts),
        ports::ports(&journals, tokio::sync::watch::channel(false).1),
    )
    .unwrap();
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let code = accounts.renew_claim().unwrap().unwrap();
    println!("https://{address}/ {code}");

    let stop = CancellationToken::new();
    if std::env::var_os("QUIET").is_none() {
        tokio::spawn(today(Arc::clone(&journals)));
    }
    let ended = stop.clone();
    tokio::spawn(async move {
        tokio::signal::ctrl_c().await.expect("the signal can be waited for");
        ended.cancel();
    });
    admin.serve(Listeners { https: vec![listener], handover: Vec::new() }, tls, stop).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A day of an office: little at night, a dip at noon.
fn yesterday(journals: &Journals) {
    let (end, mut dice) = (now().0, Dice(7));
    journals.write("supervisor", UnixMicros(end - DAY), process("proxy", 813));
    journals.write("steer", UnixMicros(end - DAY + 1), rules());
    let minutes = DAY / 60_000_000;
    for minute in 0..minutes {
        let hour = 24 * minute / minutes;
        let busy = match hour {
            0..=7 | 20.. => 1,
            12 => 6,
            _ => 14,
        };
        let at = UnixMicros(end - DAY + minute * 60_000_000);
        if dice.roll(40) < busy {
            happening(journals, at, &mut dice);
        }
    }
}

async fn today(journals: Arc<Journals>) {
    let mut dice = Dice(now().0);
    loop {
        tokio::time::sleep(Duration::from_millis(400 + dice.roll(2200))).await;
        happening(&journals, now(), &mut dice);
    }
}

const DAY: u64 = 23 * 3600 * 1_000_000;

/// xorshift: the same seed makes the same office.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const VENDORS: [(&str, &str, &str); 4] = [
    ("openai", "api.openai.com", "gpt-5"),
    ("anthropic", "api.anthropic.com", "claude-opus-4"),
    ("openai", "chatgpt.com", "gpt-5"),
    ("mistral", "api.mistral.ai", "mistral-large"),
];

/// A question, a connection, and for the inspected clients a request in it.
fn happening(journals: &Journals, at: UnixMicros, dice: &mut Dice) {
    let (vendor, host, model) = VENDORS[usize::try_from(dice.roll(4)).unwrap()];
    let client: IpAddr = [192, 0, 2, [10, 10, 14, 17, 11, 11, 11, 12][usize::try_from(dice.roll(8)).unwrap()]].into();
    journals.write("dns", at, question(client, host, vendor));
    let mode = match client.to_string().as_str() {
        "192.0.2.11" => Mode::Inspected,
        "192.0.2.12" => Mode::Refused,
        _ => Mode::Watched,
    };
    if mode == Mode::Inspected {
        journals.write("proxy", at, request(client, (vendor, host, model), dice));
    }
    journals.write("proxy", at, connection(client, (vendor, host), mode, dice));
}

fn question(client: IpAddr, name: &str, vendor: &str) -> Event {
    Event::Dns(DnsEvent {
        client,
        name: name.to_owned(),
        qtype: 1,
        outcome: DnsOutcome::Steered { vendor: vendor.to_owned() },
        rcode: Some(0),
        micros: 80,
    })
}

fn connection(client: IpAddr, (vendor, host): (&str, &str), mode: Mode, dice: &mut Dice) -> Event {
    let refused = mode == Mode::Refused;
    Event::Connection(ConnectionEvent {
        id: dice.roll(1 << 40),
        client: SocketAddr::new(client, 50_000),
        dst: None,
        host: Some(host.to_owned()),
        vendor: Some(vendor.to_owned()),
        mode,
        reason: refused.then(|| Reason::Policy("guests use no AI".to_owned())),
        alpn: Some("h2".to_owned()),
        bytes_up: if refused { 517 } else { 2_000 + dice.roll(60_000) },
        bytes_down: if refused { 7 } else { 5_000 + dice.roll(900_000) },
        connect_micros: (!refused).then(|| 9_000 + dice.roll(30_000)),
        duration_micros: if refused { 900 } else { 400_000 + dice.roll(30_000_000) },
    })
}

fn request(client: IpAddr, (vendor, host, model): (&str, &str, &str), dice: &mut Dice) -> Event {
    let (decision, kinds): (Action, &[(&str, KnowledgeBase)]) = match dice.roll(10) {
        0 => (Action::Deny, &[("private_key", KnowledgeBase::Secrets)]),
        1 => (Action::Redact, &[("api_key", KnowledgeBase::Secrets), ("email", KnowledgeBase::Personal)]),
        2 | 3 => (Action::Redact, &[("email", KnowledgeBase::Personal), ("phone", KnowledgeBase::Personal)]),
        4 => (Action::Redact, &[("credit_card", KnowledgeBase::Payment)]),
        _ => (Action::Allow, &[]),
    };
    let denied = decision == Action::Deny;
    let estimated = dice.roll(3) == 0;
    let usage = (!denied).then(|| Usage {
        input: 200 + dice.roll(6000),
        output: 100 + dice.roll(2000),
        estimated,
        ..Usage::default()
    });
    let file = (dice.roll(5) == 0).then(|| Attachment {
        kind: FileKind::Pdf,
        place: FilePlace::Conversation,
        bytes: 20_000 + dice.roll(900_000),
        keyed_hash: "0123456789abcdef".to_owned(),
    });
    Event::Request(RequestEvent {
        connection: Some(1),
        client,
        host: host.to_owned(),
        vendor: vendor.to_owned(),
        target: "POST /v1/chat/completions".to_owned(),
        model: Some(model.to_owned()),
        decision,
        reason: denied.then(|| Reason::Finding("private_key".to_owned())),
        findings: kinds.iter().map(|(kind, kb)| finding(kind, *kb, decision, dice)).collect(),
        request_bytes: 600 + dice.roll(20_000),
        response_bytes: 3_000,
        status: Some(if denied { 403 } else { 200 }),
        stream: true,
        usage,
        cost: usage.filter(|_| vendor != "mistral").map(|usage| Cost {
            micros: usage.input * 5 / 2 + usage.output * 10,
            currency: Currency::Usd,
            as_of: "2026-11-05".to_owned(),
        }),
        attachments: file.into_iter().collect(),
        more_attachments: 0,
        added_micros: 300 + dice.roll(2500),
        first_byte_micros: Some(420_000),
        duration_micros: 2_000_000,
    })
}

fn finding(kind: &str, kb: KnowledgeBase, action: Action, dice: &mut Dice) -> FindingCount {
    FindingCount {
        rule: kind.to_owned(),
        kind: kind.to_owned(),
        kb,
        action,
        count: 1 + u32::try_from(dice.roll(3)).unwrap(),
        first_offset: 40,
        keyed_hash: "0123456789abcdef".to_owned(),
    }
}

fn process(name: &str, pid: u32) -> Event {
    Event::Process(ProcessEvent {
        process: name.to_owned(),
        pid,
        state: ProcessState::Started,
        version: "0.1.0".to_owned(),
    })
}

fn rules() -> Event {
    Event::Steer(SteerEvent { table: "nanogate".to_owned(), rules: 14, destinations: 0, verified: true, error: None })
}
