//! Signed images for a slot: one file that a stick, a web server or an update server hands to a puck, and the way such a
//! file gets onto the card.
//!
//! ```text
//!   file ── accept: from a folder or by HTTP, every wait bounded
//!     │
//!   parse ── head: mark, signature, manifest ── keys ──► Verified
//!     │
//!   decide ── this board? not older? fits?
//!     │
//!   act ── read it all once and hash it, then again while writing, then read the slot back
//! ```
//!
//! The `rescue` program is started by PID 1 of the rescue system with the slot as its standard input, as a user of its own:
//! it can write to that slot and to nothing else. `sign-update` makes such files when an image is built.
//!
//! **Invariant:** nothing is written before the whole file was read once, and every byte of it stood under a signature by a
//! key of this puck's.
//!
//! **Invariant:** no byte is written that was not hashed after it was last read: a stick may give other bytes the second time.
//!
//! **Invariant:** a slot that was written in part cannot be started: its first sector goes first and comes back last.
//!
//! **Invariant:** memory is one chunk and one head, whatever the file says.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, reason = "there is no runtime here that a waiting thread could block")
)]

mod accept;
mod act;
mod decide;
mod keys;
mod parse;
#[cfg(test)]
mod testing;

pub use accept::{Body, NameError, Source, SourceError, Stick, Url, UrlError, Web};
pub use act::{InstallError, install, sequence};
pub use decide::{Place, Refusal};
pub use keys::{KeyError, Keys, MAX_KEYS};
pub use parse::{CHUNK, FormatError, MAX_HEAD, MAX_PAYLOAD, Manifest, Signed, Verified, message};
