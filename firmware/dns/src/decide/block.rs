//! Lists of names that are not answered: hosts files, lists of domains, and the part of adblock syntax that speaks of whole
//! names. Millions of names take eight bytes each.

use std::hash::{BuildHasher, RandomState};

use gate_core::{DnsOutcome, HostName};

use super::Local;
use crate::parse::{Name, Query, Rcode};

/// Most names of all lists together: 64 MB.
const NAMES_MAX: usize = 8_000_000;

/// The names of all lists, as keyed hashes: of a few million names two share one once in a million years of questions, and
/// nobody outside can look for such a pair.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    hasher: RandomState,
    /// Only the name itself.
    exact: Vec<u64>,
    /// The name and everything below it.
    trees: Vec<u64>,
    /// What is answered all the same, with everything below it.
    allowed: Vec<u64>,
}

impl Blocked {
    /// Takes one line of a list: `0.0.0.0 name…`, `name`, `*.name`, `||name^` or `@@||name^`. What is none of these (rules for
    /// parts of pages, which only a browser can follow) is left out.
    pub(crate) fn add_line(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!', '[']) {
            return;
        }
        if let Some(rule) = line.strip_prefix("@@||") {
            add(&mut self.allowed, &self.hasher, rule.strip_suffix("^|").or(rule.strip_suffix('^')));
        } else if let Some(rule) = line.strip_prefix("||") {
            let rule = rule.strip_suffix("$important").unwrap_or(rule);
            add(&mut self.trees, &self.hasher, rule.strip_suffix('^'));
        } else {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let first = words.next().unwrap_or_default();
            if matches!(first, "0.0.0.0" | "127.0.0.1" | "::" | "::1") {
                words.for_each(|name| add(&mut self.exact, &self.hasher, Some(name)));
            } else if words.next().is_none() {
                add(&mut self.trees, &self.hasher, Some(first.strip_prefix("*.").unwrap_or(first)));
            }
        }
    }

    /// Makes what was added ready to be looked up.
    pub(crate) fn finish(&mut self) {
        for names in [&mut self.exact, &mut self.trees, &mut self.allowed] {
            names.sort_unstable();
            names.dedup();
            names.shrink_to_fit();
        }
    }

    /// Names held.
    pub(crate) fn len(&self) -> usize {
        self.exact.len() + self.trees.len() + self.allowed.len()
    }

    /// "No such name" for what a list holds.
    pub(super) fn answer(&self, query: &Query) -> Option<Local> {
        self.holds(query.name.folded()).then(|| Local {
            outcome: DnsOutcome::Special,
            rcode: Rcode::NxDomain,
            data: Vec::new(),
            apex: 0,
        })
    }

    fn holds(&self, name: &[u8]) -> bool {
        if self.len() == 0 {
            return false;
        }
        let mut blocked = self.exact.binary_search(&self.hasher.hash_one(name)).is_ok();
        let mut at = 0;
        while name[at] != 0 {
            let hash = self.hasher.hash_one(&name[at..]);
            if self.allowed.binary_search(&hash).is_ok() {
                return false;
            }
            blocked |= self.trees.binary_search(&hash).is_ok();
            at += 1 + usize::from(name[at]);
        }
        blocked
    }
}

/// Names of one label are none that a list can mean: `localhost` stands in every hosts file.
fn add(names: &mut Vec<u64>, hasher: &RandomState, name: Option<&str>) {
    let host = name.and_then(|name| HostName::parse(name.as_bytes()).ok()).filter(|host| host.as_str().contains('.'));
    if let Some(host) = host.filter(|_| names.len() < NAMES_MAX) {
        names.push(hasher.hash_one(Name::of_host(&host).folded()));
    }
}

#[cfg(test)]
mod tests {
    use super::Blocked;
    use crate::parse::Name;

    #[test]
    fn lists_of_each_syntax_are_understood() {
        let mut blocked = Blocked::default();
        let text = "# hosts\n127.0.0.1 localhost\n0.0.0.0 ads.example tracker.example # both\n::1 six.example\n\
                    ! adblock\n[Adblock Plus 2.0]\n||spy.example^\n||third.example^$third-party\n||now.example^$important\n\
                    @@||good.spy.example^\nexample##.banner\n/path/\nplain.example\n*.star.example\nbad name here\n";
        text.lines().for_each(|line| blocked.add_line(line));
        blocked.finish();
        let rows = [
            ("ads.example", true),
            ("www.ads.example", false),
            ("tracker.example", true),
            ("six.example", true),
            ("localhost", false),
            ("spy.example", true),
            ("a.b.spy.example", true),
            ("good.spy.example", false),
            ("www.good.spy.example", false),
            ("notspy.example", false),
            ("third.example", false),
            ("now.example", true),
            ("sub.plain.example", true),
            ("x.star.example", true),
            ("example", false),
        ];
        for (name, expected) in rows {
            assert_eq!(blocked.holds(Name::of_text(name).folded()), expected, "{name}");
        }
        assert_eq!(blocked.len(), 8);
    }

    #[test]
    fn millions_of_names_stay_below_100_megabytes() {
        let mut blocked = Blocked::default();
        for number in 0..200_000 {
            blocked.add_line(&format!("0.0.0.0 host{number}.blocked.example"));
        }
        blocked.finish();
        assert_eq!(blocked.len(), 200_000);
        assert_eq!(blocked.exact.capacity() * size_of::<u64>() / blocked.len(), 8, "five million names take 40 MB");
        assert!(blocked.holds(Name::of_text("host77.blocked.example").folded()));
        assert!(!blocked.holds(Name::of_text("host200000.blocked.example").folded()));
    }
}
