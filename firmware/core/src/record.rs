//! What the journal keeps. postcard writes variants and fields by position: new events come at the end, and an event that
//! needs other fields becomes a new one there, as [`stored`] shows. What was written before is read for good.
//!
//! A program that is older than an event meets it too: a trial that goes back leaves the newer slot's records in the chains.
//! It keeps them, counts them and shows nothing of them, so no event may be needed to understand one that was there before.
//! The same goes for a new value inside an event, such as another reason: the whole record is unknown there.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::{Action, KnowledgeBase, UnixMicros};

mod stored;

/// One line of the journal: when, and what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Record {
    pub at: UnixMicros,
    pub event: Event,
}

/// Everything that can end in a record. How it is written and read stands in [`stored`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", from = "stored::Stored")]
pub enum Event {
    Dns(DnsEvent),
    Connection(ConnectionEvent),
    Request(RequestEvent),
    Steer(SteerEvent),
    Admin(AdminEvent),
    Process(ProcessEvent),
    DnsTally(DnsTally),
    DnsDevice(DnsDevice),
    Fallback(FallbackEvent),
    Placeholders(PlaceholdersEvent),
    ProxyClient(ProxyClientEvent),
}

/// One DNS question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DnsEvent {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    /// The question in lower case without the trailing dot; `.` for the root.
    pub name: String,
    /// The type as its number (RFC 1035 section 3.2.2).
    pub qtype: u16,
    pub outcome: DnsOutcome,
    /// The response code as its number; absent when nothing was sent.
    pub rcode: Option<u8>,
    /// From the question's arrival to the answer's departure, in microseconds.
    pub micros: u32,
}

/// The questions of one client that were not steered, counted over a minute. A record for each would let a flood of
/// questions push evidence out of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DnsTally {
    /// Absent: everybody beyond the clients that are counted one by one.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub client: Option<IpAddr>,
    /// Time since the tally before, in seconds.
    pub seconds: u32,
    pub special: u32,
    pub own: u32,
    pub cached: u32,
    pub forwarded: u32,
    pub failed: u32,
    pub refused: u32,
}

impl DnsTally {
    /// Those that were not refused.
    pub fn answered(&self) -> u64 {
        self.questions() - u64::from(self.refused)
    }

    /// All questions that are counted here.
    pub fn questions(&self) -> u64 {
        [self.special, self.own, self.cached, self.forwarded, self.failed, self.refused].map(u64::from).iter().sum()
    }
}

/// What the resolver noticed of one device beside its questions: whether it may be going around this resolver. At most one
/// for each device and minute, and none where there is nothing to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DnsDevice {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    /// Time since the devices were looked at before, in seconds.
    pub seconds: u32,
    /// Questions about AI without records of their own: repeated ones, and those of a client whose names are not recorded.
    pub steered: u32,
    /// Questions for the names by which browsers and phones learn that the network resolves for itself.
    pub canaries: u32,
    /// Encrypted resolvers and VPNs that it asked for.
    pub bypass: Vec<DnsBypass>,
    /// Questions for more of them than are named, or of a client whose names are not recorded.
    pub bypass_unnamed: u32,
    /// It is on the wire, and nothing was ever heard from it here. The first record after one of these says that it asks now.
    pub never_asks: bool,
}

impl DnsDevice {
    /// Questions for ways around this resolver.
    pub fn bypasses(&self) -> u64 {
        let named = self.bypass.iter().map(|one| u64::from(one.count));
        named.chain([u64::from(self.bypass_unnamed)]).sum()
    }
}

/// A way around this resolver that a device asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DnsBypass {
    pub name: String,
    /// The list it stands in, such as `encrypted-dns` or `vpn`.
    pub vendor: String,
    pub count: u32,
}

/// How a question was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DnsOutcome {
    /// Answered with the puck's own address, or NODATA for a type that would lead around it.
    Steered {
        vendor: String,
    },
    /// A canary or special-use name, answered here.
    Special,
    /// The puck's own name.
    Own,
    Cached,
    Forwarded,
    /// No upstream answered in time.
    Failed,
    /// The client or the question is not one we answer.
    Refused(Reason),
}

/// How a connection was treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Metadata only: spliced untouched.
    Watched,
    /// Terminated with the local CA.
    Inspected,
    /// Not let through.
    Refused,
    /// Handed to the admin page.
    Admin,
    /// Not AI, relayed untouched in gateway or explicit mode.
    Passed,
}

/// One connection to the proxy, from accept to close.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConnectionEvent {
    /// Unique within the life of one proxy process; requests name it.
    pub id: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: SocketAddr,
    /// Where the client meant to go.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub dst: Option<SocketAddr>,
    /// The name asked for, once it was understood.
    pub host: Option<String>,
    pub vendor: Option<String>,
    pub mode: Mode,
    /// Why it was refused or ended early.
    pub reason: Option<Reason>,
    /// The application protocol in use with the server (`h2`, `http/1.1`) or, when watched, those the client offered.
    pub alpn: Option<String>,
    /// Bytes from the client to the server as seen on the wire.
    pub bytes_up: u64,
    /// Bytes from the server to the client as seen on the wire.
    pub bytes_down: u64,
    /// From accept to the server's TCP connection, in microseconds.
    pub connect_micros: Option<u64>,
    /// From accept to close, in microseconds.
    pub duration_micros: u64,
}

/// How often a rule fired in one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingCount {
    pub rule: String,
    pub kind: String,
    pub kb: KnowledgeBase,
    pub action: Action,
    pub count: u32,
    /// Byte offset of the first one in the decoded request body.
    pub first_offset: u64,
    /// First 8 bytes of the keyed hash of the first value, in hexadecimal: equal values can be told, none recovered.
    pub keyed_hash: String,
}

/// Tokens that a request and its answer used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// All that went in, with the two parts below.
    pub input: u64,
    /// All that came out, with what the model only thought.
    pub output: u64,
    /// Input that the provider had in a cache; 0 where it does not say.
    pub cached: u64,
    /// Input that it put into one; 0 where it does not say.
    pub written: u64,
    /// Output that is no part of the answer; 0 where the provider does not say.
    pub reasoning: u64,
    /// The provider counted nothing: these are guessed from the length of the texts.
    pub estimated: bool,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
            written: self.written.saturating_add(other.written),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// What tokens cost by the vendor's published prices. What a company really pays may be less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cost {
    /// Millionths of the currency.
    pub micros: u64,
    pub currency: Currency,
    /// The day the prices were read, such as `2026-11-05`.
    pub as_of: String,
}

/// What prices are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Usd,
    Eur,
    Gbp,
    Cny,
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Cny => "CNY",
        })
    }
}

/// Something in a request that is no text, so that nobody read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    pub kind: FileKind,
    pub place: FilePlace,
    /// Its own bytes, packing such as base64 undone; of a link, those of its name.
    pub bytes: u64,
    /// First 8 bytes of the keyed hash of these, in hexadecimal: the same file can be told again, and not recovered.
    pub keyed_hash: String,
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Pdf,
    /// Documents of office programs, old and new.
    Office,
    Image,
    Audio,
    Video,
    /// Other archives and packed files.
    Archive,
    /// It is elsewhere: only its address or name is here.
    Link,
    Unknown,
}

impl FileKind {
    /// Every kind, by the word that policies and records use.
    pub const WORDS: [(&str, Self); 8] = [
        ("pdf", Self::Pdf),
        ("office", Self::Office),
        ("image", Self::Image),
        ("audio", Self::Audio),
        ("video", Self::Video),
        ("archive", Self::Archive),
        ("link", Self::Link),
        ("unknown", Self::Unknown),
    ];
}

/// Where a request carries a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FilePlace {
    /// It is the body.
    Body,
    /// A part of a form.
    Part,
    /// In a conversation.
    Conversation,
}

/// One inspected request with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestEvent {
    /// The connection it came on; `None` from the inspection API.
    pub connection: Option<u64>,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// `POST /v1/chat/completions`: method and path without the query, which may hold keys.
    pub target: String,
    pub model: Option<String>,
    pub decision: Action,
    pub reason: Option<Reason>,
    pub findings: Vec<FindingCount>,
    /// Decoded body bytes the client sent.
    pub request_bytes: u64,
    /// Body bytes of the answer as relayed.
    pub response_bytes: u64,
    /// Status that the client received; `None` when the exchange broke before one.
    pub status: Option<u16>,
    pub stream: bool,
    pub usage: Option<Usage>,
    /// `None`: nothing is known of what the model costs.
    pub cost: Option<Cost>,
    /// What is no text in the request, as it was sent.
    pub attachments: Vec<Attachment>,
    /// Attachments beyond those listed.
    pub more_attachments: u32,
    /// Time spent decoding, scanning, judging and editing, in microseconds.
    pub added_micros: u64,
    /// From the request's head to the answer's head, in microseconds.
    pub first_byte_micros: Option<u64>,
    pub duration_micros: u64,
}

/// What was replaced reversibly in one request, and put back in its answer. Stands right before the request's own record,
/// and only where there is something to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlaceholdersEvent {
    /// The connection that the request came on.
    pub connection: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// Values that left as placeholders, by kind.
    pub replaced: Vec<KindCount>,
    /// Placeholders that became values again on their way to the client, by kind.
    pub restored: Vec<KindCount>,
    /// The answer could not be edited and went on with its placeholders.
    pub unedited: bool,
}

/// A client that has proven to the CONNECT proxy who it is. Stands before the connection's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProxyClientEvent {
    pub connection: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    /// Of the token, or in the certificate.
    pub name: String,
    pub by: ProxyCredential,
}

/// What a client of the CONNECT proxy is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProxyCredential {
    Token,
    Certificate,
    /// Both, which name the same.
    Both,
}

/// How many of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindCount {
    pub kind: String,
    pub count: u32,
}

/// One change of the kernel's rule set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SteerEvent {
    pub table: String,
    /// Rules in the table after the change.
    pub rules: u32,
    /// Addresses in the set of steered destinations.
    pub destinations: u32,
    /// Whether the read-back equalled what was sent.
    pub verified: bool,
    pub error: Option<String>,
}

/// One command from a person or a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AdminEvent {
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub client: Option<IpAddr>,
    /// Account or token name; `None` before sign-in.
    pub actor: Option<String>,
    /// Such as `sign_in`, `claim`, `ca_download`, `inspect`.
    pub command: String,
    pub ok: bool,
    /// Why not, in words without secrets.
    pub detail: Option<String>,
}

/// A process of the daemon started or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProcessEvent {
    /// `dns`, `proxy`, `admin`, `steer` or `supervisor`.
    pub process: String,
    pub pid: u32,
    pub state: ProcessState,
    pub version: String,
}

/// What happened to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    Started,
    Stopped,
    Crashed,
    /// It is there and does nothing.
    Stalled,
    /// It was stalled and goes on.
    Resumed,
}

/// A client that does not take our certificate is watched instead of inspected from here on, or no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FallbackEvent {
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// The kind of TLS program by its first message, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
    pub ja4: String,
    /// The runtime that this kind belongs to as far as can be told, such as `python`, or `unknown`.
    pub runtime: String,
    pub change: FallbackChange,
}

/// How a fall-back began or ended. One that runs out does so at the time that its beginning names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FallbackChange {
    Began { cause: FallbackCause, until: UnixMicros },
    Revoked,
}

/// How a client shows that it does not take our certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FallbackCause {
    /// A TLS alert about the certificate; its number (RFC 8446 section 6).
    Alert(u8),
    /// It closes when it has seen the certificate, without a request.
    Closed,
}

/// Why something was refused or ended early. The words are stable: reports and alerts are keyed by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The ClientHello carries no server name.
    NoSni,
    /// The server name is an IP address or no host name at all.
    BadSni,
    /// The name is not in the catalogue and this is not a place to pass it on.
    NotInCatalogue,
    /// The first bytes are not TLS.
    NotTls,
    /// The ClientHello cannot be parsed.
    BadHello,
    /// The ClientHello passed its cap in bytes or records.
    HelloTooLarge,
    /// The ClientHello did not arrive in time.
    HelloTimeout,
    /// The client went away before saying anything.
    ClientGone,
    /// A rule of the policy says no; its name.
    Policy(String),
    /// The name resolves to an address that the SSRF guard does not dial.
    SsrfGuard,
    /// The name does not resolve.
    Unresolvable,
    /// No address of the server accepted the connection.
    UpstreamUnreachable,
    /// The server's certificate does not verify.
    UpstreamCertificate,
    /// The TLS handshake with the server failed otherwise.
    UpstreamHandshake,
    /// The client refused our certificate or broke the handshake.
    ClientHandshake,
    /// The server reset or broke the exchange.
    UpstreamReset,
    /// The client reset or broke the exchange.
    ClientReset,
    /// Host, authority and SNI do not agree.
    HostMismatch,
    /// The request is not valid HTTP or asks for something never passed on.
    BadRequest,
    /// The body is encoded in a way we do not read, or does not decode.
    BadEncoding,
    /// The body passed its cap, or its decoded form did.
    BodyTooLarge,
    /// The global budget for buffered bodies is used up.
    OutOfBudget,
    /// The scanner passed its budget.
    ScanBudget,
    /// A finding lies where nothing may be edited (signed or encrypted content).
    FrozenContent,
    /// Findings that policy denies; the first one's kind.
    Finding(String),
    /// The client's address is not in a local subnet.
    NotLocal,
    /// The client passed its rate or its number of connections.
    RateLimited,
    /// The question is malformed or of a class or opcode we do not serve.
    BadQuestion,
    /// Idle for too long.
    IdleTimeout,
    /// The daemon is stopping.
    Shutdown,
    /// A fault of our own.
    Internal,
    /// Plain HTTP, answered with a redirect to https.
    Redirected,
    /// It leads to a public resolver that takes encrypted questions, and the owner wants none asked around this one.
    EncryptedDns,
    /// The CONNECT proxy wants a token or a certificate, and there is none, or one that is not good.
    Unauthenticated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NoSni => "the client named no server",
            Self::BadSni => "the server name is not a host name",
            Self::NotInCatalogue => "the name is not one that is steered here",
            Self::NotTls => "the first bytes are not TLS",
            Self::BadHello => "the ClientHello cannot be parsed",
            Self::HelloTooLarge => "the ClientHello is too large",
            Self::HelloTimeout => "the ClientHello took too long",
            Self::ClientGone => "the client went away",
            Self::Policy(rule) => return write!(f, "the policy's rule \"{rule}\" refuses it"),
            Self::SsrfGuard => "the name leads to an address that is never dialled",
            Self::Unresolvable => "the name does not resolve",
            Self::UpstreamUnreachable => "the provider cannot be reached",
            Self::UpstreamCertificate => "the provider's certificate does not verify",
            Self::UpstreamHandshake => "the TLS handshake with the provider failed",
            Self::ClientHandshake => "the client broke the TLS handshake",
            Self::UpstreamReset => "the provider broke the exchange",
            Self::ClientReset => "the client broke the exchange",
            Self::HostMismatch => "the request names another host than the connection",
            Self::BadRequest => "the request is not valid",
            Self::BadEncoding => "the body's encoding cannot be read",
            Self::BodyTooLarge => "the body is too large to inspect",
            Self::OutOfBudget => "too many bodies are being inspected at once",
            Self::ScanBudget => "the body is too costly to inspect",
            Self::FrozenContent => "something sensitive stands in content that may not be edited",
            Self::Finding(kind) => return write!(f, "{} detected", kind.replace('_', " ")),
            Self::NotLocal => "the client is not in a local network",
            Self::RateLimited => "the client passed its limit",
            Self::BadQuestion => "the question is not one that is served",
            Self::IdleTimeout => "it was idle for too long",
            Self::Shutdown => "the daemon is stopping",
            Self::Internal => "an internal fault",
            Self::Redirected => "it was told to use https",
            Self::Unauthenticated => "the proxy wants to know who asks, by a token or a certificate that is good",
            Self::EncryptedDns => {
                "it leads to a public resolver for encrypted DNS, which goes around this network's own"
            }
        };
        f.write_str(words)
    }
}
