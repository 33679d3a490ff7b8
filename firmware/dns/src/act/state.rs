//! How the resolver does, for status.

use gate_core::{UnixMicros, ZoneKey};
use serde::{Deserialize, Serialize};

use super::{Act, Crowd, UpstreamState};
use crate::config::{KeyError, List, way};
use crate::decide::Table;

/// One group of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    pub name: String,
    pub clients: Vec<String>,
    /// Whether names of AI providers lead to the puck.
    pub steering: bool,
    /// Whether no record names what it asks for.
    pub silent: bool,
    /// Its own block lists; absent: those of everybody.
    pub block_lists: Option<Vec<String>>,
    /// Its own upstreams; none: those of everybody.
    pub upstreams: Vec<UpstreamState>,
}

/// One block list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListState {
    pub list: String,
    pub names: usize,
    /// Lines that say something which is not understood here, such as rules for parts of pages.
    pub foreign_lines: usize,
    /// Names that are not in force, because all lists together hold more than there is memory for.
    pub left_out: usize,
    /// Memory that they take.
    pub bytes: usize,
    /// Nothing of it is in force yet, because it was never read or fetched.
    pub awaited: bool,
    /// When its server was last asked in vain or not; absent for files, and before the first time.
    pub asked: Option<UnixMicros>,
    /// Why its server gave nothing, or its file could not be read, the last time; what it held before holds on.
    pub error: Option<String>,
}

/// The keys that DNSSEC starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyState {
    pub origin: KeyOrigin,
    /// Zone and tag of each, such as `. 20326`.
    pub keys: Vec<String>,
}

/// Where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOrigin {
    /// `dns.dnssec_anchors`, which nothing else overrides.
    Settings,
    /// Whoever called [`Dns::see_keys`](crate::Dns::see_keys), in its own words.
    Given(String),
    Builtin,
}

impl Act {
    /// Trusts other keys of zones, unless the settings name some.
    pub(crate) fn see_keys(&self, from: &str, keys: &[ZoneKey]) -> Result<(), KeyError> {
        self.routes.see_keys(from, keys)
    }

    /// The keys that DNSSEC starts from.
    pub(crate) fn keys(&self) -> KeyState {
        self.routes.keys()
    }

    /// How each upstream does.
    pub(crate) fn upstreams(&self) -> Vec<UpstreamState> {
        self.routes.states(0)
    }

    /// How each server of the office's zones does.
    pub(crate) fn forwards(&self) -> Vec<UpstreamState> {
        self.routes.forward_states()
    }

    /// Whether more was asked a moment ago than there are seats for.
    pub(crate) fn crowd(&self) -> Option<Crowd> {
        self.routes.crowd()
    }

    /// Whether questions found no place to wait a moment ago.
    pub(crate) fn shortage(&self) -> Option<Crowd> {
        self.routes.shortage()
    }

    /// Every group, in the order in which they are looked through.
    pub(crate) fn groups(&self) -> Vec<GroupState> {
        let state = |group: crate::config::Group| GroupState {
            clients: group.clients.into_iter().map(String::from).collect(),
            steering: group.steering,
            silent: group.silent,
            block_lists: group.block_lists.map(|lists| lists.iter().map(List::to_string).collect()),
            upstreams: match way(&group.upstreams) {
                0 => Vec::new(),
                number => self.routes.states(number),
            },
            name: group.name,
        };
        self.desk.groups().into_iter().map(state).collect()
    }

    /// Every block list, also those that could not be read or fetched yet.
    pub(crate) fn list_states(&self) -> Vec<ListState> {
        let state = |list: List| {
            let table = self.desk.table(&list);
            let of = |number: fn(&Table) -> usize| table.as_deref().map_or(0, number);
            let fetched = match &list {
                List::Url(url) => self.fetcher.state(url),
                List::File(_) => Default::default(),
            };
            let error = fetched.error.or_else(|| self.desk.fault(&list));
            ListState {
                list: list.to_string(),
                names: of(Table::len),
                foreign_lines: of(Table::foreign),
                left_out: of(Table::left_out),
                bytes: of(Table::bytes),
                awaited: table.is_none(),
                asked: fetched.asked,
                error,
            }
        };
        self.lists().into_iter().map(state).collect()
    }
}
