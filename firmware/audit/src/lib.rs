//! The journal: what every corridor of the house ends in, one chain of records per process, and the proof that nobody
//! changed it afterwards.
//!
//! ```text
//!  folder of one process                        segment = header, then frames
//!  ┌──────────────────────────┐   ┌──────────────────────────────────────────────────────────────┐
//!  │ 00000000000000000000.seg │   │ magic 8 │ version 2 │ length 2 │ chain 16 │ first seq 8 │     │
//!  │ 00000000000000004711.seg │──▶│ hash before 32 │ signer 32 │ zeros 24 │ crc 4      = 128 bytes│
//!  │ head      newest on disk │   ├──────────────────────────────────────────────────────────────┤
//!  │ lock      one writer     │   │ length 4 │ crc 4 │ kind 1 │ seq 8 │ payload │ hash 32 │       │
//!  └──────────────────────────┘   │   "      │  "    └────────── body ≤ 64 KiB ──────────┘       │
//!                                 │   …                                                          │
//!    hash = SHA-256(hash of the frame before, kind, seq, payload)      all numbers little-endian │
//!                                 └──────────────────────────────────────────────────────────────┘
//!   record ─▶ record ─▶ record ─▶ HEAD ─▶ record ─▶ … ─▶ HEAD │ next segment ─▶ …
//!                                  └ Ed25519 over (chain, seq, hash before, time, note)
//! ```
//!
//! A *record* (kind 1) is postcard of [`gate_core::Record`] and has a number of its own. A *head* (kind 2) has the
//! number of the record which comes next; it is signed, and its note says what the writer did besides appending: nothing,
//! *pruned* (the tombstone of dropped segments), *repaired* (a tail was cut after a crash, records may be lost) or *broken*
//! (a signed head is gone). The file `head` holds the newest head that is safely on disk, so that a missing end is noticed.
//!
//! A record that stands where it belongs and that this program has no words for is no damage: sum, number and hash are those
//! of the bytes that a writer put there, a newer one, before a trial went back to this program. It stays, counts and is
//! signed for like any other; readers step over it and say how many there were. A new kind of frame, or of note in a head,
//! is another matter, for what follows depends on it: that needs a new version of the format.
//!
//! How long things last: when [`append`](gate_core::Journal::append) returns, the kernel has the record and the death of
//! the process loses nothing. A thread forces data to disk every `sync_ms`, which is what a power cut can take.
//!
//! What verification can and cannot see: every change before the newest signed head, wherever it is; a missing end back
//! to the head file; segments removed beside it. A writer that starts on such a folder repairs it and signs that a promise
//! was broken, so the answer stays no until the segment which says so is pruned. A repair of what no head had promised,
//! the torn end of a crash, is only told. Not seen: an end rewritten after the last signed head; a folder set back as a
//! whole to an older state; a folder emptied as a whole, head file included, for the next chain in it begins at 0 under
//! another name and is sound. Before that start the other chains still miss it (the supervisor's names every process);
//! after it only heads witnessed outside tell (row M20): [`SignedHead`] is what a witness takes, and its chain is gone.
//!
//! **Invariant:** one writer per chain. A lock on the folder keeps the second out, also across crashes.
//!
//! **Invariant:** one record is one `write`. A chain whose write or sync fails takes nothing more and says so each time;
//! a full disk leaves a clean tail. An append at least a second later tries to take it up again, and the interruption is
//! signed for as a repair before its record. Where the owner allows it, records wait in memory meanwhile, up to a bound; they
//! follow in their order, and a record says so.
//!
//! **Invariant:** opening never refuses over damage and never hides it. What has to be cut is cut, put aside if it was
//! more than a torn write, and signed for before the next record.
//!
//! **Invariant:** readers need no lock, change nothing, and survive rotation, pruning and repair under their feet.
//!
//! **Invariant:** nothing read from disk is trusted: lengths are checked before memory is reserved, [`FRAME_CAP`] bounds
//! every buffer, and no bytes make a reader panic.

mod accept;
mod parse;

mod decide;

mod act;

mod record;

#[cfg(test)]
mod testing;

pub use act::{ChainWriter, JournalConfig, OpenError, Options, Waiting};
pub use decide::{BadSegment, Report, SignedHead, TornTail, VerifyError, read_head, read_segment, verify};
pub use parse::{FRAME_CAP, Fault};
pub use record::{FollowError, Follower, Records, export, heads};
