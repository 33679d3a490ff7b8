//! The office's own addresses of the internet, where it has IPv6: the prefixes that its router advertises on the one cable the
//! puck hangs on. Their hosts are served like those of the IPv4 network; what is behind the router is not on the cable.
//!
//! They are remembered, so that the next start knows them at once: another one costs the office a restart of the daemon. One
//! that is advertised no more is forgotten: it may be another customer's by now, and whoever forged one goes home.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::beside::Beside;
use crate::lease;
use crate::log::say;
use crate::network::INTERFACE;

/// What the kernel gave itself (RFC 4862): an address in hexadecimal, the interface's number, the prefix's length, scope,
/// flags and the interface's name.
const ADDRESSES: &str = "/proc/net/if_inet6";
const FILE: &str = "/data/state/puck/prefixes";
/// Between two restarts of the daemon because of one, twice as long after each and at most the longest, until it was quiet
/// for so long: whoever sends advertisements could have them again and again otherwise.
const PAUSE: Duration = Duration::from_secs(10 * 60);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
const QUIET: Duration = Duration::from_secs(12 * 3600);
/// One that was not there for so long is forgotten. The kernel keeps it beyond the last advertisement for as long as that
/// said, so a missed one costs nothing. A puck that is switched off every evening forgets, too.
const GONE: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_secs(5);
/// So many are served. What is served and there gives way to nothing new: nobody pushes the office's own out.
const MOST: usize = 4;
/// The longest file that they are read from.
const LONGEST: u64 = 512;
/// An address that is being probed, was found to be another's, or is on its way out (linux/if_addr.h).
const UNUSABLE: u32 = 0x40 | 0x08 | 0x20;
/// The longest, and the only one that hosts configure themselves by.
const LENGTH: u32 = 64;

/// One that is served.
#[derive(Clone, Copy, Debug)]
struct Served {
    prefix: Ipv6Addr,
    /// When it was there last; the start, for one that is only remembered.
    seen: Instant,
}

/// Those that are served.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    served: Vec<Served>,
    looked: Option<Instant>,
    /// The last change, and how soon after it the next one may be.
    changed: Option<(Instant, Duration)>,
    remembering: Beside,
}

impl Prefixes {
    /// Those of the last start.
    pub(crate) fn remembered(now: Instant) -> Self {
        Self::from_text(&lease::plain(Path::new(FILE), LONGEST).unwrap_or_default(), now)
    }

    fn from_text(text: &str, now: Instant) -> Self {
        let read = text.lines().take(MOST).filter_map(|line| prefix(line.parse().ok()?));
        Self { served: read.map(|prefix| Served { prefix, seen: now }).collect(), ..Self::default() }
    }

    /// As `identity.lan` takes them.
    pub(crate) fn served(&self) -> Vec<String> {
        self.served.iter().map(|served| format!("{}/{LENGTH}", served.prefix)).collect()
    }

    /// Whether others are served from now on: one came that was not, or one went long ago, and it is not too soon.
    pub(crate) fn change(&mut self, now: Instant) -> bool {
        if self.looked.is_some_and(|looked| now - looked < LOOK) {
            return false;
        }
        self.looked = Some(now);
        let present = on_the_cable(&fs::read_to_string(ADDRESSES).unwrap_or_default());
        if !self.follow(&present, now) {
            return false;
        }
        match self.served().as_slice() {
            [] => say!("the office has no prefix of IPv6 any more"),
            served => say!("the office has {}", served.join(", ")),
        }
        let text: String = self.served.iter().map(|served| format!("{}\n", served.prefix)).collect();
        self.remembering.begin(move || remember(&text));
        true
    }

    fn follow(&mut self, present: &[Ipv6Addr], now: Instant) -> bool {
        for served in self.served.iter_mut().filter(|served| present.contains(&served.prefix)) {
            served.seen = now;
        }
        let soon = self.changed.is_some_and(|(last, pause)| now - last < pause);
        if soon || !self.take(present, now) {
            return false;
        }
        let before = self.changed.filter(|(last, _)| now - *last < QUIET);
        self.changed = Some((now, before.map_or(PAUSE, |(_, pause)| LONGEST_PAUSE.min(pause * 2))));
        true
    }

    /// Those that are served and there come first, then new ones as far as there is room, then those that went not long ago.
    fn take(&mut self, present: &[Ipv6Addr], now: Instant) -> bool {
        let known = self.served.len();
        self.served.retain(|served| now - served.seen < GONE);
        let forgot = self.served.len() < known;
        let (mut next, former): (Vec<_>, Vec<_>) =
            self.served.iter().copied().partition(|served| present.contains(&served.prefix));
        let there = next.len();
        let is_new = |prefix: &&Ipv6Addr| !next.iter().any(|served| served.prefix == **prefix);
        let new: Vec<_> = present.iter().filter(is_new).take(MOST - there).copied().collect();
        next.extend(new.into_iter().map(|prefix| Served { prefix, seen: now }));
        let came = next.len() > there;
        next.extend(former);
        next.truncate(MOST);
        self.served = next;
        forgot || came
    }
}

/// The prefixes of the interface's addresses that are the internet's.
fn on_the_cable(text: &str) -> Vec<Ipv6Addr> {
    let mut found: Vec<Ipv6Addr> = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, length, _, flags, INTERFACE] = words[..] else { continue };
        let number = |text| u32::from_str_radix(text, 16).ok();
        let usable = number(flags).is_some_and(|flags| flags & UNUSABLE == 0) && number(length) == Some(LENGTH);
        let address = u128::from_str_radix(address, 16).ok().filter(|_| usable);
        if let Some(prefix) = address.and_then(|address| prefix(address.into()))
            && !found.contains(&prefix)
        {
            found.push(prefix);
        }
    }
    found
}

/// The prefix of an address of the internet (RFC 4291, section 2.4: those in use are 2000::/3).
fn prefix(address: Ipv6Addr) -> Option<Ipv6Addr> {
    let bits = address.to_bits();
    (bits >> 125 == 1).then(|| Ipv6Addr::from_bits(bits >> LENGTH << LENGTH))
}

fn remember(text: &str) {
    let file = Path::new(FILE);
    let kept = fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))
        .and_then(|()| lease::replace(file, text.as_bytes()));
    if let Err(error) = kept {
        say!("the office's prefixes cannot be remembered: {error}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::time::{Duration, Instant};

    use super::{GONE, LOOK, MOST, PAUSE, Prefixes, on_the_cable};

    /// As a kernel prints them: link-local, unique local, two of the internet, one on its way out, one of another interface.
    const TEXT: &str = "\
fe80000000000000505400fffe4e4753 02 40 20 80     eth0
fd00000000000001505400fffe4e4753 02 40 00 00     eth0
20010db800010000505400fffe4e4753 02 40 00 00     eth0
20010db800010000aaaaaaaaaaaaaaaa 02 40 00 01     eth0
20010db800020000505400fffe4e4753 02 40 00 20     eth0
20010db800030000505400fffe4e4753 02 40 00 40     eth0
20010db800040000505400fffe4e4753 02 80 00 00     eth0
20010db800050000505400fffe4e4753 03 40 00 00     eth1
00000000000000000000000000000001 01 80 10 80       lo
20010db8 nonsense
";

    #[test]
    fn the_cables_prefixes_are_those_of_usable_addresses_of_the_internet() {
        let found: Vec<String> = on_the_cable(TEXT).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["2001:db8:1::"]);
        assert!(on_the_cable("").is_empty());
    }

    fn of(number: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0)
    }

    fn served(prefixes: &Prefixes) -> Vec<u16> {
        prefixes.served.iter().map(|served| served.prefix.segments()[2]).collect()
    }

    #[test]
    fn a_prefix_that_went_stays_for_a_while_and_is_forgotten_then() {
        let begun = Instant::now();
        let mut prefixes = Prefixes::default();
        assert!(!prefixes.follow(&[], begun), "an office without IPv6");
        assert!(prefixes.follow(&[of(1), of(2)], begun) && !prefixes.follow(&[of(1), of(2)], begun));
        let last = begun + 5 * GONE;
        assert!(!prefixes.follow(&[of(1), of(2)], last), "what is there never ages");
        assert!(!prefixes.follow(&[of(1)], last + GONE - LOOK), "an advertisement that was missed costs nothing");
        assert_eq!(served(&prefixes), [1, 2]);
        assert!(prefixes.follow(&[of(1)], last + GONE), "it is somebody else's");
        assert_eq!(prefixes.served(), ["2001:db8:1::/64"]);
        assert!(prefixes.follow(&[], last + 3 * GONE) && prefixes.served().is_empty());
    }

    #[test]
    fn what_was_remembered_is_forgotten_where_nobody_advertises_it() {
        let begun = Instant::now();
        let text = "2001:db8:1::\nnonsense\nfd00::\n2001:db8:2::7\n2001:db8:3::\n";
        let mut prefixes = Prefixes::from_text(text, begun);
        assert_eq!(served(&prefixes), [1, 2], "the fifth line is one too many");
        assert!(!prefixes.follow(&[of(2)], begun + GONE - LOOK));
        assert!(prefixes.follow(&[of(2)], begun + GONE));
        assert_eq!(served(&prefixes), [2]);
    }

    #[test]
    fn nobody_pushes_out_what_is_served_and_there() {
        let begun = Instant::now();
        let (one, six): (_, Vec<_>) = ([of(1)], (0..6).map(of).collect());
        let turned: Vec<_> = six.iter().rev().copied().collect();
        for (first, then) in [(&six, &turned), (&turned, &six)] {
            let mut prefixes = Prefixes::default();
            assert!(prefixes.take(&one, begun) && prefixes.take(first, begun));
            assert_eq!((served(&prefixes)[0], prefixes.served.len()), (1, MOST));
            let before = served(&prefixes);
            assert!(!prefixes.take(then, begun) && !prefixes.take(first, begun), "no reason to restart for ever");
            assert_eq!(served(&prefixes), before);
            assert!(prefixes.take(&[of(1), of(7)], begun), "one that went makes room");
            assert_eq!(served(&prefixes)[..2], [1, 7]);
        }
    }

    #[test]
    fn whoever_sends_advertisements_gets_ever_fewer_restarts() {
        let (mut prefixes, begun) = (Prefixes::default(), Instant::now());
        let mut changes = Vec::new();
        for minute in 0..2 * 24 * 60_u16 {
            let now = begun + Duration::from_secs(60) * u32::from(minute);
            if prefixes.follow(&[of(0), of(minute + 1)], now) {
                changes.push(minute);
            }
        }
        assert_eq!(changes[..6], [0, 10, 30, 70, 150, 310]);
        assert!(changes.len() < 15, "{changes:?}");
        assert_eq!(served(&prefixes)[0], 0, "the office's own stays");
        // A day of renumbering: the new one at once, the old one forgotten within the hour.
        let (now, new) = (begun + Duration::from_secs(3 * 24 * 3600), [of(9000)]);
        assert!(prefixes.follow(&new, now) && served(&prefixes) == [9000]);
        assert_eq!(prefixes.changed, Some((now, PAUSE)), "it was quiet");
    }
}
