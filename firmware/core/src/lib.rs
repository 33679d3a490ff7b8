//! The words of Nano-Gate: every other room speaks them, and none of them does anything by itself.
//!
//! ```text
//!            core
//!   ┌──────────┼───────────┬─────────┬────────┬───────┐
//!  dns       proxy       policy    scrub    audit   admin …      (siblings never meet here,
//!   └──────────┴─────┬─────┴─────────┴────────┴───────┘           only in `daemon`)
//!                 daemon
//! ```
//!
//! **Invariant:** nothing in this crate opens a socket or a file, reads a clock or starts a task. Bytes and time come
//! in as arguments, so all of it is tested in milliseconds.
//!
//! **Invariant:** no type here can hold a prompt. [`Finding`] carries offsets and kinds, [`Event`] carries counts.

mod addr;
mod catalogue;
mod finding;
mod host;
mod journal;
mod judge;
mod record;
mod zone_key;

pub use addr::{ClientAddr, OrigDst};
pub use catalogue::{Catalogue, CatalogueError, Entry, GroupKind, HostPattern, Price, Prices, Vendor};
pub use finding::{Action, Finding, KnowledgeBase, Why};
pub use host::{HostError, HostName};
pub use journal::{Clock, Journal, JournalError, Position, SystemClock, UnixMicros};
pub use judge::{AccountFacts, ConnectionFacts, Demand, Judge, PromptFacts, PromptVerdict, Unread, Verdict};
pub use record::{
    Account, AccountHash, AccountHashError, AccountKind, AccountsEvent, AdminEvent, Attachment, ConnectionEvent, Cost,
    Currency, DnsBypass, DnsDevice, DnsEvent, DnsOutcome, DnsTally, Event, FallbackCause, FallbackChange,
    FallbackEvent, FileKind, FilePlace, FindingCount, KindCount, Mode, PlaceholdersEvent, ProcessEvent, ProcessState,
    ProxyClientEvent, ProxyCredential, Reason, Record, RequestEvent, ShadowEvent, ShadowSign, SteerEvent, Usage,
};
pub use zone_key::ZoneKey;
