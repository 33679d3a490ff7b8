//! What the policy says of a request's findings.

use gate_core::{Action, Finding, PromptFacts, PromptVerdict, Reason};
use http::StatusCode;

use super::super::super::memory::Tag;
use super::super::super::refusal::Refusal;
use super::super::Prompt;
use super::{Case, internal, overlaps, sentence};

impl Case<'_> {
    /// Asks the policy, then once more without what is only history, so that a rule against the request as a whole is
    /// told from one against a finding.
    pub(super) fn decide(&mut self, body: &[u8]) -> Result<PromptVerdict, Refusal> {
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
    pub(super) fn ask(&self, findings: &[Finding]) -> Result<PromptVerdict, Refusal> {
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

    pub(super) fn refuse_denied(&mut self, body: &[u8], verdict: &PromptVerdict) -> Result<(), Refusal> {
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
}

/// Whether an armoured key has no end here: the rest of it may stand in another string, which nobody would redact.
fn is_cut_key(value: &[u8]) -> bool {
    let has = |mark: &[u8]| value.windows(mark.len()).any(|window| window == mark);
    has(b"-----BEGIN") && !has(b"-----END")
}
