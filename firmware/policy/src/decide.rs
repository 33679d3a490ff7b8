//! The policy as a value, and the three questions it answers.

mod judge;
mod warnings;
mod words;

use std::net::IpAddr;

use gate_core::{AccountHash, Action, Demand, FileKind, Finding, HostName, KnowledgeBase};
use serde::Deserialize;

use crate::parse::{Clients, HostPattern, ModelPattern};

/// How the AI traffic of a group is treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupMode {
    /// Passed on untouched; the journal sees host, bytes and time.
    #[default]
    Watch,
    /// Terminated with the local CA and scanned.
    Inspect,
    /// Not let through.
    Deny,
}

/// An immutable policy; the default watches everybody and denies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    groups: Vec<Group>,
    default_mode: GroupMode,
    /// [`Group::strict`] for everybody else.
    default_strict: bool,
    /// [`Group::proxy`] for everybody else.
    default_proxy: Demand,
    rules: Vec<Rule>,
    findings: Vec<FindingRule>,
    unread: UnreadActions,
    uploads: Uploads,
    accounts: Accounts,
}

/// Whose accounts at providers clients may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accounts {
    /// The office's own, in order.
    pub(crate) known: Vec<AccountHash>,
    /// What becomes of requests by others.
    pub(crate) unknown: Action,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { known: Vec::new(), unknown: Action::Allow }
    }
}

/// Which files requests may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uploads {
    /// No larger ones.
    pub(crate) max_bytes: Option<u64>,
    /// None of other kinds.
    pub(crate) types: Option<Vec<FileKind>>,
    /// What becomes of the others.
    pub(crate) action: Action,
}

impl Default for Uploads {
    fn default() -> Self {
        Self { max_bytes: None, types: None, action: Action::Deny }
    }
}

/// What becomes of what cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnreadActions {
    pub(crate) costly: Action,
    pub(crate) opaque: Action,
}

impl Default for UnreadActions {
    fn default() -> Self {
        Self { costly: Action::Deny, opaque: Action::Allow }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) clients: Clients,
    /// Clients that have proven to the CONNECT proxy to be one of these.
    pub(crate) names: Vec<String>,
    pub(crate) mode: GroupMode,
    /// Who does not take our certificate stays refused.
    pub(crate) strict: bool,
    /// What the CONNECT proxy lets nobody through without.
    pub(crate) proxy: Demand,
}

/// Every condition that is given must hold; groups are named by their place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) clients: Option<Clients>,
    pub(crate) group: Option<usize>,
    pub(crate) vendors: Option<Vec<String>>,
    pub(crate) hosts: Option<Vec<HostPattern>>,
    pub(crate) models: Option<Vec<ModelPattern>>,
    pub(crate) deny: bool,
}

/// What becomes of findings, instead of their rule's own action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FindingRule {
    pub(crate) group: Option<usize>,
    pub(crate) kind: Option<String>,
    pub(crate) rule: Option<String>,
    pub(crate) kb: Option<KnowledgeBase>,
    pub(crate) min_confidence: u8,
    pub(crate) action: Action,
    /// What it redacts becomes a placeholder that is put back in the answer.
    pub(crate) reversible: bool,
}

/// A client as the policy sees it.
#[derive(Clone, Copy, Debug)]
struct Place {
    client: IpAddr,
    group: Option<usize>,
    mode: GroupMode,
}

/// The AI service that a client talks to.
#[derive(Clone, Copy, Debug)]
struct Service<'a> {
    vendor: &'a str,
    host: &'a HostName,
}

impl Policy {
    pub(crate) fn new(
        groups: Vec<Group>,
        (default_mode, default_strict, default_proxy): (GroupMode, bool, Demand),
        rules: Vec<Rule>,
        findings: Vec<FindingRule>,
        (unread, uploads, accounts): (UnreadActions, Uploads, Accounts),
    ) -> Self {
        Self { groups, default_mode, default_strict, default_proxy, rules, findings, unread, uploads, accounts }
    }

    /// The name of the first group that holds a client, and its mode; no name for the default.
    pub fn group_of(&self, client: IpAddr) -> (Option<&str>, GroupMode) {
        let place = self.place(client, None);
        (place.group.map(|group| self.groups[group].name.as_str()), place.mode)
    }

    /// Who has proven a name belongs where that stands, wherever it comes from; only then its address counts.
    fn place(&self, client: IpAddr, name: Option<&str>) -> Place {
        let client = client.to_canonical();
        let named = |group: &Group| name.is_some_and(|name| group.names.iter().any(|one| one == name));
        let by_name = name.and_then(|_| self.groups.iter().position(named));
        let group = by_name.or_else(|| self.groups.iter().position(|group| group.clients.hold(client)));
        let mode = group.map_or(self.default_mode, |group| self.groups[group].mode);
        Place { client, group, mode }
    }

    fn is_strict(&self, place: Place) -> bool {
        place.group.map_or(self.default_strict, |group| self.groups[group].strict)
    }

    /// The name under which a mode `deny` refuses.
    fn mode_name(&self, place: Place) -> &str {
        place.group.map_or("default_mode", |group| &self.groups[group].name)
    }
}

impl Rule {
    /// Whether everything but the model matches.
    fn concerns(&self, place: Place, service: Service<'_>) -> bool {
        self.group.is_none_or(|group| place.group == Some(group))
            && self.clients.as_ref().is_none_or(|clients| clients.hold(place.client))
            && self.vendors.as_ref().is_none_or(|vendors| vendors.iter().any(|vendor| vendor == service.vendor))
            && self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|host| host.matches(service.host)))
    }

    /// Whether the model matches, too; a request that names none matches only rules that do not ask.
    fn takes(&self, model: Option<&str>) -> bool {
        self.models.as_ref().is_none_or(|models| model.is_some_and(|model| models.iter().any(|any| any.matches(model))))
    }
}

impl FindingRule {
    fn takes(&self, place: Place, finding: &Finding) -> bool {
        self.group.is_none_or(|group| place.group == Some(group))
            && self.kind.as_ref().is_none_or(|kind| *kind == finding.kind)
            && self.rule.as_ref().is_none_or(|rule| *rule == finding.rule)
            && self.kb.is_none_or(|kb| kb == finding.kb)
            && finding.confidence >= self.min_confidence
    }
}

#[cfg(test)]
mod tests;
