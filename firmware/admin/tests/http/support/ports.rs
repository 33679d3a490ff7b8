//! The other rooms of the house, played in memory: for the tests and for `examples/serve.rs`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate_admin::{
    BlockListStatus, CaCertificate, CaInfo, Content, FallbackError, FallbackStatus, Fallbacks, Feed, FeedEntry,
    InspectAnswer, InspectRequest, Inspector, PackStatus, PolicyError, PolicyText, PolicyView, Polled, Ports,
    ProcessStatus, Shortfalls, Status, StatusReport, Succession, UpstreamStatus,
};
use gate_core::{
    Action, AdminEvent, Event, FallbackCause, Finding, FindingCount, Journal, JournalError, KnowledgeBase, Mode,
    Position, Reason, Record, SystemClock, UnixMicros, Why,
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// The journals of all processes: what is appended here comes out of the feed.
#[derive(Default)]
pub(crate) struct Journals {
    entries: Mutex<Vec<FeedEntry>>,
    pub(crate) broken: AtomicBool,
}

impl Journals {
    /// One record in the chain of `process`.
    pub(crate) fn write(&self, process: &str, at: UnixMicros, event: Event) -> Position {
        let mut entries = self.entries.lock();
        let position = Position(entries.iter().filter(|entry| &*entry.process == process).count() as u64);
        entries.push(FeedEntry { process: process.into(), position, record: Record { at, event } });
        position
    }

    /// Every event in the chain of `process`.
    pub(crate) fn of(&self, process: &str) -> Vec<Event> {
        let entries = self.entries.lock();
        entries.iter().filter(|entry| &*entry.process == process).map(|entry| entry.record.event.clone()).collect()
    }
}

/// The admin process's own chain.
pub(crate) struct AdminJournal(pub(crate) Arc<Journals>);

impl Journal for AdminJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        if self.0.broken.load(Ordering::Relaxed) {
            return Err(JournalError::Closed);
        }
        Ok(self.0.write("admin", now(), event.clone()))
    }
}

/// Follows [`Journals`].
pub(crate) struct Follower {
    pub(crate) journals: Arc<Journals>,
    pub(crate) at: usize,
}

impl Feed for Follower {
    fn poll(&mut self, max: usize) -> Polled {
        let entries = self.journals.entries.lock();
        let end = entries.len().min(self.at + max);
        let new = entries[self.at..end].to_vec();
        self.at = end;
        Polled { entries: new, followed: true, failed: Vec::new() }
    }
}

/// Finds `sk-…` in a text, takes its time at the word `slow` and breaks at the word `panic`.
pub(crate) struct WordInspector;

impl Inspector for WordInspector {
    fn is_ready(&self) -> bool {
        true
    }

    fn prepare(&self) {}

    fn inspect(&self, request: &InspectRequest) -> InspectAnswer {
        let text = match &request.content {
            Content::Text(text) => text.as_str(),
            Content::Request(json) => json.get(),
        };
        assert!(!text.contains("panic"), "asked to");
        if text.contains("slow") {
            #[expect(clippy::disallowed_methods, reason = "it plays a scanner that keeps its thread busy")]
            std::thread::sleep(Duration::from_secs(2));
        }
        let Some(start) = text.find("sk-") else {
            return answer(Action::Allow, None, Vec::new());
        };
        let end =
            start + text[start..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(text.len() - start);
        let redacted = format!("{}[REDACTED_API_KEY]{}", &text[..start], &text[end..]);
        let redacted = match &request.content {
            Content::Text(_) => Content::Text(redacted),
            Content::Request(_) => Content::Request(serde_json::value::RawValue::from_string(redacted).unwrap()),
        };
        answer(Action::Redact, Some(redacted), vec![(start, end)])
    }

    fn is_clean(&self, word: &str) -> bool {
        !word.contains("sk-")
    }
}

fn answer(decision: Action, redacted: Option<Content>, places: Vec<(usize, usize)>) -> InspectAnswer {
    let (rule, kind, kb) = ("openai-project-key", "api_key", KnowledgeBase::Secrets);
    let finding = |(start, end)| Finding {
        rule: rule.to_owned(),
        kind: kind.to_owned(),
        kb,
        start,
        end,
        confidence: 95,
        action: decision,
        why: vec![Why::Anchor, Why::Entropy],
    };
    let count = |(start, _): &(usize, usize)| FindingCount {
        rule: rule.to_owned(),
        kind: kind.to_owned(),
        kb,
        action: decision,
        count: 1,
        first_offset: *start as u64,
        keyed_hash: "0123456789abcdef".to_owned(),
    };
    InspectAnswer {
        decision,
        redacted,
        reasons: places.iter().map(|_| "API key pattern detected".to_owned()).collect(),
        counts: places.iter().map(count).collect(),
        attachments: Vec::new(),
        more_attachments: 0,
        findings: places.into_iter().map(finding).collect(),
        reason: (decision == Action::Deny).then(|| Reason::Finding(kind.to_owned())),
    }
}

/// A puck that runs well.
pub(crate) struct FixedStatus(Arc<Journals>);

impl Status for FixedStatus {
    fn trouble(&self) -> Option<String> {
        self.0.broken.load(Ordering::Relaxed).then(|| "the card is gone".to_owned())
    }

    fn report(&self) -> StatusReport {
        let process = |name: &str, pid, megabytes: u64| ProcessStatus {
            name: name.to_owned(),
            pid: Some(pid),
            rss_bytes: Some(megabytes * 1_000_000),
            restarts: 0,
        };
        let pack = |name: &str, entries| PackStatus { name: name.to_owned(), version: "2026.11.0".to_owned(), entries };
        StatusReport {
            version: "0.1.0".to_owned(),
            mode: "dns".to_owned(),
            host: "nanogate.office.example".to_owned(),
            uptime_seconds: 86_400,
            processes: vec![
                process("dns", 812, 9),
                process("proxy", 813, 31),
                process("admin", 814, 18),
                process("steer", 815, 5),
            ],
            packs: vec![pack("kb1-secrets", 24), pack("kb2-personal", 11), pack("kb8-providers", 412)],
            warnings: Vec::new(),
            upstreams: vec![UpstreamStatus {
                upstream: "9.9.9.9:53".to_owned(),
                whose: None,
                working: true,
                failure: None,
                strips_signatures: false,
                tcp_only: false,
                asks_us: false,
                makes_up: false,
            }],
            block_lists: vec![BlockListStatus {
                list: "/etc/nanogate/ads.txt".to_owned(),
                names: 12_000,
                foreign_lines: 3,
                error: None,
            }],
            shortfalls: Shortfalls { unread_answers: 3, ..Shortfalls::default() },
        }
    }
}

/// `.11` is inspected, `.12` refused, everybody else watched: as in the virtual office. Its text is kept beside: `wrong` is
/// no policy, and after `elsewhere` it is a file of the owner's.
#[derive(Default)]
pub(crate) struct OfficePolicy(Mutex<String>);

impl PolicyView for OfficePolicy {
    fn mode_of(&self, client: IpAddr) -> Mode {
        match client.to_string().as_str() {
            "192.0.2.11" => Mode::Inspected,
            "192.0.2.12" => Mode::Refused,
            _ => Mode::Watched,
        }
    }

    fn text(&self) -> Result<PolicyText, PolicyError> {
        let text = self.0.lock().clone();
        Ok(PolicyText { file: (text == "elsewhere").then(|| "/etc/policy.yaml".to_owned()), text })
    }

    fn replace(&self, text: &str) -> Result<Vec<String>, PolicyError> {
        if let Some(file) = self.text()?.file {
            return Err(PolicyError::Elsewhere(file));
        }
        if text == "wrong" {
            return Err(PolicyError::Wrong("policy, line 1: wrong".to_owned()));
        }
        text.clone_into(&mut self.0.lock());
        Ok(vec!["nobody is in group a".to_owned()])
    }
}

/// One Python program on `.11`, until it is revoked; `later` asks for more than the proxy answers.
pub(crate) struct OneFallback(Mutex<bool>);

impl Fallbacks for OneFallback {
    fn list(&self) -> Vec<FallbackStatus> {
        let fallback = FallbackStatus {
            id: "0b1c2d3e4f506172".to_owned(),
            client: "192.0.2.11".parse().unwrap(),
            host: "api.openai.com".to_owned(),
            vendor: "openai".to_owned(),
            ja4: "t13d1712h1_5b57614c22b0_3d5424432f57".to_owned(),
            runtime: "python".to_owned(),
            cause: FallbackCause::Alert(48),
            since: now(),
            until: UnixMicros(now().0 + 86_400_000_000),
        };
        self.0.lock().then_some(fallback).into_iter().collect()
    }

    fn revoke(&self, id: &str) -> Result<bool, FallbackError> {
        match id {
            "later" => Err(FallbackError("nobody listens".to_owned())),
            "0b1c2d3e4f506172" => Ok(std::mem::take(&mut *self.0.lock())),
            _ => Ok(false),
        }
    }
}

/// Fingerprint of the authority that is to follow.
pub(crate) const SUCCESSOR: &str =
    "90:CB:55:1E:A7:8B:D4:33:62:09:F1:AC:7E:B6:48:20:5D:E7:93:1C:F8:D2:6A:44:0B:81:5E:77:C0:9F:12:3A";

/// A supervisor that does what it is asked for at once.
struct Heirs(Arc<Journals>);

impl Succession for Heirs {
    fn ask(&self, fingerprint: &str) -> std::io::Result<()> {
        let (command, detail) = ("ca_activate".to_owned(), Some(fingerprint.to_owned()));
        let event = AdminEvent { client: None, actor: None, command, ok: true, detail };
        self.0.write("supervisor", now(), Event::Admin(event));
        Ok(())
    }
}

pub(crate) fn now() -> UnixMicros {
    gate_core::Clock::now(&SystemClock)
}

/// An authority with a made-up certificate: nothing here signs with it.
pub(crate) fn ca() -> CaInfo {
    CaInfo {
        subject: "Nano-Gate office CA".to_owned(),
        permitted_names: ["anthropic.com", "chatgpt.com", "claude.ai", "mistral.ai", "openai.com", "oaistatic.com"]
            .map(str::to_owned)
            .to_vec(),
        missing_names: Vec::new(),
        locked: false,
        certificate: CaCertificate {
            fingerprint_sha256:
                "3A:9F:12:77:C0:5E:81:44:0B:D2:6A:F8:93:1C:E7:20:5D:B6:48:AC:7E:09:F1:33:62:8B:D4:55:1E:A7:90:CB"
                    .to_owned(),
            not_after: UnixMicros(2_095_286_400_000_000),
            pem: "-----BEGIN CERTIFICATE-----\nMIIBexample\n-----END CERTIFICATE-----\n".to_owned(),
            der: vec![0x30, 0x82, 0x01, 0x00],
            mobileconfig: "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict/></plist>\n".to_owned(),
        },
        next: Some(CaCertificate {
            fingerprint_sha256: SUCCESSOR.to_owned(),
            not_after: UnixMicros(2_410_905_600_000_000),
            pem: "-----BEGIN CERTIFICATE-----\nMIIBsuccessor\n-----END CERTIFICATE-----\n".to_owned(),
            der: vec![0x30, 0x82, 0x01, 0x01],
            mobileconfig: "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict/></plist>\n".to_owned(),
        }),
    }
}

/// All ports over one set of journals.
pub(crate) fn ports(journals: &Arc<Journals>, button: watch::Receiver<bool>) -> Ports {
    Ports {
        feed: Box::new(Follower { journals: Arc::clone(journals), at: 0 }),
        inspector: Arc::new(WordInspector),
        status: Arc::new(FixedStatus(Arc::clone(journals))),
        policy: Arc::new(OfficePolicy::default()),
        fallbacks: Arc::new(OneFallback(Mutex::new(true))),
        journal: Arc::new(AdminJournal(Arc::clone(journals))),
        clock: Arc::new(SystemClock),
        ca: Arc::new(ca()),
        succession: Arc::new(Heirs(Arc::clone(journals))),
        button,
    }
}

/// A certificate for this machine, and the store that trusts it.
pub(crate) fn identity(names: &[&str]) -> (rustls::ServerConfig, rustls::RootCertStore) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (server, roots)
}
