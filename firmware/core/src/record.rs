//! What the journal keeps. postcard writes variants and fields by position: new events come at the end, and an event that
//! needs other fields becomes a new one there, as [`stored`] shows. What was written before is read for good.
//!
//! A program that is older than an event meets it too: a trial that goes back leaves the newer slot's records in the chains.
//! It keeps them, counts them and shows nothing of them, so no event may be needed to understand one that was there before.
//! The same goes for a new value inside an event, such as another reason: the whole record is unknown there.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::UnixMicros;

mod account;
mod reason;
mod request;
mod stored;

pub use self::account::{Account, AccountHash, AccountHashError, AccountKind, AccountsEvent};
pub use self::reason::Reason;
pub use self::request::{Attachment, Cost, Currency, FileKind, FilePlace, FindingCount, RequestEvent, Usage};

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
    Accounts(AccountsEvent),
    Shadow(ShadowEvent),
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

/// A client talks to what looks like AI and is in no list. At most one for each client and name within an hour; stands before
/// the connection's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShadowEvent {
    pub connection: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub by: ShadowSign,
}

/// What it looks like AI by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ShadowSign {
    /// Its name; what is said there was not read.
    Name,
    /// A request in the clear that names a model beside a conversation, or a path that only such APIs have.
    Request,
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
