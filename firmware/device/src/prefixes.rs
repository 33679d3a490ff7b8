//! The office's own addresses of the internet, where it has IPv6: the prefixes that its router advertises on the one cable the
//! puck hangs on. Their hosts are served like those of the IPv4 network; what is behind the router is not on the cable.
//!
//! They are remembered, so that the next start knows them at once: another one costs the office a restart of the daemon.

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
/// Between two restarts of the daemon because of one: whoever sends advertisements could have them again and again otherwise.
const PAUSE: Duration = Duration::from_secs(10 * 60);
const LOOK: Duration = Duration::from_secs(5);
/// So many are served, the newest first.
const MOST: usize = 4;
/// An address that is being probed, was found to be another's, or is on its way out (linux/if_addr.h).
const UNUSABLE: u32 = 0x40 | 0x08 | 0x20;
/// The longest, and the only one that hosts configure themselves by.
const LENGTH: u32 = 64;

/// Those that are served.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    served: Vec<Ipv6Addr>,
    looked: Option<Instant>,
    changed: Option<Instant>,
    remembering: Beside,
}

impl Prefixes {
    /// Those of the last start.
    pub(crate) fn remembered() -> Self {
        let text = fs::read_to_string(FILE).unwrap_or_default();
        let read = text.lines().take(MOST).filter_map(|line| line.parse().ok());
        Self { served: read.filter_map(prefix).collect(), ..Self::default() }
    }

    /// As `identity.lan` takes them.
    pub(crate) fn served(&self) -> Vec<String> {
        self.served.iter().map(|prefix| format!("{prefix}/{LENGTH}")).collect()
    }

    /// Whether there is one that is not served, and it is not too soon for it; it is from now on.
    pub(crate) fn change(&mut self, now: Instant) -> bool {
        let soon = |last: Option<Instant>, pause| last.is_some_and(|last| now - last < pause);
        if soon(self.looked, LOOK) || soon(self.changed, PAUSE) {
            return false;
        }
        self.looked = Some(now);
        let present = on_the_cable(&fs::read_to_string(ADDRESSES).unwrap_or_default());
        if !self.take(&present) {
            return false;
        }
        self.changed = Some(now);
        say!("the office has {}", self.served().join(", "));
        let text: String = self.served.iter().map(|prefix| format!("{prefix}\n")).collect();
        self.remembering.begin(move || remember(&text));
        true
    }

    /// Those that are there now come first; one that went stays until there is no room for it.
    fn take(&mut self, present: &[Ipv6Addr]) -> bool {
        if present.iter().take(MOST).all(|prefix| self.served.contains(prefix)) {
            return false;
        }
        let former = self.served.iter().filter(|prefix| !present.contains(prefix));
        self.served = present.iter().chain(former).copied().take(MOST).collect();
        true
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
    use super::{MOST, Prefixes, on_the_cable};

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

    #[test]
    fn a_prefix_that_went_stays_until_there_is_no_room_for_it() {
        let of = |number: u16| format!("2001:db8:{number:x}::").parse().expect("an address");
        let mut prefixes = Prefixes::default();
        assert!(!prefixes.take(&[]), "an office without IPv6");
        assert!(prefixes.take(&[of(1)]) && !prefixes.take(&[of(1)]));
        assert!(!prefixes.take(&[]), "an advertisement that was missed costs nothing");
        for number in 2..=9 {
            assert!(prefixes.take(&[of(number)]));
        }
        assert_eq!(prefixes.served().len(), MOST);
        assert_eq!(prefixes.served()[..2], ["2001:db8:9::/64", "2001:db8:8::/64"]);
        let many: Vec<_> = (20..30).map(of).collect();
        assert!(
            prefixes.take(&many) && !prefixes.take(&many),
            "more than are served are no reason to restart for ever"
        );
    }
}
