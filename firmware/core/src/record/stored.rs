//! Events as they lie on disk: by number in postcard, by name in JSON.
//!
//! A number that was ever given keeps its meaning. Requests were number 2 before their tokens were told apart; what is written
//! now is number 11, and both read as [`Event::Request`].

use std::net::IpAddr;

use serde::{Deserialize, Serialize, Serializer};

use super::{
    AccountsEvent, AdminEvent, ConnectionEvent, DnsDevice, DnsEvent, DnsTally, Event, FallbackEvent, FindingCount,
    PlaceholdersEvent, ProcessEvent, ProxyClientEvent, Reason, RequestEvent, ShadowEvent, SteerEvent, Usage,
};
use crate::Action;

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        const NAME: &str = "Event";
        match self {
            Self::Dns(event) => to.serialize_newtype_variant(NAME, 0, "dns", event),
            Self::Connection(event) => to.serialize_newtype_variant(NAME, 1, "connection", event),
            Self::Request(event) => to.serialize_newtype_variant(NAME, 11, "request", event),
            Self::Steer(event) => to.serialize_newtype_variant(NAME, 3, "steer", event),
            Self::Admin(event) => to.serialize_newtype_variant(NAME, 4, "admin", event),
            Self::Process(event) => to.serialize_newtype_variant(NAME, 5, "process", event),
            Self::DnsTally(event) => to.serialize_newtype_variant(NAME, 6, "dns_tally", event),
            Self::DnsDevice(event) => to.serialize_newtype_variant(NAME, 7, "dns_device", event),
            Self::Fallback(event) => to.serialize_newtype_variant(NAME, 8, "fallback", event),
            Self::Placeholders(event) => to.serialize_newtype_variant(NAME, 9, "placeholders", event),
            Self::ProxyClient(event) => to.serialize_newtype_variant(NAME, 10, "proxy_client", event),
            Self::Accounts(event) => to.serialize_newtype_variant(NAME, 12, "accounts", event),
            Self::Shadow(event) => to.serialize_newtype_variant(NAME, 13, "shadow", event),
        }
    }
}

/// Every event that was ever written, in the order of its number.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stored {
    Dns(DnsEvent),
    Connection(ConnectionEvent),
    #[serde(rename = "request_before")]
    RequestBefore(RequestBefore),
    Steer(SteerEvent),
    Admin(AdminEvent),
    Process(ProcessEvent),
    DnsTally(DnsTally),
    DnsDevice(DnsDevice),
    Fallback(FallbackEvent),
    Placeholders(PlaceholdersEvent),
    ProxyClient(ProxyClientEvent),
    Request(RequestEvent),
    Accounts(AccountsEvent),
    Shadow(ShadowEvent),
}

/// Requests as number 2 has them.
#[derive(Deserialize)]
pub(super) struct RequestBefore {
    connection: Option<u64>,
    client: IpAddr,
    host: String,
    vendor: String,
    target: String,
    model: Option<String>,
    decision: Action,
    reason: Option<Reason>,
    findings: Vec<FindingCount>,
    request_bytes: u64,
    response_bytes: u64,
    status: Option<u16>,
    stream: bool,
    usage: Option<UsageBefore>,
    added_micros: u64,
    first_byte_micros: Option<u64>,
    duration_micros: u64,
}

#[derive(Deserialize)]
struct UsageBefore {
    input: u64,
    output: u64,
}

impl From<Stored> for Event {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Dns(event) => Self::Dns(event),
            Stored::Connection(event) => Self::Connection(event),
            Stored::RequestBefore(event) => Self::Request(event.into()),
            Stored::Steer(event) => Self::Steer(event),
            Stored::Admin(event) => Self::Admin(event),
            Stored::Process(event) => Self::Process(event),
            Stored::DnsTally(event) => Self::DnsTally(event),
            Stored::DnsDevice(event) => Self::DnsDevice(event),
            Stored::Fallback(event) => Self::Fallback(event),
            Stored::Placeholders(event) => Self::Placeholders(event),
            Stored::ProxyClient(event) => Self::ProxyClient(event),
            Stored::Request(event) => Self::Request(event),
            Stored::Accounts(event) => Self::Accounts(event),
            Stored::Shadow(event) => Self::Shadow(event),
        }
    }
}

impl From<RequestBefore> for RequestEvent {
    fn from(before: RequestBefore) -> Self {
        let usage = |UsageBefore { input, output }| Usage { input, output, ..Usage::default() };
        Self {
            connection: before.connection,
            client: before.client,
            host: before.host,
            vendor: before.vendor,
            target: before.target,
            model: before.model,
            decision: before.decision,
            reason: before.reason,
            findings: before.findings,
            request_bytes: before.request_bytes,
            response_bytes: before.response_bytes,
            status: before.status,
            stream: before.stream,
            usage: before.usage.map(usage),
            cost: None,
            attachments: Vec::new(),
            more_attachments: 0,
            added_micros: before.added_micros,
            first_byte_micros: before.first_byte_micros,
            duration_micros: before.duration_micros,
        }
    }
}
