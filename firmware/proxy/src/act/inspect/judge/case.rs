//! One request while it is judged: target, trailers and body, each scanned, asked about, and refused or edited.

use std::borrow::Cow;
use std::ops::Range;

use gate_core::{
    Action, Attachment, FileKind, FilePlace, Finding, FindingCount, Judge, KindCount, PromptFacts, PromptVerdict,
    Reason, Unread,
};
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

    /// What is attached to the conversation.
    fn read_attachments(&mut self, body: &[u8]) -> Result<(), Refusal> {
        let inspector = self.inspector;
        let hash = &inspector.hash;
        let one = |one: &gate_dialect::Attachment| {
            let text = body.get(one.span.clone()).unwrap_or_default();
            if one.is_link {
                return attached::link(hash, text);
            }
            let file = attached::packed(hash, text);
            let kind = if file.kind == FileKind::Unknown && one.is_sound { FileKind::Audio } else { file.kind };
            Attachment { kind, ..file }
        };
        let files: Vec<Attachment> = self.facts.attachments.iter().map(one).collect();
        let more = self.facts.more_attachments;
        self.attachments.more = more;
        self.carry(files)?;
        if more > 0 { self.ask_unseen() } else { Ok(()) }
    }

    /// Notes files and asks the policy whether the request may carry them: all are noted, whatever it says of the first.
    fn carry(&mut self, files: Vec<Attachment>) -> Result<(), Refusal> {
        let asked: Vec<(FileKind, u64)> = files.iter().map(|file| (file.kind, file.bytes)).collect();
        files.into_iter().for_each(|file| self.attachments.add(file));
        asked.into_iter().try_for_each(|(kind, bytes)| self.ask_upload(kind, bytes))
    }

    /// Asks it of files that there may be where nobody looked.
    fn ask_unseen(&mut self) -> Result<(), Refusal> {
        self.ask_upload(FileKind::Unknown, u64::MAX)
    }

    fn ask_upload(&mut self, kind: FileKind, bytes: u64) -> Result<(), Refusal> {
        if self.prompt.is_answer {
            return Ok(());
        }
        let rule = || Reason::Policy(UPLOADS.to_owned());
        match self.judge.upload(self.prompt.client, kind, bytes) {
            Action::Allow => {}
            Action::Alert => self.unread = Some(rule()),
            Action::Redact | Action::Deny => {
                let text = "The policy does not let files of this type or size leave.";
                return Err(Refusal::new(StatusCode::FORBIDDEN, rule(), text.to_owned()));
            }
        }
        Ok(())
    }

    /// Asks the policy whether what cannot be read may pass, and notes that it does.
    fn leave_unread(&mut self, what: Unread, reason: Reason) -> Result<(), Refusal> {
        match self.judge.unread(self.prompt.client, what) {
            Action::Allow => {}
            Action::Alert => self.unread = Some(reason),
            Action::Redact | Action::Deny => return Err(Refusal::forbidden(reason)),
        }
        match what {
            Unread::Costly => self.ask_unseen(),
            // Who leaves it has looked at its beginning, or asks.
            Unread::Opaque => Ok(()),
        }
    }

    /// Asks the policy, then once more without what is only history, so that a rule against the request as a whole is
    /// told from one against a finding.
    fn decide(&mut self, body: &[u8]) -> Result<PromptVerdict, Refusal> {
        let mut verdict = self.ask(&self.findings)?;
        for (finding, action) in self.findings.iter_mut().zip(&verdict.per_finding) {
            finding.action = *action;
        }
        if self.prompt.reversible && self.inspector.vault.is_some() {
            let is_reversible = |finding: &Finding| {
                finding.action == Action::Redact
                    && self.judge.is_reversible(self.prompt.client, self.prompt.name, finding)
            };
            self.reversible = (0..self.findings.len()).filter(|index| is_reversible(&self.findings[*index])).collect();
        }
        let history = self.denied_before(body);
        if !history.is_empty() {
            for index in &history {
                self.findings[*index].action = Action::Redact;
            }
            let fresh = self.findings.iter().enumerate().filter(|(index, _)| !history.contains(index));
            let fresh: Vec<Finding> = fresh.map(|(_, finding)| finding.clone()).collect();
            verdict = self.ask(&fresh)?;
            verdict.action = verdict.action.max(Action::Redact);
        }
        let findings = std::mem::take(&mut self.findings);
        for (index, finding) in findings.iter().enumerate() {
            self.count(finding, self.tags[index], finding.start as u64);
        }
        self.findings = findings;
        self.reasons.clone_from(&verdict.reasons);
        Ok(verdict)
    }

    /// What the policy says, and the strictest of it where several models are asked for.
    fn ask(&self, findings: &[Finding]) -> Result<PromptVerdict, Refusal> {
        let mut verdict = self.ask_for(self.facts.model.as_deref(), findings)?;
        for model in &self.facts.more_models {
            let next = self.ask_for(Some(model), findings)?;
            let per_finding = verdict.per_finding.iter().zip(&next.per_finding).map(|(one, other)| *one.max(other));
            let per_finding = per_finding.collect();
            let strictest = if next.action > verdict.action { next } else { verdict };
            verdict = PromptVerdict { per_finding, ..strictest };
        }
        Ok(verdict)
    }

    fn ask_for(&self, model: Option<&str>, findings: &[Finding]) -> Result<PromptVerdict, Refusal> {
        let Prompt { client, name, host, vendor, now, .. } = self.prompt;
        let verdict = self.judge.prompt(&PromptFacts { client, name, host, vendor, model, findings, now });
        if verdict.per_finding.len() == findings.len() { Ok(verdict) } else { Err(internal()) }
    }

    /// Denied findings that lie in the conversation's history and were denied in an earlier turn.
    fn denied_before(&self, body: &[u8]) -> Vec<usize> {
        let Some(turn) = self.facts.last_user.clone() else { return Vec::new() };
        // Nearly no request has any, and the tag is a hash of a whole turn.
        if self.findings.iter().all(|finding| finding.action != Action::Deny) {
            return Vec::new();
        }
        let (tag, Prompt { client, now, .. }) = (self.turn_tag(body), self.prompt);
        let is_history = |index: &usize| {
            let finding = &self.findings[*index];
            finding.action == Action::Deny
                && !overlaps(&(finding.start..finding.end), &turn)
                && !is_cut_key(&body[finding.start..finding.end])
                && self.inspector.memory.was_denied(client, self.tags[*index], tag, now)
        };
        (0..self.findings.len()).filter(is_history).collect()
    }

    fn turn_tag(&self, body: &[u8]) -> Tag {
        let turn = self.facts.last_user.clone().and_then(|turn| body.get(turn)).unwrap_or(body);
        self.inspector.hash.tag(turn)
    }

    fn refuse_denied(&mut self, body: &[u8], verdict: &PromptVerdict) -> Result<(), Refusal> {
        let denied = self.findings.iter().position(|finding| finding.action == Action::Deny);
        if let Some(first) = denied {
            let turn = self.turn_tag(body);
            for (finding, tag) in self.findings.iter().zip(&self.tags) {
                if finding.action == Action::Deny {
                    self.inspector.memory.deny(self.prompt.client, *tag, turn, self.prompt.now);
                }
            }
            let kind = self.findings[first].kind.clone();
            return Err(self.deny_finding(kind, &verdict.reasons));
        }
        if verdict.action == Action::Deny {
            let rule = verdict.rule.clone().unwrap_or_else(|| "policy".to_owned());
            let text = sentence(&verdict.reasons).unwrap_or_else(|| "The policy refuses this request.".to_owned());
            return Err(Refusal::new(StatusCode::FORBIDDEN, Reason::Policy(rule), text));
        }
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

/// Whether an armoured key has no end here: the rest of it may stand in another string, which nobody would redact.
fn is_cut_key(value: &[u8]) -> bool {
    let has = |mark: &[u8]| value.windows(mark.len()).any(|window| window == mark);
    has(b"-----BEGIN") && !has(b"-----END")
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
