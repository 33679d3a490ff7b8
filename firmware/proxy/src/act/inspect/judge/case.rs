//! One request while it is judged: target, trailers and body, each scanned, asked about, and refused or edited.

use std::borrow::Cow;
use std::ops::Range;

use gate_core::{Action, Attachment, FilePlace, Finding, FindingCount, Judge, KindCount, Reason, Unread};
use gate_dialect::{MessageError, RequestFacts};
use gate_scrub::{BodyKind, Limits, Scanner};
use http::{HeaderMap, StatusCode};

use super::super::attached::{self, Attachments};
use super::super::decode::{self, Coding, DecodeError};
use super::super::kind::Kind;
use super::super::memory::Tag;
use super::super::refusal::Refusal;
use super::super::target;
use super::super::{fields, form};
use super::edits::{Edits, Redaction};
use super::need::scan_memory;
use super::{Inspector, Judged, Prompt};

mod files;
mod verdict;

/// Kinds of findings listed in one record; a record must fit its frame whatever a client sends.
pub(in super::super) const COUNTS_CAP: usize = 64;

/// What denies or tells of files, as reasons name it.
pub(super) const UPLOADS: &str = "uploads";

/// One request while it is judged.
pub(super) struct Case<'a> {
    inspector: &'a Inspector,
    judge: &'a dyn Judge,
    scanner: &'a Scanner,
    prompt: Prompt<'a>,
    facts: RequestFacts,
    findings: Vec<Finding>,
    /// Those of them whose redaction the answer undoes, by index.
    reversible: Vec<usize>,
    /// Where no edit may touch the body: numbers of JSON, parts that are no text or have a stated length.
    untouchable: Vec<Range<usize>>,
    unread: Option<Reason>,
    attachments: Attachments,
    tags: Vec<Tag>,
    counts: Vec<FindingCount>,
    reasons: Vec<String>,
    decoded_bytes: u64,
    path: Option<String>,
}

/// What a request that is not refused becomes.
pub(super) struct Passed {
    action: Action,
    edited: Option<Vec<u8>>,
    replaced: Vec<KindCount>,
}

impl<'a> Case<'a> {
    pub(super) fn new(
        inspector: &'a Inspector,
        judge: &'a dyn Judge,
        scanner: &'a Scanner,
        prompt: Prompt<'a>,
    ) -> Self {
        Self {
            inspector,
            judge,
            scanner,
            prompt,
            // Known before the body is decoded, so that every refusal has the provider's shape.
            facts: gate_dialect::read_request(prompt.vendor, prompt.host, prompt.target, b""),
            findings: Vec::new(),
            reversible: Vec::new(),
            untouchable: Vec::new(),
            unread: None,
            attachments: Attachments::default(),
            tags: Vec::new(),
            counts: Vec::new(),
            reasons: Vec::new(),
            // As sent, until it is known what it unfolds to.
            decoded_bytes: prompt.body.len() as u64,
            path: None,
        }
    }

    pub(super) fn run(&mut self, take: &mut dyn FnMut(usize) -> bool) -> Result<Passed, Refusal> {
        self.scan_target()?;
        self.scan_fields()?;
        self.scan_trailers()?;
        let coding = Coding::parse(self.prompt.content_encoding)?;
        let body = decode::decode(coding, self.prompt.body, self.inspector.limits, take)?;
        self.decoded_bytes = body.len() as u64;
        let foreign = |named| gate_scrub::names_foreign_charset(named, &body);
        if Kind::is_garbled(self.prompt.content_type, &body) || self.prompt.content_type.is_some_and(foreign) {
            return Err(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding));
        }
        let kind = Kind::of(self.prompt.content_type, &body).ok_or_else(ambiguous)?;
        let body = if kind == Kind::Message { self.read_message(body, take)? } else { body };
        self.read_facts(kind, &body)?;
        self.read_attachments(&body)?;
        self.scan_body(kind, &body, take)?;
        let verdict = self.decide(&body)?;
        self.refuse_denied(&body, &verdict)?;
        let passed = self.edit(kind, &body, take, verdict.action)?;
        // What nobody read is told even where nothing was found.
        let alert = if self.unread.is_some() { Action::Alert } else { Action::Allow };
        Ok(Passed { action: passed.action.max(alert), ..passed })
    }

    pub(super) fn judged(self, outcome: Result<Passed, Refusal>) -> Judged {
        let (passed, refusal) = match outcome {
            Ok(passed) => (passed, None),
            Err(refusal) => (Passed { action: Action::Deny, edited: None, replaced: Vec::new() }, Some(refusal)),
        };
        let Passed { action, edited, replaced } = passed;
        let model = self.facts.model.clone().filter(|model| self.is_clean(model));
        let Self { facts, findings, counts, reasons, decoded_bytes, path, unread, attachments, .. } = self;
        let Attachments { listed: attachments, more: more_attachments } = attachments;
        Judged {
            action,
            refusal,
            reasons,
            facts,
            unread,
            findings,
            counts,
            edited,
            replaced,
            decoded_bytes,
            attachments,
            more_attachments,
            path,
            model,
        }
    }

    /// Path and query are not edited: a provider would answer another question than the client asked.
    fn scan_target(&mut self) -> Result<(), Refusal> {
        let target = self.prompt.target;
        let found = target::scan(self.scanner, target, &self.scan_limits()).map_err(|_| scan_budget())?;
        if !found.in_path {
            self.path = Some(target::path(target).to_owned());
        }
        self.refuse_aside(found.findings, target.as_bytes())
    }

    /// A field is not edited either: it may be part of a signature, and of no message that a person wrote.
    fn scan_fields(&mut self) -> Result<(), Refusal> {
        for line in self.prompt.fields {
            let found = fields::scan(self.scanner, line, &self.scan_limits()).map_err(|_| scan_budget())?;
            self.refuse_aside(found, line.as_bytes())?;
        }
        Ok(())
    }

    fn scan_trailers(&mut self) -> Result<(), Refusal> {
        let values = self.prompt.trailers.into_iter().flat_map(HeaderMap::values);
        for value in values {
            let found = self.scanner.body(BodyKind::Text, value.as_bytes(), &self.scan_limits());
            self.refuse_aside(found.map_err(|_| scan_budget())?, value.as_bytes())?;
        }
        Ok(())
    }

    /// Denies what would have to be edited outside of the body.
    fn refuse_aside(&mut self, mut findings: Vec<Finding>, bytes: &[u8]) -> Result<(), Refusal> {
        if findings.is_empty() {
            return Ok(());
        }
        let verdict = self.ask(&findings)?;
        for (finding, action) in findings.iter_mut().zip(&verdict.per_finding) {
            finding.action = *action;
            let tag = self.inspector.hash.tag(&bytes[finding.start..finding.end]);
            self.count(finding, tag, 0);
        }
        let worst = findings.into_iter().find(|finding| finding.action >= Action::Redact);
        match worst {
            Some(finding) => Err(self.deny_finding(finding.kind, &verdict.reasons)),
            None => Ok(()),
        }
    }

    fn read_facts(&mut self, kind: Kind, body: &[u8]) -> Result<(), Refusal> {
        let Prompt { vendor, host, target, content_type, model, is_answer, .. } = self.prompt;
        let request = if kind.is_request() { body } else { b"" };
        let mut facts = gate_dialect::read_request(vendor, host, target, request);
        if is_answer {
            // An answer has no turns, and names the model that gave it more exactly than rules do.
            facts = RequestFacts { frozen: facts.frozen, dialect: facts.dialect, ..RequestFacts::default() };
        } else {
            let asked = form::models(content_type, body).map_err(|form::Unclear| ambiguous())?;
            asked.into_iter().for_each(|model| facts.asks_for(model));
        }
        if let Some(model) = model {
            facts.asks_for(model.to_owned());
        }
        self.facts = facts;
        if self.facts.ambiguous { Err(ambiguous()) } else { Ok(()) }
    }

    /// The texts of a message. What its fields hold packed, or nests too deep to be read, is left to the policy.
    fn read_message<'b>(
        &mut self,
        body: Cow<'b, [u8]>,
        take: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Cow<'b, [u8]>, Refusal> {
        let found = match gate_dialect::message_text(&body, self.inspector.limits.max_bytes) {
            Ok(found) => found,
            Err(MessageError::NoMessage) if gate_scrub::is_utf8(&body) => return Ok(body),
            Err(MessageError::NoMessage) => {
                return Err(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding));
            }
            Err(MessageError::TooDeep | MessageError::TooMuch) => {
                self.leave_unread(Unread::Costly, Reason::ScanBudget)?;
                return Ok(Cow::Borrowed(b""));
            }
        };
        if found.packed {
            self.leave_unread(Unread::Costly, Reason::BadEncoding)?;
        }
        if found.opaque {
            self.leave_unread(Unread::Opaque, Reason::BadEncoding)?;
            self.ask_unseen()?;
        }
        if take(found.json.len()) { Ok(Cow::Owned(found.json)) } else { Err(DecodeError::OutOfBudget.into()) }
    }

    fn scan_body(&mut self, kind: Kind, body: &[u8], take: &mut dyn FnMut(usize) -> bool) -> Result<(), Refusal> {
        if body.is_empty() {
            return Ok(());
        }
        if !take(scan_memory(body)) {
            return Err(DecodeError::OutOfBudget.into());
        }
        let Ok(scanned) = self.scanner.scan(kind.scanned_as(), body, &self.scan_limits()) else {
            return self.leave_unread(Unread::Costly, Reason::ScanBudget);
        };
        if scanned.opaque.iter().any(|part| part.said_to_be_text) {
            return Err(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding));
        }
        if kind == Kind::Sealed {
            return self.leave_unread(Unread::Costly, Reason::BadEncoding);
        }
        let inspector = self.inspector;
        let hash = &inspector.hash;
        let files = scanned.opaque.iter().filter_map(|part| body.get(part.range.clone()));
        let place = if matches!(kind, Kind::Multipart(_)) { FilePlace::Part } else { FilePlace::Body };
        let mut files: Vec<Attachment> = files.map(|file| attached::file(hash, place, file)).collect();
        if kind.is_opaque() && files.is_empty() {
            files.push(attached::file(hash, FilePlace::Body, body));
        }
        self.carry(files)?;
        if kind.is_opaque() || !scanned.opaque.is_empty() {
            self.leave_unread(Unread::Opaque, Reason::BadEncoding)?;
        }
        self.findings = scanned.findings;
        self.untouchable = scanned.numbers;
        self.untouchable.extend(scanned.opaque.into_iter().map(|part| part.range));
        self.untouchable.extend(scanned.bound);
        let hash = &self.inspector.hash;
        self.tags = self.findings.iter().map(|finding| hash.tag(&body[finding.start..finding.end])).collect();
        Ok(())
    }

    fn edit(
        &self,
        kind: Kind,
        body: &[u8],
        take: &mut dyn FnMut(usize) -> bool,
        action: Action,
    ) -> Result<Passed, Refusal> {
        let redacted = self.findings.iter().enumerate().filter(|(_, finding)| finding.action == Action::Redact);
        let redactions = redacted.map(|(index, finding)| Redaction {
            span: finding.start..finding.end,
            kind: &finding.kind,
            reversible: self.reversible.binary_search(&index).is_ok(),
        });
        let edits = Edits::of(redactions.collect());
        if edits.is_empty() {
            return Ok(Passed { action: action.min(Action::Alert), edited: None, replaced: Vec::new() });
        }
        let untouchable = |span: &Range<usize>| self.untouchable.iter().any(|range| overlaps(span, range));
        if self.prompt.signed || !kind.editable() || edits.spans().any(untouchable) {
            return Err(self.frozen());
        }
        let made = edits.make(kind, body, self.inspector.vault.as_ref(), &self.prompt);
        // What left as a placeholder and was put back comes again where somebody signed for the placeholder.
        if made.lasting.iter().any(|span| self.facts.is_frozen(span)) {
            return Err(self.frozen());
        }
        let grown: usize = made.edits.iter().map(|edit| edit.replacement.len()).sum();
        // The copy takes the place of the scan's, which is gone.
        if !take(grown) {
            return Err(DecodeError::OutOfBudget.into());
        }
        let edited = Some(gate_scrub::edit(body, &made.edits));
        Ok(Passed { action: Action::Redact, edited, replaced: made.replaced })
    }

    fn frozen(&self) -> Refusal {
        let refusal = Refusal::forbidden(Reason::FrozenContent);
        match sentence(&self.reasons) {
            Some(words) => Refusal { text: format!("{words}; {}", lower_first(&refusal.text)), ..refusal },
            None => refusal,
        }
    }

    fn deny_finding(&mut self, kind: String, reasons: &[String]) -> Refusal {
        self.reasons = reasons.to_vec();
        let refusal = Refusal::forbidden(Reason::Finding(kind));
        match sentence(reasons) {
            Some(text) => Refusal { text, ..refusal },
            None => refusal,
        }
    }

    fn count(&mut self, finding: &Finding, tag: Tag, first_offset: u64) {
        let same = |count: &&mut FindingCount| count.rule == finding.rule && count.action == finding.action;
        if let Some(count) = self.counts.iter_mut().find(same) {
            count.count = count.count.saturating_add(1);
        } else if self.counts.len() < COUNTS_CAP {
            self.counts.push(FindingCount {
                rule: finding.rule.clone(),
                kind: finding.kind.clone(),
                kb: finding.kb,
                action: finding.action,
                count: 1,
                first_offset,
                keyed_hash: tag.short_hex(),
            });
        }
    }

    fn is_clean(&self, text: &str) -> bool {
        self.scanner.body(BodyKind::Text, text.as_bytes(), &self.scan_limits()).is_ok_and(|found| found.is_empty())
    }

    fn scan_limits(&self) -> Limits {
        let max = self.inspector.limits.max_bytes;
        // An image in base64 may make up nearly all of a body.
        Limits { max_bytes: max, max_decoded: max, ..Limits::default() }
    }
}

fn overlaps(span: &Range<usize>, range: &Range<usize>) -> bool {
    span.start < range.end && range.start < span.end
}

fn sentence(reasons: &[String]) -> Option<String> {
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn lower_first(text: &str) -> Cow<'_, str> {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => Cow::Owned(first.to_lowercase().chain(chars).collect()),
        None => Cow::Borrowed(text),
    }
}

fn ambiguous() -> Refusal {
    let text = "The request states something twice and could be read in two ways.";
    Refusal::new(StatusCode::BAD_REQUEST, Reason::BadRequest, text)
}

fn scan_budget() -> Refusal {
    Refusal::forbidden(Reason::ScanBudget)
}

fn internal() -> Refusal {
    Refusal::plain(StatusCode::INTERNAL_SERVER_ERROR, Reason::Internal)
}
