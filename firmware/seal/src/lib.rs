//! Trust: what this device signs, what it hashes so that nobody can guess it, and the certificates it mints.
//!
//! ```text
//!                    32 random bytes                       the office's list of AI domains
//!                          │                                            │
//!        ┌─────────────────┼──────────────────┐                         ▼
//!        ▼                 ▼                  │                 ┌───────────────┐  mobileconfig, PEM, DER
//!   ┌──────────┐      ┌───────────┐           │                 │   Authority   ├──────────────▶ trust stores
//!   │DeviceKey │      │ KeyedHash │           │                 │ (constrained) │
//!   └────┬─────┘      └─────┬─────┘           │                 └───────┬───────┘
//!        │ sign             │ tag             │                         │ issue: ≤ 7 days, own key, SAN only
//!        ▼                  ▼                 ▼                         ▼
//!   journal heads     "same value again"   page identity          Leaf for one steered name
//!        │
//!        ▼
//!   DevicePublic: verify, offline, anywhere
//! ```
//!
//! What an attacker may hold and still not win is written down in `threat-model.md`, next to this file's folder.
//!
//! **Invariant:** nothing here reads a clock, a file or a socket. Time and bytes come in, bytes go out; the only thing
//! taken from outside is the kernel's randomness.
//!
//! **Invariant:** a secret never shows. No `Debug`, `Display` or error of this crate holds key material, and private
//! keys leave only through methods that say so and return [`Zeroizing`] buffers.
//!
//! **Invariant:** a signature is made for one [`Purpose`]. A signed journal head can never be replayed as anything else
//! the same key signs.
//!
//! **Invariant:** the authority cannot vouch for a name outside its constraints. It refuses to, and if its key were
//! stolen every verifier would refuse the result: the constraints are critical and stand in the root itself.
//!
//! [`Zeroizing`]: zeroize::Zeroizing

mod authority;
mod device;
mod hash;
mod hex;
mod sealed;

pub use authority::{
    Authority, AuthorityError, IssueError, LEAF_MAX_DAYS, Leaf, LeafRequest, PAGE_DAYS, issue_self_signed,
};
pub use device::{DeviceKey, DevicePublic, KeyError, Purpose, SIGNATURE_LEN, SignatureError};
pub use hash::{EntropyError, KeyedHash, random_key};
pub use hex::{colon_hex, hex};
pub use sealed::{OpenError, SealKey, is_sealed};
