//! The pure heart of inspection: bytes in; a decision, and perhaps edited bytes, out. The proxy and the inspection API
//! share it, so that both say the same about the same prompt.

use std::net::IpAddr;
use std::time::Instant;

use gate_core::{Action, Attachment, Finding, FindingCount, HostName, Judge, KindCount, Reason, UnixMicros};
use gate_dialect::RequestFacts;
use gate_scrub::Scanner;
use http::HeaderMap;

use self::case::{Case, UPLOADS};
use super::decode::DecodeLimits;
use super::memory::{Memory, ValueHash};
use super::refusal::Refusal;
use super::vault::{Live, Scope, Vault};

mod case;
mod edits;
mod need;

pub(super) use case::COUNTS_CAP;
pub(super) use need::scan_memory;

/// Judges whole requests; one per process, because it remembers what was denied.
#[derive(Debug)]
pub struct Inspector {
    hash: ValueHash,
    memory: Memory,
    limits: DecodeLimits,
    /// Absent: nothing is redacted reversibly.
    vault: Option<Vault>,
}

/// A request as it came from a client.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    pub client: IpAddr,
    /// What the client has proven to the CONNECT proxy to be.
    pub name: Option<&'a str>,
    pub host: &'a HostName,
    /// Identifier of the vendor, such as `openai`.
    pub vendor: &'a str,
    /// Path with its query.
    pub target: &'a str,
    /// Header fields beyond those that clients send of themselves, each a line of `name: value`.
    pub fields: &'a [String],
    pub content_type: Option<&'a str>,
    pub content_encoding: Option<&'a [u8]>,
    /// The body is bound to a signature or digest, so that it must not be edited.
    pub signed: bool,
    /// The body as sent, before any decoding.
    pub body: &'a [u8],
    pub trailers: Option<&'a HeaderMap>,
    /// The answer can be edited, so that placeholders in it become values again.
    pub reversible: bool,
    /// The model as the caller states it, where it is known otherwise than from the request.
    pub model: Option<&'a str>,
    /// The body is a provider's answer and no request.
    pub is_answer: bool,
    pub now: UnixMicros,
}

/// What was decided over a request.
#[derive(Debug)]
pub struct Judged {
    /// What happens to the request as a whole.
    pub action: Action,
    /// Why it is denied; there is one exactly when `action` is [`Action::Deny`].
    pub refusal: Option<Refusal>,
    /// Plain reasons of the policy, for people.
    pub reasons: Vec<String>,
    pub facts: RequestFacts,
    /// Why something in the body was let through although nobody read it: the policy says so.
    pub unread: Option<Reason>,
    /// The findings in the decoded body with what was decided over each.
    pub findings: Vec<Finding>,
    /// The findings in body and target, as records carry them.
    pub counts: Vec<FindingCount>,
    /// The decoded body with its redactions, when there are any; without, the body goes out as it came.
    pub edited: Option<Vec<u8>>,
    /// The redactions that the answer undoes, by kind.
    pub replaced: Vec<KindCount>,
    pub decoded_bytes: u64,
    /// Files that nobody read, and how many there are beyond those listed.
    pub attachments: Vec<Attachment>,
    pub more_attachments: u32,
    /// The target's path, unless something was found in it.
    pub path: Option<String>,
    /// The model asked for, unless something was found in its name.
    pub model: Option<String>,
}

impl Judged {
    /// Whether it is told of for nothing but the files that it carries.
    pub(super) fn tells_files_alone(&self) -> bool {
        let by_uploads = matches!(&self.unread, Some(Reason::Policy(rule)) if rule == UPLOADS);
        let found = !self.reasons.is_empty() || self.counts.iter().any(|count| count.action > Action::Allow);
        self.action == Action::Alert && by_uploads && !found && !self.attachments.is_empty()
    }
}

impl Inspector {
    /// Judges bodies of at most `body_cap` bytes, encoded and decoded, one byte of which becomes at most `max_ratio`.
    pub fn new(hash: ValueHash, body_cap: usize, max_ratio: usize) -> Self {
        let limits = DecodeLimits { max_bytes: body_cap, max_ratio };
        Self { hash, memory: Memory::default(), limits, vault: None }
    }

    /// Redacts reversibly where the policy says so.
    pub(super) fn with_vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    #[cfg(test)]
    pub(super) fn vault(&self) -> Option<&Vault> {
        self.vault.as_ref()
    }

    /// What an answer to this client may put back, if anything.
    pub(super) fn live(&self, (client, name): (IpAddr, Option<&str>), vendor: &str, now: Instant) -> Option<Live> {
        self.vault.as_ref()?.live(&Scope::new(client, name, vendor), now)
    }

    /// Decodes, scans, judges and edits. `take` is asked before memory is used and may refuse it.
    pub fn judge(
        &self,
        judge: &dyn Judge,
        scanner: &Scanner,
        prompt: &Prompt<'_>,
        take: &mut dyn FnMut(usize) -> bool,
    ) -> Judged {
        let mut case = Case::new(self, judge, scanner, *prompt);
        let outcome = case.run(take);
        case.judged(outcome)
    }
}

#[cfg(test)]
mod tests;
