use std::net::IpAddr;

use gate_core::{
    Account, AccountFacts, AccountKind, Action, ConnectionFacts, Demand, FileKind, Finding, Judge, Mode, PromptFacts,
    PromptVerdict, Reason, Unread, Verdict,
};

use super::words::detected;
use super::{FindingRule, GroupMode, Place, Policy, Service, Uploads};

impl Judge for Policy {
    fn connection(&self, facts: &ConnectionFacts<'_>) -> Verdict {
        // What is not AI is none of our business; whether it may pass at all is the proxy's.
        let Some(entry) = facts.entry else { return Verdict::Splice };
        let place = self.place(facts.client, facts.name);
        if let Some(rule) = self.refusing_rule(place, Service { vendor: &entry.vendor, host: facts.host }) {
            return Verdict::Refuse(Reason::Policy(rule.to_owned()));
        }
        match place.mode {
            GroupMode::Watch => Verdict::Splice,
            GroupMode::Inspect => Verdict::Terminate,
            GroupMode::Deny => Verdict::Refuse(Reason::Policy(self.mode_name(place).to_owned())),
        }
    }

    fn may_watch(&self, facts: &ConnectionFacts<'_>) -> bool {
        let place = self.place(facts.client, facts.name);
        let Some(entry) = facts.entry else { return false };
        let service = Service { vendor: &entry.vendor, host: facts.host };
        place.mode == GroupMode::Inspect && !self.is_strict(place) && !self.may_refuse(place, service)
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        let place = self.place(facts.client, facts.name);
        let refusal = self.refusal(place, Service { vendor: facts.vendor, host: facts.host }, facts.model);
        let per_finding: Vec<Action> = facts.findings.iter().map(|finding| self.action(place, finding)).collect();
        let worst = per_finding.iter().copied().max().unwrap_or(Action::Allow);
        let action = if refusal.is_some() { Action::Deny } else { worst };
        let rule = match &refusal {
            Some(Reason::Policy(rule)) => Some(rule.clone()),
            _ => None,
        };
        let reasons = reasons(refusal, action, facts.findings, &per_finding);
        PromptVerdict { action, per_finding, rule, reasons }
    }

    fn is_reversible(&self, client: IpAddr, name: Option<&str>, finding: &Finding) -> bool {
        self.finding_rule(self.place(client, name), finding).is_some_and(|rule| rule.reversible)
    }

    fn unread(&self, _client: IpAddr, what: Unread) -> Action {
        match what {
            Unread::Costly => self.unread.costly,
            Unread::Opaque => self.unread.opaque,
        }
    }

    fn upload(&self, _client: IpAddr, kind: FileKind, bytes: u64) -> Action {
        let Uploads { max_bytes, types, action } = &self.uploads;
        let small = max_bytes.is_none_or(|most| bytes <= most);
        let known = types.as_ref().is_none_or(|types| types.contains(&kind));
        if small && known { Action::Allow } else { *action }
    }

    fn account(&self, facts: &AccountFacts<'_>) -> Option<Action> {
        let known = |one: &Account| self.accounts.known.binary_search(&one.hash).is_ok();
        let (mut named, all) =
            (facts.accounts.iter().filter(|one| one.kind == AccountKind::Organization), facts.accounts);
        let by_name = facts.organization_tells && named.clone().next().is_some() && named.all(known);
        let by_all = !all.is_empty() && all.iter().all(known);
        (!by_name && !by_all).then_some(self.accounts.unknown)
    }

    fn demand(&self, client: IpAddr, name: Option<&str>) -> Demand {
        self.place(client, name).group.map_or(self.default_proxy, |group| self.groups[group].proxy)
    }

    fn mode_of(&self, client: IpAddr) -> Mode {
        match self.place(client, None).mode {
            GroupMode::Watch => Mode::Watched,
            GroupMode::Inspect => Mode::Inspected,
            GroupMode::Deny => Mode::Refused,
        }
    }
}

impl Policy {
    /// The rule that refuses a connection before any model is known.
    fn refusing_rule(&self, place: Place, service: Service<'_>) -> Option<&str> {
        for rule in self.rules.iter().filter(|rule| rule.concerns(place, service)) {
            match (rule.models.is_some(), rule.deny) {
                (false, true) => return Some(&rule.name),
                (false, false) => return None,
                // It may be the first match: the prompt will tell, if anybody reads it.
                (true, false) if place.mode == GroupMode::Inspect => return None,
                (true, _) => {}
            }
        }
        None
    }

    /// Whether a rule refuses the service, or may refuse a model of it, which nobody sees in what is only watched.
    fn may_refuse(&self, place: Place, service: Service<'_>) -> bool {
        for rule in self.rules.iter().filter(|rule| rule.concerns(place, service)) {
            match (rule.models.is_some(), rule.deny) {
                (_, true) => return true,
                (false, false) => return false,
                // It allows some models; of the others a later rule says what becomes.
                (true, false) => {}
            }
        }
        false
    }

    /// Why a request is refused as a whole.
    fn refusal(&self, place: Place, service: Service<'_>, model: Option<&str>) -> Option<Reason> {
        let mut rules = self.rules.iter().filter(|rule| rule.concerns(place, service) && rule.takes(model));
        let rule = rules.next().filter(|rule| rule.deny).map(|rule| rule.name.as_str());
        // The connection may be older than the policy that now denies the client.
        let name = rule.or_else(|| (place.mode == GroupMode::Deny).then(|| self.mode_name(place)));
        name.map(|name| Reason::Policy(name.to_owned()))
    }

    fn action(&self, place: Place, finding: &Finding) -> Action {
        self.finding_rule(place, finding).map_or(finding.action, |rule| rule.action)
    }

    /// The first entry that matches.
    fn finding_rule(&self, place: Place, finding: &Finding) -> Option<&FindingRule> {
        self.findings.iter().find(|rule| rule.takes(place, finding))
    }
}

/// Why the verdict is what it is: the refusal first, then every kind of finding that asked for just this action.
fn reasons(refusal: Option<Reason>, action: Action, findings: &[Finding], per_finding: &[Action]) -> Vec<String> {
    if action == Action::Allow {
        return Vec::new();
    }
    let asked = findings.iter().zip(per_finding).filter(|(_, asked)| **asked == action);
    let mut words: Vec<String> = asked.map(|(finding, _)| detected(&finding.kind)).collect();
    words.sort_unstable();
    words.dedup();
    refusal.map(|reason| reason.to_string()).into_iter().chain(words).collect()
}
