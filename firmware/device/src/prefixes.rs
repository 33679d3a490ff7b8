//! The office's own addresses of the internet, where it has IPv6: the prefixes that its router advertises on the one cable the
//! puck hangs on. Their hosts are served like those of the IPv4 network; what is behind the router is not on the cable.
//!
//! They are remembered, so that the next start knows them at once: another one costs the office a restart of the daemon. One
//! that is advertised no more is forgotten: it may be another customer's by now, and whoever forged one goes home.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::advertised::{Address, addresses};
use crate::beside::Beside;
use crate::log::say;
use crate::{lease, network};

const FILE: &str = "/data/state/puck/prefixes";
/// Between two restarts of the daemon because of one, twice as long after each and at most the longest, until it was quiet
/// for so long: whoever sends advertisements could have them again and again otherwise.
const PAUSE: Duration = Duration::from_secs(10 * 60);
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
const QUIET: Duration = Duration::from_secs(12 * 3600);
/// One that was not advertised for so long is forgotten, however long the last advertisement wanted it to live: whoever forged
/// that one may have said for ever. A router repeats itself within 30 minutes (RFC 4861, section 6.2.1), so some missed ones
/// cost nothing. A puck that is switched off every evening forgets, too.
const GONE: Duration = Duration::from_secs(2 * 3600);
const LOOK: Duration = Duration::from_secs(5);
/// So many are served. What is served and there gives way to nothing new: nobody pushes the office's own out.
const MOST: usize = 4;
/// The longest file that they are read from.
const LONGEST: u64 = 512;
/// An address that is being probed, was found to be another's, or is on its way out (linux/if_addr.h).
const UNUSABLE: u32 = 0x40 | 0x08 | 0x20;
/// The longest, and the only one that hosts configure themselves by.
const LENGTH: u8 = 64;

/// One that is served.
#[derive(Clone, Copy, Debug)]
struct Served {
    prefix: Ipv6Addr,
    /// When it was advertised last; the start, for one that is only remembered.
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
        let addresses = network::number().map_or_else(|| Ok(Vec::new()), addresses).unwrap_or_else(|error| {
            say!("the office's prefixes cannot be told: {error}");
            Vec::new()
        });
        if !self.follow(&on_the_cable(&addresses, now), now) {
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

    /// Takes what is advertised, each with when it was last.
    fn follow(&mut self, advertised: &[(Ipv6Addr, Instant)], now: Instant) -> bool {
        let present: Vec<Ipv6Addr> =
            advertised.iter().filter(|(_, last)| now - *last < GONE).map(|(prefix, _)| *prefix).collect();
        for served in &mut self.served {
            let last = advertised.iter().filter(|(prefix, _)| *prefix == served.prefix).map(|(_, last)| *last);
            served.seen = last.fold(served.seen, Instant::max);
        }
        let soon = self.changed.is_some_and(|(last, pause)| now - last < pause);
        if soon || !self.take(&present, now) {
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

/// The prefixes of the interface's addresses that are the internet's, and when each was advertised last.
fn on_the_cable(addresses: &[Address], now: Instant) -> Vec<(Ipv6Addr, Instant)> {
    let mut found: Vec<(Ipv6Addr, Instant)> = Vec::new();
    for Address { address, length, flags, ago } in addresses {
        let usable = flags & UNUSABLE == 0 && *length == LENGTH;
        let last = now.checked_sub(*ago);
        let (Some(prefix), Some(last)) = (prefix(*address).filter(|_| usable), last) else { continue };
        match found.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, known)) => *known = last.max(*known),
            None => found.push((prefix, last)),
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

    use super::{Address, GONE, LOOK, MOST, PAUSE, Prefixes, on_the_cable};

    #[test]
    fn the_cables_prefixes_are_those_of_usable_addresses_of_the_internet() {
        let now = Instant::now();
        let address = |address: &str, length, flags, ago| {
            let address = address.parse().expect("an address");
            Address { address, length, flags, ago: Duration::from_secs(ago) }
        };
        // Link-local, unique local, one of the internet with one for privacy, on its way out, being probed, too long.
        let all = [
            address("fe80::5054:ff:fe4e:4753", 64, 0x80, 9),
            address("fd00:0:0:1::7", 64, 0, 9),
            address("2001:db8:1::7", 64, 0, 9),
            address("2001:db8:1::8", 64, 1, 4),
            address("2001:db8:2::7", 64, 0x20, 9),
            address("2001:db8:3::7", 64, 0x40, 9),
            address("2001:db8:4::7", 128, 0, 9),
        ];
        assert_eq!(on_the_cable(&all, now), [(of(1), now - Duration::from_secs(4))]);
        assert!(on_the_cable(&[], now).is_empty());
    }

    fn of(number: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0)
    }

    /// Advertised at a moment.
    fn at(numbers: &[u16], moment: Instant) -> Vec<(Ipv6Addr, Instant)> {
        numbers.iter().map(|number| (of(*number), moment)).collect()
    }

    fn served(prefixes: &Prefixes) -> Vec<u16> {
        prefixes.served.iter().map(|served| served.prefix.segments()[2]).collect()
    }

    #[test]
    fn a_prefix_that_went_stays_for_a_while_and_is_forgotten_then() {
        let begun = Instant::now();
        let mut prefixes = Prefixes::default();
        assert!(!prefixes.follow(&[], begun), "an office without IPv6");
        assert!(prefixes.follow(&at(&[1, 2], begun), begun) && !prefixes.follow(&at(&[1, 2], begun), begun));
        let last = begun + 5 * GONE;
        assert!(!prefixes.follow(&at(&[1, 2], last), last), "what is advertised never ages");
        let now = last + GONE - LOOK;
        assert!(!prefixes.follow(&at(&[1], now), now), "an advertisement that was missed costs nothing");
        assert_eq!(served(&prefixes), [1, 2]);
        let now = last + GONE;
        assert!(prefixes.follow(&at(&[1], now), now), "it is somebody else's");
        assert_eq!(prefixes.served(), ["2001:db8:1::/64"]);
        assert!(prefixes.follow(&[], last + 3 * GONE) && prefixes.served().is_empty());
    }

    #[test]
    fn an_address_that_was_to_live_for_ever_is_none_of_the_offices_without_an_advertisement() {
        let begun = Instant::now();
        let (mut prefixes, forged) = (Prefixes::default(), (of(6), begun));
        assert!(prefixes.follow(&[(of(1), begun), forged], begun));
        let now = begun + GONE;
        assert!(prefixes.follow(&[(of(1), now), forged], now), "the kernel has it still");
        assert_eq!(served(&prefixes), [1]);
        assert!(!prefixes.follow(&[(of(1), now + PAUSE), forged], now + PAUSE));
    }

    #[test]
    fn what_was_remembered_is_forgotten_where_nobody_advertises_it() {
        let begun = Instant::now();
        let text = "2001:db8:1::\nnonsense\nfd00::\n2001:db8:2::7\n2001:db8:3::\n";
        let mut prefixes = Prefixes::from_text(text, begun);
        assert_eq!(served(&prefixes), [1, 2], "the fifth line is one too many");
        let now = begun + GONE;
        assert!(!prefixes.follow(&at(&[2], now - LOOK), now - LOOK));
        assert!(prefixes.follow(&at(&[2], now), now));
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
            if prefixes.follow(&at(&[0, minute + 1], now), now) {
                changes.push(minute);
            }
        }
        assert_eq!(changes[..6], [0, 10, 30, 70, 150, 310]);
        assert!(changes.len() < 15, "{changes:?}");
        assert_eq!(served(&prefixes)[0], 0, "the office's own stays");
        // A day of renumbering: the new one at once, the old one forgotten within hours.
        let now = begun + Duration::from_secs(3 * 24 * 3600);
        assert!(prefixes.follow(&at(&[9000], now), now) && served(&prefixes) == [9000]);
        assert_eq!(prefixes.changed, Some((now, PAUSE)), "it was quiet");
    }
}
