//! The kernel's rule set: which packets of the LAN become connections of the proxy, and where those meant to go.
//!
//! ```text
//!   mode, own addresses, destinations        Desired
//!            │ decide: render                                     ┌────────────────── kernel ──────────────────┐
//!            ▼                                                    │ prerouting  steer          443 ► proxy     │
//!         RuleSet  ──── act: one netlink transaction ───────────► │                             80 ► redirector│
//!            ▲                                                    │ input       refuse_local    udp 443 ✗      │
//!            └───────── parse: read back, compare ◄────────────── │ forward     refuse_forward  udp/tcp ✗      │
//!                                                                 └────────────────────────────────────────────┘
//!   accepted socket ─── accept: original_destination ──► OrigDst
//! ```
//!
//! In `dns` mode only the puck's own addresses are steered. In `gateway` mode the addresses of AI hosts are as well, and
//! the forward chain stands behind the redirect as a second line: what the redirect did not catch (a connection older than
//! the rules or than its address in the set, a packet without conntrack entry) is reset or rejected there, so that the
//! client connects anew and is redirected. Addresses of public resolvers, where those are refused, lead to the proxy in the
//! same way, which refuses them and says so in the journal.
//!
//! **Invariant:** the table is rendered whole from [`Desired`] and replaced in one transaction: the kernel holds the old
//! rules or the new ones, never a mixture and never none.
//!
//! **Invariant:** [`apply`] reports success only after the kernel's table was read back, by code that shares nothing with
//! the code that wrote it, and was equal.
//!
//! **Invariant:** rules have no owner: they stay when the daemon dies. With nobody on the proxy's ports connections are
//! refused, so AI traffic fails closed and everything else flows.
//!
//! **Invariant:** a table that holds anything but our chains is somebody else's and is never replaced or removed.
//!
//! `unsafe` lives here only (HOUSE.md), in two files that speak to C: `act/expr.rs` and `netlink.rs`.

mod accept;

mod parse;

mod decide;

mod act;

mod record;

mod netlink;
mod ruleset;

pub use accept::original_destination;
pub use act::{ApplyError, apply, remove};
pub use decide::{Config, DESTINATIONS_CAP, Desired, INTERFACES_CAP, Mode, RESOLVERS_CAP, RenderError, render};
pub use parse::{ReadError, list};
pub use record::{Applied, event};
pub use ruleset::{Action, Base, Chain, Elements, Family, Hook, Kind, Protocol, Rule, RuleSet, Set, Steered};
