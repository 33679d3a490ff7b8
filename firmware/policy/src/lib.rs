//! What the office allows: a YAML file becomes a value once, and that value answers questions.
//!
//! ```text
//!   policy.yaml ──parse──▶ Policy (immutable, shared as Arc)
//!                             │
//!      connection facts ──────┼──▶ rules, first match ──▶ the group's mode ──▶ Refuse │ Splice │ Terminate
//!      prompt facts ──────────┼──▶ rules, first match ──▶ an action for each finding ──▶ the most restrictive
//!      client address ────────┴──▶ the first group that holds it, else `default_mode`
//! ```
//!
//! The order within the file is the meaning of the file: of the groups the first that holds the client counts, of the
//! rules the first that matches, of the findings' entries the first that matches. Nothing else decides.
//!
//! What a rule about models means for a connection, where no model is known yet: a rule that *allows* a model ends the
//! search for an inspected client, because the prompt will be judged; for every other client it cannot be kept, so it
//! is passed over, and a later denial holds. A rule that *denies* a model is for the prompt alone.
//!
//! **Invariant:** the same facts and the same file give the same answer, whatever the order of the findings.
//!
//! **Invariant:** a mode `deny` stands: no rule lifts it.
//!
//! **Invariant:** a file with anything in it that is not understood is refused whole, with its name, line and key.
//!
//! **Invariant:** reasons are made of fixed words and names from the policy file. They never hold anything from a prompt.

mod parse;

mod decide;

pub use decide::{GroupMode, Policy};
pub use parse::{FILE_CAP, PolicyError};
