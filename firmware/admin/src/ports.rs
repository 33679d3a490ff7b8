//! What this room needs from the others, in its own words; `daemon` brings them together.

use std::net::IpAddr;
use std::sync::Arc;

use gate_core::{
    Action, Attachment, Clock, FallbackCause, Finding, FindingCount, Journal, Mode, Position, Reason, Record,
    UnixMicros,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;
use tokio::sync::watch;
use utoipa::ToSchema;

/// Everything that is passed in.
pub struct Ports {
    pub feed: Box<dyn Feed>,
    pub inspector: Arc<dyn Inspector>,
    pub status: Arc<dyn Status>,
    pub policy: Arc<dyn PolicyView>,
    pub fallbacks: Arc<dyn Fallbacks>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub ca: Arc<CaInfo>,
    pub succession: Arc<dyn Succession>,
    /// Whether somebody pressed the device's button a moment ago, and may claim it without the code.
    pub button: watch::Receiver<bool>,
}

/// One record with the chain it stands in.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    /// The process whose chain it is, such as `proxy`.
    pub process: Arc<str>,
    pub position: Position,
    pub record: Record,
}

/// What one look at all chains brought.
#[derive(Debug, Default)]
pub struct Polled {
    pub entries: Vec<FeedEntry>,
    /// Whether any chain could be read, with or without something new in it.
    pub followed: bool,
    /// The chains that could not be read; the others go on without them.
    pub failed: Vec<FeedError>,
}

/// Why one journal could not be followed just now; asked again at the next poll.
#[derive(Debug, Error)]
#[error("the journal of {process} cannot be followed: {source}")]
pub struct FeedError {
    pub process: String,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Follows the chains of all processes, read-only.
pub trait Feed: Send + 'static {
    /// The next records since the last call, at most `max`, each chain in its order. May block on the disk.
    fn poll(&mut self, max: usize) -> Polled;
}

/// Scanner and policy behind the inspection API.
pub trait Inspector: Send + Sync + 'static {
    /// Whether questions are answered in milliseconds. Costs nothing.
    fn is_ready(&self) -> bool;

    /// Makes it so, which may take seconds on a small board: called once somebody may ask.
    fn prepare(&self);

    /// Judges one text or request. Runs on a thread of its own: it may use the processor, but not wait.
    fn inspect(&self, request: &InspectRequest) -> InspectAnswer;

    /// Whether nothing is found in a caller's word, so that it may stand in a record.
    fn is_clean(&self, word: &str) -> bool;
}

/// What is to be inspected, already checked for shape.
#[derive(Debug)]
pub struct InspectRequest {
    pub content: Content,
    /// Whose policy applies.
    pub client: IpAddr,
    /// Identifier of a vendor, such as `openai`.
    pub provider: Option<String>,
    pub model: Option<String>,
    pub direction: Direction,
}

/// A plain text, or a provider's JSON request byte for byte as it came.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Content {
    Text(String),
    Request(Box<RawValue>),
}

/// Which way the content goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the provider.
    #[default]
    #[serde(alias = "outbound", alias = "input", alias = "prompt")]
    Request,
    /// From the provider.
    #[serde(alias = "inbound", alias = "output", alias = "completion")]
    Response,
}

/// The outcome of an inspection.
#[derive(Debug)]
pub struct InspectAnswer {
    pub decision: Action,
    /// Offsets are bytes into the text, or into the JSON as it came.
    pub findings: Vec<Finding>,
    /// The content with redactions, when the decision is to redact.
    pub redacted: Option<Content>,
    /// Plain reasons for people; never the value.
    pub reasons: Vec<String>,
    /// The same findings for the journal.
    pub counts: Vec<FindingCount>,
    /// Why it was denied, for the journal.
    pub reason: Option<Reason>,
    /// Files that nobody read, and how many there are beyond those listed, for the journal.
    pub attachments: Vec<Attachment>,
    pub more_attachments: u32,
}

/// What the daemon knows about itself.
pub trait Status: Send + Sync + 'static {
    /// The state right now; cheap enough for every request.
    fn report(&self) -> StatusReport;

    /// What keeps the puck from its work and needs a person, for everybody in the office to see.
    fn trouble(&self) -> Option<String>;
}

/// Health, versions, mode, processes.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct StatusReport {
    /// Version of the daemon.
    pub version: String,
    /// `dns`, `gateway` or `explicit`.
    pub mode: String,
    /// The puck's own name.
    pub host: String,
    /// Since the supervisor started.
    pub uptime_seconds: u64,
    pub processes: Vec<ProcessStatus>,
    pub packs: Vec<PackStatus>,
    /// What a person should mend.
    pub warnings: Vec<String>,
    /// Resolvers that questions are forwarded to.
    pub upstreams: Vec<UpstreamStatus>,
    /// Block lists that somebody is answered by.
    pub block_lists: Vec<BlockListStatus>,
    pub shortfalls: Shortfalls,
}

/// What the proxy could not do as it should, counted since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Shortfalls {
    /// Answers that were passed on without their tokens being read: an unknown or broken coding, or too many at once.
    pub unread_answers: u64,
    /// Answers that went on with their placeholders, because they could not be edited.
    pub unedited_answers: u64,
    /// Connections to names that are not AI, passed on with an Encrypted Client Hello, real or the noise of browsers.
    pub passed_with_ech: u64,
    /// Such ones that were refused, because the name leads elsewhere than they went.
    pub refused_with_ech: u64,
    /// Records that the journal did not take.
    pub journal_failures: u64,
}

/// One resolver that questions are forwarded to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UpstreamStatus {
    /// Such as `9.9.9.9:53` or `tls://9.9.9.9:853#dns.quad9.net`.
    pub upstream: String,
    /// A group of clients, or the office's zones; absent: everybody's.
    pub whose: Option<String>,
    pub working: bool,
    /// Why not.
    pub failure: Option<String>,
    /// It takes DNSSEC signatures out of its answers.
    pub strips_signatures: bool,
    /// It is asked over TCP, as UDP gets no answer.
    pub tcp_only: bool,
    /// It asks this device what it is asked, so it is left out.
    pub asks_us: bool,
    /// It has answers for names that do not exist, as a captive portal does.
    pub makes_up: bool,
}

/// One list of names that are not answered.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BlockListStatus {
    /// A path or an address.
    pub list: String,
    /// Names that it holds by now.
    pub names: usize,
    /// Lines that were not understood.
    pub foreign_lines: usize,
    /// Why it was not read or fetched the last time.
    pub error: Option<String>,
}

/// One supervised process.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProcessStatus {
    /// `dns`, `proxy`, `admin` or `steer`.
    pub name: String,
    /// Absent while it is down.
    pub pid: Option<u32>,
    /// Resident memory.
    pub rss_bytes: Option<u64>,
    /// How often the supervisor had to start it again.
    pub restarts: u32,
}

/// One loaded pack of rules or data.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PackStatus {
    /// Such as `kb1-secrets`.
    pub name: String,
    pub version: String,
    /// Rules or entries in it.
    pub entries: u32,
}

/// What policy says about a client's AI traffic as a whole.
pub trait PolicyView: Send + Sync + 'static {
    /// Watched, inspected or refused.
    fn mode_of(&self, client: IpAddr) -> Mode;

    /// The owner's words. May block on the disk.
    fn text(&self) -> Result<PolicyText, PolicyError>;

    /// Checks a text and keeps it as the policy, which the workers follow; what in it cannot come true. May block on the disk.
    fn replace(&self, text: &str) -> Result<Vec<String>, PolicyError>;
}

/// A policy as its owner wrote it.
#[derive(Clone, Debug)]
pub struct PolicyText {
    /// YAML; empty where there is none yet: then everybody is watched and nothing denied.
    pub text: String,
    /// The file on this machine that it is written in; then it can be changed only there.
    pub file: Option<String>,
}

/// Why a policy was not kept, or cannot be shown.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The machine's owner keeps it in a file of their own.
    #[error("The policy is kept in {0} on this machine; change it there.")]
    Elsewhere(String),
    /// It has a mistake, told with its line.
    #[error("{0}")]
    Wrong(String),
    /// It cannot be read or written.
    #[error("the policy cannot be read or written: {0}")]
    Disk(#[source] std::io::Error),
}

/// Clients that are watched because they do not take the authority's certificate.
pub trait Fallbacks: Send + Sync + 'static {
    /// Those that stand now, the newest first. May block on the disk.
    fn list(&self) -> Vec<FallbackStatus>;

    /// Has one inspected again; whether there was one of this name. Asks another process and waits for it.
    fn revoke(&self, id: &str) -> Result<bool, FallbackError>;
}

/// The process that holds the fall-backs did not answer.
#[derive(Debug, Error)]
#[error("the proxy does not answer: {0}")]
pub struct FallbackError(pub String);

/// One client that is watched instead of inspected.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Fallback)]
pub struct FallbackStatus {
    /// Names it.
    pub id: String,
    #[schema(value_type = String)]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// The kind of TLS program by its first message (JA4).
    pub ja4: String,
    /// What the program seems to be: `apple`, `chromium`, `codex`, `curl`, `electron`, `firefox`, `go`, `java`, `node`,
    /// `python`, `windows` or `unknown`.
    pub runtime: String,
    pub cause: FallbackCause,
    pub since: UnixMicros,
    /// When the client is inspected again.
    pub until: UnixMicros,
}

/// Who can put another certificate authority in force.
pub trait Succession: Send + Sync + 'static {
    /// Asks for the successor of this fingerprint to take over, within about a second. May block on the disk.
    fn ask(&self, fingerprint: &str) -> std::io::Result<()>;
}

/// The local certificate authority as people need it to trust it.
#[derive(Clone, Debug)]
pub struct CaInfo {
    /// Common name.
    pub subject: String,
    /// The only names it may sign for (its name constraints).
    pub permitted_names: Vec<String>,
    /// Steered names that it leaves out: there clients are only watched.
    pub missing_names: Vec<String>,
    /// Its key cannot be opened: it issues nothing, and inspected clients are refused.
    pub locked: bool,
    pub certificate: CaCertificate,
    /// What is to be installed before it takes over; it leaves out no steered name.
    pub next: Option<CaCertificate>,
}

/// The certificate of an authority in every form that is downloaded.
#[derive(Clone, Debug)]
pub struct CaCertificate {
    /// SHA-256 over the certificate, colon-separated hexadecimal.
    pub fingerprint_sha256: String,
    pub not_after: UnixMicros,
    pub pem: String,
    pub der: Vec<u8>,
    /// Apple configuration profile.
    pub mobileconfig: String,
}
