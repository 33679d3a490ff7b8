//! The proxy: every steered connection comes in here, is understood, judged, acted on, and ends in one record.
//!
//! ```text
//!             ┌─ 8443 steered TLS ─┐
//!  client ────┼─ 8080 CONNECT ─────┼─ accept ─ parse ─ decide ─┬─ refuse   TLS alert, clean close
//!             └─ 8081 plain HTTP ──┘           hello   judge   ├─ admin    PROXY v1 to the admin listener
//!                                              head    guard   ├─ redirect 308 to https
//!                                                              ├─ splice   splice(2), no copies ───── provider
//!                                                              └─ inspect  TLS both sides, HTTP ───── provider
//!                                                                    │
//!                                                                 record   one ConnectionEvent each
//! ```
//!
//! **Invariant:** every connection ends in exactly one [`gate_core::ConnectionEvent`], also when its task panics or is
//! cut at shutdown: the record is written by a guard that lives as long as the task.
//!
//! **Invariant:** what is not understood is refused. Nothing towards a steered destination is spliced without a server
//! name that was parsed, is in the catalogue or is clearly not AI, and was judged.
//!
//! **Invariant:** the proxy dials only what its own resolver says about the server name, after the SSRF guard; never
//! the address the client used, and never itself.
//!
//! **Invariant:** where the policy demands that, the CONNECT proxy lets nobody through who has not shown a token or a
//! certificate; a token is compared by its hash in constant time, and stands in no record and no log.
//!
//! **Invariant:** a client that does not take our certificate is watched instead of inspected only where policy lets it,
//! for a day, recorded and revocable; see [`Fallback`].
//!
//! **Invariant:** with a journal that takes no records no AI connection starts.

mod accept;

mod parse;

mod decide;

mod act;

mod record;

mod config;
mod corridor;
mod counters;
mod fallback;
mod meter;
mod ports;
mod proxy;
mod session;
mod shadow;
mod shared;
mod switch;
mod trust;

#[doc(hidden)]
pub mod fuzz;

#[cfg(test)]
mod tests;

pub use accept::Listeners;
pub use act::inspect::{Inspector, Judged, Prompt, Refusal, ValueHash, account_of};
pub use config::{Config, ConfigError};
pub use counters::CountersSnapshot;
pub use decide::{Pass, Passes};
pub use fallback::Fallback;
pub use ports::{Answer, Mint, MintError, OriginalDestination, Place, Ports, Resolve, ResolveError, Snapshot};
pub use proxy::Proxy;
pub use shared::ProxyError;
pub use switch::Switch;
pub use trust::{TrustError, check_roots};
