//! Watching for ways around this resolver: who asks for encrypted resolvers and VPNs, who tries the canaries, and who is on
//! the wire and never asks at all.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use gate_core::{DnsBypass, DnsDevice};
use tokio::time::Instant;

use super::Notice;

/// Devices remembered, of each kind of table here; an office has fewer. Addresses can be forged, memory cannot.
const DEVICES: usize = 1024;
/// Clients that were heard within a day; with more nobody is called silent, because it could not be told any more.
const HEARD: usize = 8192;
/// Whoever asked nothing for so long makes room for others: devices change their addresses every day (RFC 8981).
const FORGET: Duration = Duration::from_secs(86_400);
/// A device that the kernel's table has not held for so long has left…
const GONE: Duration = Duration::from_secs(60);
/// … or one that only multicast told of, which need not say anything for long.
const GONE_UNHEARD: Duration = Duration::from_secs(7200);
/// Ways around that are named for one device in one record.
const NAMES: usize = 16;
/// How often it is told again that a device never asks.
const AGAIN: Duration = Duration::from_secs(3600);

/// One device on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hardware {
    /// Its hardware address: all its network addresses are one device.
    Address([u8; 6]),
    /// Only one network address is known.
    Unknown(IpAddr),
}

impl Hardware {
    /// How long it is remembered when nothing is seen of it.
    fn gone(&self) -> Duration {
        match self {
            Self::Address(_) => GONE,
            Self::Unknown(_) => GONE_UNHEARD,
        }
    }
}

/// What is known of all devices.
#[derive(Debug)]
pub(crate) struct Devices {
    since: Instant,
    noticed: HashMap<IpAddr, DnsDevice>,
    /// Who has asked, and when it was last written down.
    heard: HashMap<IpAddr, Instant>,
    wire: HashMap<Hardware, OnWire>,
    /// How long a device may be silent before that is told; zero: for ever.
    silence: Duration,
}

/// A device that was seen.
#[derive(Debug)]
struct OnWire {
    first: Instant,
    last: Instant,
    addresses: Vec<IpAddr>,
    told: Option<Instant>,
}

impl Devices {
    pub(crate) fn new(silence: Duration) -> Self {
        let (noticed, heard, wire) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { since: Instant::now(), noticed, heard, wire, silence }
    }

    /// A client has asked.
    pub(crate) fn hear(&mut self, client: IpAddr) {
        if self.heard.len() < HEARD || self.heard.contains_key(&client) {
            self.heard.insert(client, Instant::now());
        }
    }

    /// A client has asked for something that is to be noticed; its `name` is kept unless the client is `silent`.
    pub(crate) fn notice(&mut self, client: IpAddr, notice: &Notice, name: &str, silent: bool) {
        if self.noticed.len() >= DEVICES && !self.noticed.contains_key(&client) {
            return;
        }
        let device = self.noticed.entry(client).or_insert_with(|| blank(client));
        match notice {
            Notice::Nothing => {}
            Notice::Steered => device.steered = device.steered.saturating_add(1),
            Notice::Canary => device.canaries = device.canaries.saturating_add(1),
            Notice::Bypass { vendor } => {
                let known = device.bypass.iter().position(|one| one.name == name);
                let room = !silent && device.bypass.len() < NAMES;
                if known.is_none() && room {
                    device.bypass.push(DnsBypass { name: name.to_owned(), vendor: vendor.clone(), count: 0 });
                }
                let at = known.or(room.then(|| device.bypass.len() - 1));
                let count = at.map_or(&mut device.bypass_unnamed, |at| &mut device.bypass[at].count);
                *count = count.saturating_add(1);
            }
        }
    }

    /// Who was seen on the wire lately, whether or not it asked.
    pub(crate) fn see(&mut self, seen: &[(Hardware, IpAddr)], now: Instant) {
        // Addresses that only multicast told of belong to the device whose hardware the kernel knows.
        let known: HashSet<IpAddr> =
            seen.iter().filter(|(hardware, _)| matches!(hardware, Hardware::Address(_))).map(|(_, ip)| *ip).collect();
        for (hardware, address) in seen {
            let told_elsewhere = matches!(hardware, Hardware::Unknown(_)) && known.contains(address);
            if told_elsewhere || self.wire.len() >= DEVICES && !self.wire.contains_key(hardware) {
                continue;
            }
            let new = OnWire { first: now, last: now, addresses: Vec::new(), told: None };
            let device = self.wire.entry(*hardware).or_insert(new);
            device.last = now;
            if !device.addresses.contains(address) && device.addresses.len() < NAMES {
                device.addresses.push(*address);
            }
        }
        self.wire.retain(|hardware, _| !matches!(hardware, Hardware::Unknown(ip) if known.contains(ip)));
    }

    /// Those that are on the wire and never ask, by now.
    pub(crate) fn silent(&self) -> Vec<IpAddr> {
        let mut silent: Vec<_> =
            self.wire.values().filter(|device| device.told.is_some()).filter_map(OnWire::address).collect();
        silent.sort_unstable();
        silent
    }

    /// The addresses of devices that are silent, or soon will be called so: whoever knocks there learns whether they are still
    /// there.
    pub(crate) fn quiet(&self, now: Instant) -> Vec<IpAddr> {
        let quiet = |device: &&OnWire| {
            device.told.is_some()
                || !self.asks(device) && now.saturating_duration_since(device.first) + GONE >= self.silence
        };
        let devices = self.wire.values().filter(|_| !self.silence.is_zero()).filter(quiet);
        devices.flat_map(|device| device.addresses.iter().copied()).collect()
    }

    fn asks(&self, device: &OnWire) -> bool {
        device.addresses.iter().any(|address| self.heard.contains_key(address))
    }

    /// Empties what was noticed: a record for each device of which there is something to tell.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<DnsDevice> {
        let seconds = u32::try_from(now.saturating_duration_since(self.since).as_secs()).unwrap_or(u32::MAX);
        self.since = now;
        let mut devices: Vec<_> = std::mem::take(&mut self.noticed).into_values().collect();
        devices.extend(self.turns(now));
        devices.sort_by_key(|device| device.client);
        devices.into_iter().map(|device| DnsDevice { seconds, ..device }).collect()
    }

    /// Devices that have been silent for long, and those that were and now ask.
    fn turns(&mut self, now: Instant) -> Vec<DnsDevice> {
        let mut turns = Vec::new();
        self.wire.retain(|hardware, device| now.saturating_duration_since(device.last) < hardware.gone());
        if self.heard.len() >= HEARD {
            self.heard.retain(|_, at| now.saturating_duration_since(*at) < FORGET);
        }
        if self.silence.is_zero() || self.heard.len() >= HEARD {
            return turns;
        }
        for device in self.wire.values_mut() {
            let Some(client) = device.address() else { continue };
            let asks = device.addresses.iter().any(|address| self.heard.contains_key(address));
            let news = match device.told {
                Some(_) if asks => true,
                Some(told) => now.duration_since(told) >= AGAIN,
                None => !asks && now.duration_since(device.first) >= self.silence,
            };
            if news {
                device.told = (!asks).then_some(now);
                turns.push(DnsDevice { never_asks: !asks, ..blank(client) });
            }
        }
        turns
    }
}

impl OnWire {
    /// The address that people know it by.
    fn address(&self) -> Option<IpAddr> {
        self.addresses.iter().min().copied()
    }
}

fn blank(client: IpAddr) -> DnsDevice {
    DnsDevice { client, seconds: 0, steered: 0, canaries: 0, bypass: Vec::new(), bypass_unnamed: 0, never_asks: false }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{DEVICES, Devices, FORGET, HEARD, Hardware, NAMES, Notice};

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn bypass() -> Notice {
        Notice::Bypass { vendor: "vpn".to_owned() }
    }

    #[test]
    fn ways_around_are_counted_for_each_device_and_silent_ones_are_not_named() {
        let mut devices = Devices::new(Duration::ZERO);
        for (client, notice, name, silent) in [
            ("192.0.2.1", bypass(), "vpn.example", false),
            ("192.0.2.1", bypass(), "vpn.example", false),
            ("192.0.2.1", Notice::Canary, "use-application-dns.net", false),
            ("192.0.2.2", bypass(), "vpn.example", true),
            ("192.0.2.2", Notice::Steered, "api.example", true),
        ] {
            devices.notice(ip(client), &notice, name, silent);
        }
        let taken = devices.take(Instant::now());
        let told: Vec<_> = taken
            .iter()
            .map(|d| (d.bypass.iter().map(|one| (one.name.as_str(), one.count)).collect::<Vec<_>>(), d.bypass_unnamed))
            .collect();
        assert_eq!(told, [(vec![("vpn.example", 2)], 0), (vec![], 1)]);
        assert_eq!((taken[0].canaries, taken[0].bypasses(), taken[1].steered), (1, 2, 1));
        assert!(devices.take(Instant::now()).is_empty(), "counting starts again");
    }

    #[test]
    fn forged_clients_and_endless_names_take_bounded_memory() {
        let mut devices = Devices::new(Duration::ZERO);
        for number in 0..2 * DEVICES as u128 {
            devices.notice(Ipv6Addr::from(number).into(), &Notice::Canary, "", false);
        }
        for number in 0..100 {
            devices.notice(Ipv6Addr::from(1).into(), &bypass(), &format!("{number}.example"), false);
        }
        let taken = devices.take(Instant::now());
        assert_eq!(taken.len(), DEVICES);
        assert_eq!((taken[1].bypass.len(), taken[1].bypass_unnamed), (NAMES, 100 - NAMES as u32));
    }

    #[test]
    fn a_device_is_silent_until_one_of_its_addresses_asks() {
        let (mut devices, start) = (Devices::new(Duration::from_secs(900)), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let seen = [
            (Hardware::Address([1; 6]), ip("192.0.2.1")),
            (Hardware::Address([1; 6]), ip("2001:db8::1")),
            (Hardware::Address([2; 6]), ip("192.0.2.2")),
            (Hardware::Unknown(ip("192.0.2.2")), ip("192.0.2.2")),
            (Hardware::Unknown(ip("192.0.2.3")), ip("192.0.2.3")),
        ];
        devices.see(&seen, at(0));
        devices.hear(ip("2001:db8::1"));
        (0..18).for_each(|time| devices.see(&seen, at(50 * time)));
        assert!(devices.quiet(at(800)).is_empty() && devices.take(at(899)).is_empty(), "too early to tell");
        let mut quiet = devices.quiet(at(899));
        quiet.sort_unstable();
        assert_eq!(quiet, [ip("192.0.2.2"), ip("192.0.2.3")], "it is looked whether they are still there");
        let silent = |devices: &mut Devices, now| {
            devices.see(&seen, now);
            devices.take(now).iter().map(|device| (device.client, device.never_asks)).collect::<Vec<_>>()
        };
        assert_eq!(silent(&mut devices, at(900)), [(ip("192.0.2.2"), true), (ip("192.0.2.3"), true)]);
        assert_eq!(devices.silent(), [ip("192.0.2.2"), ip("192.0.2.3")]);
        assert!(silent(&mut devices, at(1000)).is_empty(), "told once an hour");
        devices.hear(ip("192.0.2.3"));
        assert_eq!(silent(&mut devices, at(1001)), [(ip("192.0.2.3"), false)], "it asks now");
        (20..90).for_each(|time| devices.see(&seen, at(50 * time)));
        assert_eq!(silent(&mut devices, at(4501)), [(ip("192.0.2.2"), true)]);
        devices.see(&seen[..2], at(4550));
        assert!(devices.take(at(4562)).is_empty() && devices.silent().is_empty(), "whoever left is not silent");
    }

    #[test]
    fn with_too_many_clients_nobody_is_called_silent() {
        let (mut devices, start) = (Devices::new(Duration::from_secs(1)), Instant::now());
        let seen = [(Hardware::Address([1; 6]), ip("192.0.2.1"))];
        devices.see(&seen, start);
        (0..HEARD as u128).for_each(|number| devices.hear(Ipv6Addr::from(number).into()));
        assert!(devices.take(start + Duration::from_secs(2)).is_empty());
        let later = start + FORGET + Duration::from_secs(10);
        devices.see(&seen, later);
        let told = devices.take(later);
        assert!(told.len() == 1 && told[0].never_asks, "addresses of yesterday do not count for ever");
    }
}
