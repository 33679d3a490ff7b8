//! The file as it is written. Keys are promises; the comments of `policy.example.yaml` explain them.

use std::collections::HashMap;
use std::num::NonZeroU64;

use gate_core::{AccountHash, AccountHashError, Action, Demand, FileKind, KnowledgeBase};
use serde::Deserialize;

use super::values::{Clients, HostPattern, ModelPattern};
use super::{Complaint, ENTRIES_CAP, Step};
use crate::decide::{Accounts, FindingRule, Group, GroupMode, Policy, Rule, UnreadActions, Uploads};

/// Names are shown to people and stand in the journal.
const NAME_CAP: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    version: u32,
    #[serde(default)]
    groups: Vec<GroupText>,
    #[serde(default)]
    default_mode: GroupMode,
    #[serde(default)]
    default_strict: bool,
    #[serde(default)]
    default_proxy: ProxyText,
    #[serde(default)]
    rules: Vec<RuleText>,
    #[serde(default)]
    findings: Vec<FindingText>,
    #[serde(default)]
    unread: UnreadText,
    #[serde(default)]
    uploads: Option<UploadsText>,
    #[serde(default)]
    accounts: Option<AccountsText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountsText {
    #[serde(default)]
    known: Vec<String>,
    unknown: UnreadAction,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadsText {
    #[serde(default)]
    max_bytes: Option<NonZeroU64>,
    #[serde(default)]
    types: Option<Vec<String>>,
    #[serde(default)]
    action: Option<UploadAction>,
}

/// What the list lets through needs no action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UploadAction {
    Alert,
    Deny,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnreadText {
    #[serde(default)]
    costly: Option<UnreadAction>,
    #[serde(default)]
    opaque: Option<UnreadAction>,
}

/// There is nothing to redact in what nobody read, or in whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnreadAction {
    Allow,
    Alert,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupText {
    name: String,
    #[serde(default)]
    clients: Option<Clients>,
    #[serde(default)]
    names: Option<Vec<String>>,
    mode: GroupMode,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    proxy: ProxyText,
}

/// What the CONNECT proxy asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProxyText {
    #[default]
    Open,
    Token,
    Certificate,
    Either,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    name: String,
    #[serde(default)]
    clients: Option<Clients>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    vendors: Option<Vec<String>>,
    #[serde(default)]
    hosts: Option<Vec<HostPattern>>,
    #[serde(default)]
    models: Option<Vec<ModelPattern>>,
    action: RuleAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RuleAction {
    Allow,
    Deny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingText {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    kb: Option<KnowledgeBase>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    min_confidence: Option<u8>,
    action: Action,
    #[serde(default)]
    reversible: bool,
}

impl Document {
    /// Checks what the types cannot: names, references, and that nothing is empty by mistake.
    pub(super) fn into_policy(self) -> Result<Policy, Complaint> {
        if self.version != 1 {
            return Err(complain(&[Step::Key("version")], format!("version {} is not known; write 1", self.version)));
        }
        capped("groups", self.groups.len())?;
        capped("rules", self.rules.len())?;
        capped("findings", self.findings.len())?;
        let mut groups = Vec::with_capacity(self.groups.len());
        let mut numbers = HashMap::new();
        for (index, group) in self.groups.into_iter().enumerate() {
            check_name("groups", index, &group.name)?;
            if numbers.insert(group.name.clone(), index).is_some() {
                let why = format!("there is another group `{}`", group.name);
                return Err(complain(&[Step::Key("groups"), Step::Index(index), Step::Key("name")], why));
            }
            group.check(index)?;
            let path = [Step::Key("groups"), Step::Index(index), Step::Key("strict")];
            check_strict(&path, group.strict, group.mode)?;
            groups.push(Group {
                name: group.name,
                clients: group.clients.unwrap_or_default(),
                names: group.names.unwrap_or_default(),
                mode: group.mode,
                strict: group.strict,
                proxy: group.proxy.demand(),
            });
        }
        check_strict(&[Step::Key("default_strict")], self.default_strict, self.default_mode)?;
        let rules = self.rules.into_iter().enumerate().map(|(index, rule)| rule.check(index, &numbers));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        let findings = self.findings.into_iter().enumerate().map(|(index, finding)| finding.check(index, &numbers));
        let findings = findings.collect::<Result<Vec<_>, _>>()?;
        let defaults = (self.default_mode, self.default_strict, self.default_proxy.demand());
        let uploads = self.uploads.map(UploadsText::check).transpose()?.unwrap_or_default();
        let accounts = self.accounts.map(AccountsText::check).transpose()?.unwrap_or_default();
        Ok(Policy::new(groups, defaults, rules, findings, (self.unread.actions(), uploads, accounts)))
    }
}

impl ProxyText {
    fn demand(self) -> Demand {
        match self {
            Self::Open => Demand::Nothing,
            Self::Token => Demand::Token,
            Self::Certificate => Demand::Certificate,
            Self::Either => Demand::Either,
        }
    }
}

impl GroupText {
    /// Somebody must be able to be in it.
    fn check(&self, index: usize) -> Result<(), Complaint> {
        check_list("groups", index, "clients", self.clients.as_ref().map(Clients::len))?;
        check_list("groups", index, "names", self.names.as_ref().map(Vec::len))?;
        if self.clients.is_none() && self.names.is_none() {
            let path = [Step::Key("groups"), Step::Index(index)];
            return Err(complain(&path, "one of clients and names is needed".to_owned()));
        }
        for (place, name) in self.names.iter().flatten().enumerate() {
            let path = [Step::Key("groups"), Step::Index(index), Step::Key("names"), Step::Index(place)];
            check_words(&path, name)?;
        }
        Ok(())
    }
}

impl UploadsText {
    /// Limits nothing by mistake, and knows every type.
    fn check(self) -> Result<Uploads, Complaint> {
        if self.max_bytes.is_none() && self.types.is_none() {
            return Err(complain(&[Step::Key("uploads")], "one of max_bytes and types is needed".to_owned()));
        }
        let kind = |(index, word): (usize, &String)| {
            let known = FileKind::WORDS.iter().find(|(known, _)| known == word);
            let words = || FileKind::WORDS.map(|(word, _)| word).join(", ");
            known.map(|(_, kind)| *kind).ok_or_else(|| {
                let path = [Step::Key("uploads"), Step::Key("types"), Step::Index(index)];
                complain(&path, format!("`{word}` is no type of file; there are {}", words()))
            })
        };
        let types = self.types.map(|types| types.iter().enumerate().map(kind).collect::<Result<Vec<_>, _>>());
        let action = if self.action == Some(UploadAction::Alert) { Action::Alert } else { Action::Deny };
        Ok(Uploads { max_bytes: self.max_bytes.map(NonZeroU64::get), types: types.transpose()?, action })
    }
}

impl AccountsText {
    fn check(self) -> Result<Accounts, Complaint> {
        capped_in(&[Step::Key("accounts"), Step::Key("known")], self.known.len())?;
        let hash = |(index, word): (usize, &String)| {
            let path = [Step::Key("accounts"), Step::Key("known"), Step::Index(index)];
            word.parse().map_err(|why: AccountHashError| complain(&path, why.to_string()))
        };
        let mut known = self.known.iter().enumerate().map(hash).collect::<Result<Vec<AccountHash>, _>>()?;
        known.sort_unstable();
        Ok(Accounts { known, unknown: self.unknown.action() })
    }
}

impl UnreadAction {
    fn action(self) -> Action {
        match self {
            Self::Allow => Action::Allow,
            Self::Alert => Action::Alert,
            Self::Deny => Action::Deny,
        }
    }
}

impl UnreadText {
    fn actions(self) -> UnreadActions {
        let default = UnreadActions::default();
        let action = |text: Option<UnreadAction>, default| text.map_or(default, UnreadAction::action);
        UnreadActions { costly: action(self.costly, default.costly), opaque: action(self.opaque, default.opaque) }
    }
}

impl RuleText {
    fn check(self, index: usize, groups: &HashMap<String, usize>) -> Result<Rule, Complaint> {
        check_name("rules", index, &self.name)?;
        check_list("rules", index, "clients", self.clients.as_ref().map(Clients::len))?;
        check_list("rules", index, "vendors", self.vendors.as_ref().map(Vec::len))?;
        check_list("rules", index, "hosts", self.hosts.as_ref().map(Vec::len))?;
        check_list("rules", index, "models", self.models.as_ref().map(Vec::len))?;
        for (place, vendor) in self.vendors.iter().flatten().enumerate() {
            check_identifier(
                &[Step::Key("rules"), Step::Index(index), Step::Key("vendors"), Step::Index(place)],
                vendor,
            )?;
        }
        Ok(Rule {
            group: group_number("rules", index, self.group, groups)?,
            name: self.name,
            clients: self.clients,
            vendors: self.vendors,
            hosts: self.hosts,
            models: self.models,
            deny: self.action == RuleAction::Deny,
        })
    }
}

impl FindingText {
    fn check(self, index: usize, groups: &HashMap<String, usize>) -> Result<FindingRule, Complaint> {
        let at = |key| [Step::Key("findings"), Step::Index(index), Step::Key(key)];
        if self.kind.is_none() && self.rule.is_none() && self.kb.is_none() {
            return Err(complain(&at("action")[..2], "one of kind, rule and kb is needed".to_owned()));
        }
        for (key, word) in [("kind", &self.kind), ("rule", &self.rule)] {
            if let Some(word) = word {
                check_identifier(&at(key), word)?;
            }
        }
        if self.min_confidence.is_some_and(|confidence| confidence > 100) {
            return Err(complain(&at("min_confidence"), "a confidence is between 0 and 100".to_owned()));
        }
        if self.reversible && self.action != Action::Redact {
            let why = "only with action redact there is something to put back".to_owned();
            return Err(complain(&at("reversible"), why));
        }
        Ok(FindingRule {
            group: group_number("findings", index, self.group, groups)?,
            kind: self.kind,
            rule: self.rule,
            kb: self.kb,
            min_confidence: self.min_confidence.unwrap_or(0),
            action: self.action,
            reversible: self.reversible,
        })
    }
}

fn group_number(
    list: &'static str,
    index: usize,
    name: Option<String>,
    groups: &HashMap<String, usize>,
) -> Result<Option<usize>, Complaint> {
    let Some(name) = name else { return Ok(None) };
    let unknown =
        || complain(&[Step::Key(list), Step::Index(index), Step::Key("group")], format!("there is no group `{name}`"));
    groups.get(&name).copied().map(Some).ok_or_else(unknown)
}

/// Who writes it elsewhere believes in a protection that is not there.
fn check_strict(path: &[Step], strict: bool, mode: GroupMode) -> Result<(), Complaint> {
    if !strict || mode == GroupMode::Inspect {
        return Ok(());
    }
    Err(complain(path, "only with mode inspect there is something to be strict about".to_owned()))
}

/// A name is a line that people read.
fn check_name(list: &'static str, index: usize, name: &str) -> Result<(), Complaint> {
    check_words(&[Step::Key(list), Step::Index(index), Step::Key("name")], name)
}

fn check_words(path: &[Step], name: &str) -> Result<(), Complaint> {
    let good = (1..=NAME_CAP).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if good { Ok(()) } else { Err(complain(path, format!("a name has 1 to {NAME_CAP} characters on one line"))) }
}

/// Vendors, kinds and rules are identifiers of the packs; a misspelt one would never match.
fn check_identifier(path: &[Step], word: &str) -> Result<(), Complaint> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let good = (1..=NAME_CAP).contains(&word.len()) && word.bytes().all(plain);
    if good {
        Ok(())
    } else {
        Err(complain(path, format!("`{word}` is not an identifier of the packs, in lower case")))
    }
}

/// An empty list matches nothing, which nobody means to write; a missing one matches everything.
fn check_list(list: &'static str, index: usize, key: &'static str, len: Option<usize>) -> Result<(), Complaint> {
    let path = [Step::Key(list), Step::Index(index), Step::Key(key)];
    match len {
        Some(0) => Err(complain(&path, "the list is empty; leave it out to match everything".to_owned())),
        Some(len) if len > ENTRIES_CAP => Err(complain(&path, too_many(len))),
        _ => Ok(()),
    }
}

fn capped(list: &'static str, len: usize) -> Result<(), Complaint> {
    capped_in(&[Step::Key(list)], len)
}

fn capped_in(path: &[Step], len: usize) -> Result<(), Complaint> {
    if len > ENTRIES_CAP { Err(complain(path, too_many(len))) } else { Ok(()) }
}

fn too_many(len: usize) -> String {
    format!("{len} entries are more than {ENTRIES_CAP}")
}

fn complain(path: &[Step], why: String) -> Complaint {
    Complaint { path: path.to_vec(), why }
}
