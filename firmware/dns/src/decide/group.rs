//! What holds for whom: the office's groups, and everybody else.

use std::net::IpAddr;
use std::sync::Arc;

use super::block::{Listed, Table, is_allowed, listed};
use crate::config::{Group, Net, way};
use crate::parse::Manner;

/// A list's name, and what it holds.
pub(crate) type NamedTable = (Arc<str>, Arc<Table>);

/// The lists that hold for somebody, as far as they have been read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) read: Vec<NamedTable>,
    /// Some have never been looked at: nobody can say yet what is blocked.
    pub(crate) awaited: bool,
}

/// The rules of every group.
#[derive(Debug)]
pub(crate) struct Groups {
    members: Vec<(Net, u8)>,
    /// By number; the first is everybody who is in no group.
    rules: Vec<Rules>,
}

/// What holds for one group.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Nothing for everybody else.
    pub(crate) name: Option<String>,
    manner: Manner,
    lists: Lists,
}

impl Default for Groups {
    fn default() -> Self {
        Self { members: Vec::new(), rules: vec![Rules::default()] }
    }
}

impl Groups {
    /// `lists` are those of everybody who has none of his own, `own` the lists of each group that has.
    pub(crate) fn new(groups: &[Group], lists: &Lists, own: impl Fn(&Group) -> Option<Lists>) -> Self {
        let mut all = Self { members: Vec::new(), rules: vec![Rules { lists: lists.clone(), ..Rules::default() }] };
        for (number, group) in (1..).zip(groups) {
            all.members.extend(group.clients.iter().map(|net| (*net, number)));
            all.rules.push(Rules {
                name: Some(group.name.clone()),
                manner: Manner {
                    group: number,
                    way: way(&group.upstreams),
                    steered: group.steering,
                    silent: group.silent,
                },
                lists: own(group).unwrap_or_else(|| lists.clone()),
            });
        }
        all
    }

    /// How a client is answered.
    pub(crate) fn manner_of(&self, client: IpAddr) -> Manner {
        // Most offices have none.
        let number = self.members.iter().find(|(net, _)| net.holds(client)).map_or(0, |(_, number)| *number);
        self.rules(number).manner
    }

    /// The rules of a group; those of everybody where it is gone by now.
    pub(crate) fn rules(&self, number: u8) -> &Rules {
        self.rules.get(usize::from(number)).unwrap_or(&self.rules[0])
    }
}

impl Rules {
    /// Whether some of its lists have never been looked at.
    pub(crate) fn awaits_lists(&self) -> bool {
        self.lists.awaited
    }

    /// The list that blocks a name in folded wire form.
    pub(crate) fn blocks(&self, name: &[u8]) -> Option<&Arc<str>> {
        let lists = &self.lists.read;
        if lists.is_empty() {
            return None;
        }
        match listed(lists.iter().map(|(_, table)| &**table), name) {
            Listed::Blocked(at) => Some(&lists[at].0),
            Listed::No | Listed::Allowed => None,
        }
    }

    /// Whether a list takes a name in folded wire form out of all of them.
    pub(crate) fn allows(&self, name: &[u8]) -> bool {
        is_allowed(self.lists.read.iter().map(|(_, table)| &**table), name)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Groups, Lists};
    use crate::config::Group;

    #[test]
    fn the_first_group_that_holds_a_client_counts() {
        let group = |name: &str, clients: &[&str], more: &str| -> Group {
            toml::from_str(&format!("name = \"{name}\"\nclients = {clients:?}\n{more}")).unwrap()
        };
        let groups = [
            group("boss", &["192.0.2.7"], "silent = true"),
            group("guests", &["192.0.2.0/26", "2001:db8::/64"], "steering = false\nupstreams = [\"192.0.2.99\"]"),
        ];
        let groups = Groups::new(&groups, &Lists::default(), |_| None);
        let rows = [
            ("192.0.2.7", Some("boss"), true, true),
            ("192.0.2.8", Some("guests"), false, false),
            ("2001:db8::1", Some("guests"), false, false),
            ("192.0.2.65", None, true, false),
        ];
        for (client, name, steered, silent) in rows {
            let manner = groups.manner_of(client.parse::<IpAddr>().unwrap());
            assert_eq!(groups.rules(manner.group).name.as_deref(), name, "{client}");
            assert_eq!((manner.steered, manner.silent), (steered, silent), "{client}");
            assert_eq!(manner.way != 0, name == Some("guests"), "{client}");
        }
        assert_eq!(groups.rules(9).name, None);
    }
}
