//! The rules of the scanner as this machine has them, and the rule sources of `firmware/packs/kb8-providers`, which the
//! binary carries.
//!
//! ```text
//!   nanogate pack install ──► <data>/packs/installed.ngpack        signed, as it came
//!                                      │ supervisor: signature, form, rules
//!                                      ▼
//!                             <data>/state/pack.ngpack             what the workers follow
//!                             <data>/state/pack.json               what status tells
//!                             <data>/state/keys.json               what DNSSEC starts from, for `dns`
//! ```
//!
//! A pack that is missing, broken, signed by nobody we trust or older than the one in the binary leaves the built-in rules
//! in force: a puck without packs still protects.

mod active;
mod choose;
mod installed;
mod keys;
mod signed;

pub(crate) use self::active::{InForce, activate, active_file, read_state};
pub(crate) use self::choose::{
    Rules, compile, follow_pack, read_in_force, scanner_for, scanner_of_last, source_of_last,
};
pub(crate) use self::installed::{Install, install, installed_file, standing};
pub(crate) use self::keys::{Keys, check_zone_keys};
pub(crate) use self::signed::{PackFile, PackFileError, public_key};

include!(concat!(env!("OUT_DIR"), "/packs.rs"));
