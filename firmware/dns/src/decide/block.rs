//! Lists of names that are not answered: hosts files, lists of domains, and the part of adblock syntax that speaks of whole
//! names. Millions of names take six bytes each, also while they are read.

mod kept;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use gate_core::HostName;
use hickory_proto::rr::Name as WrittenName;
use siphasher::sip::SipHasher13;

use crate::parse::Name;

/// Most names of all lists together: 30 MB. While all are replaced at once they are there twice.
pub(crate) const NAMES_MAX: usize = 5_000_000;
/// So many of a name's hash are kept; the rest says in which bucket.
type Rest = [u8; 6];
/// Names in a bucket, about: few enough to look through, so many that their index costs little.
const BUCKET: u64 = 16;
/// Bytes of one name in a list, about.
const LINE: u64 = 20;
/// What is left of a hash of 64 bits tells the buckets apart.
const BITS_MAX: u32 = 16;

/// What names are hashed with: nobody outside can look for names that share a hash. It lasts as long as what is kept on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key([u64; 2]);

/// What a list says of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Only the name itself.
    Exact,
    /// The name and everything below it.
    Tree,
    /// It is answered all the same, with everything below it.
    Allowed,
}

/// The names of one list, as keyed hashes of 48 bits and the number of their bucket: a name that stands in no list is taken
/// for one that does once in ten million million.
#[derive(Debug)]
pub(crate) struct Table {
    key: Key,
    bits: u32,
    /// Where each bucket begins, and the end of the last.
    starts: Box<[u32]>,
    /// Sorted in each bucket.
    rests: Vec<Rest>,
    /// Lines that say something which is not understood here.
    foreign: usize,
    /// Names for which there was no room.
    left_out: usize,
}

/// What some lists together say of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    No,
    /// In the list of this number.
    Blocked(usize),
    /// One blocks it, and one takes it out.
    Allowed,
}

impl Key {
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self([0_u8, 1].map(|half| state.hash_one(half)))
    }

    fn hash(self, kind: Kind, name: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0[0], self.0[1]);
        hasher.write_u8(kind as u8);
        hasher.write(name);
        hasher.finish()
    }
}

impl Table {
    /// Reads a list of about `length` bytes and at most `room` names. `lines` hands out each line, twice the same: the first
    /// time they are counted and the second time put in their places, so that nothing needs to be moved.
    pub(crate) fn read(
        key: Key,
        length: u64,
        room: usize,
        mut lines: impl FnMut(&mut dyn FnMut(&str)) -> io::Result<()>,
    ) -> io::Result<Self> {
        let bits = (length / LINE / BUCKET).max(1).ilog2().min(BITS_MAX);
        let mut starts = vec![0_u32; (1 << bits) + 1];
        let (mut left, mut foreign, mut left_out) = (room.min(u32::MAX as usize), 0, 0);
        lines(&mut |line| {
            let understood = names(key, line, |hash| {
                if left > 0 {
                    left -= 1;
                    starts[bucket(hash, bits) + 1] += 1;
                } else {
                    left_out += 1;
                }
            });
            foreign += usize::from(!understood);
        })?;
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut rests = vec![Rest::default(); starts[starts.len() - 1] as usize];
        lines(&mut |line| {
            names(key, line, |hash| {
                let bucket = bucket(hash, bits);
                // A list that grew meanwhile, or one with too many names, has some that find no place.
                if next[bucket] < starts[bucket + 1] {
                    rests[next[bucket] as usize] = rest(hash);
                    next[bucket] += 1;
                }
            });
        })?;
        let mut table = Self { key, bits, starts: starts.into(), rests, foreign, left_out };
        table.tidy(&next);
        Ok(table)
    }

    /// Sorts each bucket and closes the gaps that names leave which stand there twice, or which were counted and never came.
    fn tidy(&mut self, ends: &[u32]) {
        let mut to = 0;
        for (bucket, end) in ends.iter().enumerate().take(1 << self.bits) {
            let (start, end) = (self.starts[bucket] as usize, *end as usize);
            self.rests[start..end].sort_unstable();
            self.starts[bucket] = u32::try_from(to).expect("no more than before");
            for at in start..end {
                let rest = self.rests[at];
                if at == start || self.rests[to - 1] != rest {
                    self.rests[to] = rest;
                    to += 1;
                }
            }
        }
        self.starts[1 << self.bits] = u32::try_from(to).expect("no more than before");
        self.rests.truncate(to);
        self.rests.shrink_to_fit();
    }

    /// Names held.
    pub(crate) fn len(&self) -> usize {
        self.rests.len()
    }

    /// Lines that were not understood, such as rules for parts of pages.
    pub(crate) fn foreign(&self) -> usize {
        self.foreign
    }

    /// Names that stand in the list and are not in force, because all lists together hold too many.
    pub(crate) fn left_out(&self) -> usize {
        self.left_out
    }

    /// What its names are hashed with.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Bytes that they take.
    pub(crate) fn bytes(&self) -> usize {
        self.rests.capacity() * size_of::<Rest>() + self.starts.len() * size_of::<u32>()
    }

    fn holds(&self, hash: u64) -> bool {
        let bucket = bucket(hash, self.bits);
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        self.rests[start..end].binary_search(&rest(hash)).is_ok()
    }
}

/// What the lists say of a name in folded wire form.
pub(crate) fn listed<'a>(tables: impl Iterator<Item = &'a Table> + Clone, name: &[u8]) -> Listed {
    let tree = || parents(name).find_map(|name| find(tables.clone(), Kind::Tree, name));
    match find(tables.clone(), Kind::Exact, name).or_else(tree) {
        None => Listed::No,
        Some(_) if is_allowed(tables, name) => Listed::Allowed,
        Some(at) => Listed::Blocked(at),
    }
}

/// Whether one of the lists takes a name out of all of them.
pub(crate) fn is_allowed<'a>(tables: impl Iterator<Item = &'a Table> + Clone, name: &[u8]) -> bool {
    parents(name).any(|name| find(tables.clone(), Kind::Allowed, name).is_some())
}

fn find<'a>(mut tables: impl Iterator<Item = &'a Table>, kind: Kind, name: &[u8]) -> Option<usize> {
    // Mostly all tables have one key.
    let mut hashed = None;
    tables.position(|table| {
        let (_, hash) = match hashed {
            Some((key, hash)) if key == table.key => (key, hash),
            _ => (table.key, table.key.hash(kind, name)),
        };
        hashed = Some((table.key, hash));
        table.holds(hash)
    })
}

/// A name in wire form, and all above it but the root.
fn parents(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let here = Some(rest).filter(|name| name[0] != 0)?;
        rest = &rest[1 + usize::from(rest[0])..];
        Some(here)
    })
}

fn bucket(hash: u64, bits: u32) -> usize {
    (hash >> 48) as usize & ((1 << bits) - 1)
}

fn rest(hash: u64) -> Rest {
    let [_, _, rest @ ..] = hash.to_be_bytes();
    rest
}

/// Whether a line of a list names something.
pub(crate) fn names_something(line: &str) -> bool {
    let mut found = false;
    let _ = names(Key::default(), line, |_| found = true);
    found
}

/// The names in one line of a list: `0.0.0.0 name…`, `name`, `*.name`, `||name^` or `@@||name^`. What is none of these (rules
/// for parts of pages, which only a browser can follow) is left out. Returns whether all of it was understood.
fn names(key: Key, line: &str, mut each: impl FnMut(u64)) -> bool {
    // Editors of one system put a mark at the start of a file.
    let line = line.trim_start_matches('\u{feff}').trim();
    if is_comment(line) {
        return true;
    }
    let mut add = |kind, name: Option<&str>| {
        let Some(host) = name.and_then(host) else { return false };
        // Names of one label are none that a list can mean: `localhost` stands in every hosts file.
        if host.as_str().contains('.') {
            each(key.hash(kind, Name::of_host(&host).folded()));
        }
        true
    };
    if let Some(rule) = line.strip_prefix("@@||") {
        return add(Kind::Allowed, rule.strip_suffix("^|").or(rule.strip_suffix('^')));
    }
    if let Some(rule) = line.strip_prefix("||") {
        let (name, options) = rule.split_once('$').unwrap_or((rule, ""));
        let whole = options.split(',').all(|option| matches!(option, "" | "important" | "all"));
        return add(Kind::Tree, name.strip_suffix('^').filter(|_| whole));
    }
    // A comment begins with a word of its own: `name##.banner` hides a part of a page of a site that nobody wants to lose.
    let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
    let first = words.next().unwrap_or_default();
    if matches!(first, "0.0.0.0" | "127.0.0.1" | "::" | "::1") {
        // Each is added, whatever became of the others.
        words.filter(|name| !add(Kind::Exact, Some(name))).count() == 0
    } else {
        words.next().is_none() && add(Kind::Tree, Some(first.strip_prefix("*.").unwrap_or(first)))
    }
}

/// Whether a line says nothing. `##` begins no comment but a rule for parts of all pages.
fn is_comment(line: &str) -> bool {
    let rule = ["##", "#@#", "#?#", "#$#"].iter().any(|mark| line.starts_with(mark));
    line.is_empty() || line.starts_with(['#', '!', '[']) && !rule
}

/// The host that a list means, which writes it as people do or as it stands in DNS (RFC 5890, A-labels).
fn host(name: &str) -> Option<HostName> {
    if name.is_ascii() {
        return HostName::parse(name.as_bytes()).ok();
    }
    let name = WrittenName::from_utf8(name).ok()?;
    HostName::parse(name.to_ascii().trim_end_matches('.').as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Key, Listed, Table, listed};
    use crate::parse::Name;

    pub(super) fn table(text: &str, room: usize) -> Table {
        Table::read(Key::random(), text.len() as u64, room, |each| {
            text.lines().for_each(each);
            Ok(())
        })
        .unwrap()
    }

    pub(super) fn look(tables: &[Table], name: &str) -> Listed {
        listed(tables.iter(), Name::of_text(name).folded())
    }

    #[test]
    fn lists_of_each_syntax_are_understood() {
        let text = "# hosts\n127.0.0.1 localhost\n0.0.0.0 ads.example tracker.example # both\n::1 six.example\n\
                    ! adblock\n[Adblock Plus 2.0]\n||spy.example^\n||third.example^$third-party\n||now.example^$important\n\
                    @@||good.spy.example^\nexample##.banner\n/path/\nplain.example\n*.star.example\nbad name here\n";
        let tables = [table(text, 100)];
        let rows = [
            ("ads.example", Listed::Blocked(0)),
            ("www.ads.example", Listed::No),
            ("tracker.example", Listed::Blocked(0)),
            ("six.example", Listed::Blocked(0)),
            ("localhost", Listed::No),
            ("spy.example", Listed::Blocked(0)),
            ("a.b.spy.example", Listed::Blocked(0)),
            ("good.spy.example", Listed::Allowed),
            ("www.good.spy.example", Listed::Allowed),
            ("notspy.example", Listed::No),
            ("third.example", Listed::No),
            ("now.example", Listed::Blocked(0)),
            ("sub.plain.example", Listed::Blocked(0)),
            ("x.star.example", Listed::Blocked(0)),
            ("example", Listed::No),
        ];
        for (name, expected) in rows {
            assert_eq!(look(&tables, name), expected, "{name}");
        }
        assert_eq!(tables[0].len(), 8);
    }

    #[test]
    fn rules_for_parts_of_pages_block_no_site() {
        let rules = [
            "www.site.example##.banner",
            "www.site.example#@#.banner",
            "www.site.example#?#div:has(.ad)",
            "www.site.example#$#body { overflow: auto }",
            "www.site.example##.banner #ad",
            "www.site.example,shop.example##.banner",
            "*.site.example##.banner",
            "||www.site.example##^",
            "@@||www.site.example#@#^",
            "0.0.0.0 www.site.example##.banner",
            "##.banner",
        ];
        for rule in rules {
            assert_eq!(table(rule, 9).len(), 0, "{rule}");
        }
        for line in ["www.site.example # why", "www.site.example\t#why", "0.0.0.0 www.site.example #why"] {
            assert_eq!(look(&[table(line, 9)], "www.site.example"), Listed::Blocked(0), "{line}");
        }
    }

    #[test]
    fn lists_come_as_people_write_them() {
        let text = "\u{feff}first.example\n||all.example^$all\n||both.example^$important,all\nb\u{fc}cher.example\n\
                    0.0.0.0 M\u{dc}LL.example\n";
        let tables = [table(text, 9)];
        for name in ["first.example", "all.example", "both.example", "xn--bcher-kva.example", "xn--mll-hoa.example"] {
            assert_eq!(look(&tables, name), Listed::Blocked(0), "{name}");
        }
        assert_eq!(tables[0].foreign(), 0);
    }

    #[test]
    fn lines_that_are_not_understood_are_counted() {
        let understood = "# a comment\n! another\n[Adblock]\n\n127.0.0.1 localhost\na.example # why\n||b.example^\n";
        assert_eq!(table(understood, 9).foreign(), 0);
        let foreign = "two words\n||c.example^$third-party\nsite.example##.banner\n##.banner\n/path/\n0.0.0.0 a..b\n";
        assert_eq!(table(foreign, 9).foreign(), 6);
    }

    #[test]
    fn one_list_may_take_out_what_another_blocks() {
        let tables = [table("a.example\nb.example", 9), table("@@||a.example^\nc.example", 9)];
        let looked = ["a.example", "b.example", "x.c.example", "d.example"].map(|name| look(&tables, name));
        assert_eq!(looked, [Listed::Allowed, Listed::Blocked(0), Listed::Blocked(1), Listed::No]);
        assert_eq!(look(&[], "a.example"), Listed::No);
    }

    #[test]
    fn a_name_takes_seven_bytes_and_none_is_lost() {
        const NAMES: usize = 200_000;
        let text: String = (0..NAMES).map(|number| format!("0.0.0.0 host{number}.blocked.example\n")).collect();
        let tables = [table(&(text.clone() + &text), usize::MAX)];
        assert_eq!(tables[0].len(), NAMES, "those that stand there twice are kept once");
        assert!(tables[0].bytes() < 7 * NAMES, "five million take 30 MB: {}", tables[0].bytes());
        for number in 0..NAMES {
            assert_eq!(look(&tables, &format!("host{number}.blocked.example")), Listed::Blocked(0));
            assert_eq!(look(&tables, &format!("host{number}.other.example")), Listed::No);
        }
    }

    #[test]
    fn what_finds_no_room_is_left_out_and_lists_may_change_while_they_are_read() {
        let full = table("a.example\nb.example\nc.example", 2);
        assert_eq!((full.len(), full.left_out()), (2, 1));
        let mut turn = 0;
        let grows = |each: &mut dyn FnMut(&str)| {
            turn += 1;
            (0..turn * 1000).for_each(|number| each(&format!("n{number}.example")));
            Ok(())
        };
        assert!(Table::read(Key::random(), 20_000, 1 << 20, grows).unwrap().len() <= 1000);
        let mut turn = 3;
        let shrinks = |each: &mut dyn FnMut(&str)| {
            turn -= 1;
            (0..turn * 1000).for_each(|number| each(&format!("n{number}.example")));
            Ok(())
        };
        let table = Table::read(Key::random(), 20_000, 1 << 20, shrinks).unwrap();
        assert_eq!(table.len(), 1000);
        assert_eq!(look(&[table], "n999.example"), Listed::Blocked(0));
    }
}
