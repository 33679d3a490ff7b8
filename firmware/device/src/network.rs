//! The puck's address: from the owner's file, from DHCP, the last one known, or one that it gives itself. Whichever it is,
//! the office's DNS must not wait for it for ever.

use std::fmt::{self, Display};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::beside::Beside;
use crate::lease::{self, Lease};
use crate::log::{self, say};
use crate::services::{May, Program, Services};

pub(crate) const INTERFACE: &str = "eth0";
/// What the kernel says of the interface.
pub(crate) const LINK: &str = "/sys/class/net/eth0";
/// Between two looks whether the interface is up: its driver may come any time, and again.
const LOOK: Duration = Duration::from_secs(1);
/// In the flags of an interface (netdevice(7)).
const IFF_UP: u32 = 1;
const DHCP: &str = "udhcpc";
/// Whom udhcpc runs as; beside the numbers that office.rs gives others.
const USER: u32 = 0x7f4e_4714;
/// The owner's wish for a fixed address.
const FIXED: &str = "/data/config/network.toml";
const LONGEST: u64 = 4096;
/// How long DHCP may keep the office waiting.
const PATIENCE: Duration = Duration::from_secs(12);
/// Taken where there never was a DHCP server: link-local (RFC 3927), found by mDNS. Where another puck has it, one of those
/// behind it.
const OWN: Ipv4Addr = Ipv4Addr::new(169, 254, 53, 53);
const OTHERS: u32 = 8;
/// All probes together: the loop that feeds the watchdog waits for them, and it bites after 15 s. Each takes 2 s at most,
/// the last may begin just before this is over, and the address of before takes one more.
const PROBING: Duration = Duration::from_secs(4);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixed {
    /// `192.0.2.53/24`
    address: String,
    router: Option<Ipv4Addr>,
}

/// A fixed address, as the owner wants it; as text `192.0.2.53/24 192.0.2.1`, the router last, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    ip: Ipv4Addr,
    prefix: u8,
    router: Option<Ipv4Addr>,
}

impl Address {
    fn new(address: &str, router: Option<Ipv4Addr>) -> Result<Self, &'static str> {
        let (ip, prefix) = address.split_once('/').ok_or("address is not of the form 192.0.2.53/24")?;
        let ip: Ipv4Addr = ip.parse().map_err(|_| "address is no IPv4 address")?;
        let usable = !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast() && !ip.is_broadcast();
        let prefix = prefix.parse().ok().filter(|prefix| usable && (1..=30).contains(prefix));
        Ok(Self { ip, prefix: prefix.ok_or("address is none for a host, or has no usable prefix")?, router })
    }

    /// Whoever routes for an office answers its questions for names, too: the rescue system asks nobody else.
    fn lease(self) -> Lease {
        let routers: Vec<_> = self.router.into_iter().collect();
        Lease { resolvers: routers.clone(), routers, ..Lease::at(self.ip, self.prefix) }
    }
}

impl Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.ip, self.prefix)?;
        self.router.map_or(Ok(()), |router| write!(out, " {router}"))
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, router) = text.split_once(' ').unwrap_or((text, ""));
        let router =
            (!router.is_empty()).then(|| router.parse().map_err(|_| "router is no IPv4 address")).transpose()?;
        Self::new(address, router)
    }
}

/// Where the address comes from, and what it is.
#[derive(Debug)]
pub(crate) struct Network {
    begun: Instant,
    looked: Option<Instant>,
    /// Whether the interface was up at the last look.
    up: bool,
    last: Option<Lease>,
    /// What is to be taken without DHCP, the first one that nobody else has: the owner's choice alone, or what we give
    /// ourselves.
    own: Vec<Lease>,
    lease: Option<Lease>,
    moved_from: Option<Ipv4Addr>,
    /// Where the address is written down.
    remembering: Beside,
}

impl Network {
    /// Starts asking for an address, unless the owner named one.
    pub(crate) fn begin(services: &mut Services, fixed: Option<Address>, now: Instant) -> Self {
        let last = Lease::read(Path::new(lease::LAST));
        if let Err(error) = make_folder(last.as_ref()) {
            say!("udhcpc has no folder: {error}");
        }
        let own: Vec<_> = fixed.map(Address::lease).into_iter().collect();
        if own.is_empty() {
            services.add(udhcpc(last.as_ref()), now);
        }
        let (looked, lease, moved_from, remembering) = (None, None, None, Beside::default());
        Self { begun: now, looked, up: false, last, own, lease, moved_from, remembering }
    }

    /// The address, if it is a new one.
    pub(crate) fn change(&mut self, services: &mut Services, now: Instant) -> Option<Lease> {
        self.follow_link(services, now);
        let mut lease = Lease::read(Path::new(lease::FILE));
        if lease.is_none() && self.lease.is_none() && now - self.begun >= PATIENCE {
            lease = Some(self.without_dhcp(services, now));
        }
        if lease.is_none() || lease == self.lease {
            return None;
        }
        self.lease.clone_from(&lease);
        let lease = lease?;
        self.compare(&lease);
        Some(lease)
    }

    /// The address before the present one, once.
    pub(crate) fn moved_from(&mut self) -> Option<Ipv4Addr> {
        self.moved_from.take()
    }

    /// Brings the interface up whenever it is there and is not. Then DHCP is asked at once, or the address of our own taken:
    /// until that is done, and anew for a card that went and came again, which has none.
    fn follow_link(&mut self, services: &mut Services, now: Instant) {
        if self.looked.is_some_and(|looked| now - looked < LOOK) {
            return;
        }
        self.looked = Some(now);
        let came = !std::mem::replace(&mut self.up, raise()) && self.up;
        if came {
            services.wake(DHCP, now);
        }
        if self.up && (came || Lease::read(Path::new(lease::FILE)).is_none()) {
            let is_free = |own: &Lease| lease::is_free(own.address, &own.interface);
            let begun = Instant::now();
            // DHCP may have answered meanwhile: then its address stays.
            if let Some(own) = first_free(&self.own, || begun.elapsed(), is_free)
                && (came || Lease::read(Path::new(lease::FILE)).is_none())
            {
                let _ = lease::take(own);
            }
        }
        // A client that has its address looks at the interface at half of its lease only: a card that came again has lost it.
        if came && self.lease.is_some() {
            services.restart(DHCP);
        }
    }

    /// The office is answered on an address that we choose, as soon as there is an interface to have it.
    fn without_dhcp(&mut self, services: &mut Services, now: Instant) -> Lease {
        if self.own.is_empty() {
            self.own = ours(self.last.as_ref());
        }
        self.looked = None;
        self.follow_link(services, now);
        // One that was answered while we took ours believes that it has its own.
        services.restart(DHCP);
        if let Some(lease) =
            Lease::read(Path::new(lease::FILE)).filter(|lease| !self.own.iter().any(|own| own.is_at(lease)))
        {
            // It was answered after all.
            self.own.clear();
            return lease;
        }
        let taken = Lease::read(Path::new(lease::FILE)).or_else(|| self.own.first().cloned());
        let lease = taken.unwrap_or_else(|| Lease::at(OWN, 16));
        say!("DHCP is silent; going on with {}", lease.address);
        lease
    }

    /// Warns where the office knows another address than the one we have now, and remembers this one.
    fn compare(&mut self, lease: &Lease) {
        if let Some(last) = self.last.as_ref().filter(|last| last.address != lease.address) {
            say!(
                "the address CHANGED from {} to {}: the office's DHCP may still name the old one",
                last.address,
                lease.address
            );
            self.moved_from = Some(last.address);
        }
        // What else a renewal brings is not worth a write.
        let same = |last: &Lease| last.is_at(lease) && last.routers == lease.routers;
        if lease.address.is_link_local() || self.last.as_ref().is_some_and(same) {
            return;
        }
        let next = lease.clone();
        if self.remembering.begin(move || remember(&next)) {
            self.last = Some(lease.clone());
        }
    }
}

/// The addresses that we may give ourselves: the last one, then our own.
fn ours(last: Option<&Lease>) -> Vec<Lease> {
    let own = (0..OTHERS).map(|more| Lease::at(Ipv4Addr::from_bits(OWN.to_bits() + more), 16));
    last.cloned().into_iter().chain(own).collect()
}

/// The first one that nobody answers for (RFC 3927, section 2.2.1). What the owner chose alone is taken as it is, and so is the
/// first where all are taken: the office must not be without. Whoever answers each probe late has us take one that was not
/// probed.
fn first_free(own: &[Lease], spent: impl Fn() -> Duration, mut is_free: impl FnMut(&Lease) -> bool) -> Option<&Lease> {
    let [first, _, ..] = own else { return own.first() };
    for lease in own {
        if spent() >= PROBING || is_free(lease) {
            return Some(lease);
        }
        say!("somebody else has {}", lease.address);
    }
    Some(first)
}

/// The interface's number, while it is there.
pub(crate) fn number() -> Option<u32> {
    fs::read_to_string(Path::new(LINK).join("ifindex")).ok()?.trim().parse().ok()
}

/// Whether the interface is up, after it was brought up where it is there and was not.
pub(crate) fn raise() -> bool {
    let flags = fs::read_to_string(Path::new(LINK).join("flags")).ok();
    match flags.and_then(|flags| u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()) {
        None => false,
        Some(flags) if flags & IFF_UP != 0 => true,
        Some(_) => {
            let raised = lease::ip(&format!("link set {INTERFACE} up"));
            say!("{INTERFACE} {}", if raised { "is up" } else { "does not come up" });
            raised
        }
    }
}

/// Keeps a lease for the next start.
fn remember(lease: &Lease) {
    let file = Path::new(lease::LAST);
    let kept = fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))
        .and_then(|()| lease::replace(Path::new(lease::BEFORE), &serde_json::to_vec(lease)?))
        .and_then(|()| lease::replace(file, &serde_json::to_vec(lease)?));
    if let Err(error) = kept {
        say!("the address cannot be remembered: {error}");
    }
}

/// The folder that udhcpc writes to, and beside it what it reads.
fn make_folder(last: Option<&Lease>) -> std::io::Result<()> {
    fs::create_dir_all(lease::FOLDER)?;
    std::os::unix::fs::chown(lease::FOLDER, Some(USER), Some(USER))?;
    last.map_or(Ok(()), |last| lease::replace(Path::new(lease::BEFORE), &serde_json::to_vec(last)?))
}

/// busybox's client: it asks for ever, and for the last address first.
fn udhcpc(last: Option<&Lease>) -> Program {
    let mut words =
        ["/bin/busybox", "udhcpc", "-f", "-i", INTERFACE, "-s", "/sbin/lease", "-t", "5", "-T", "1", "-A", "5"]
            .map(str::to_owned)
            .to_vec();
    words.extend(["-O", "ntpsrv"].map(str::to_owned));
    if let Some(last) = last {
        words.extend(["-r".to_owned(), last.address.to_string()]);
    }
    Program { name: DHCP, words, hears: log::show, user: Some(USER), may: Some(May::SetTheAddress) }
}

/// The owner's fixed address, if /data has one.
pub(crate) fn fixed() -> Option<Address> {
    let text = lease::plain(Path::new(FIXED), LONGEST)?;
    parse(&text).map_err(|error| say!("{FIXED}: {error}; asking DHCP instead")).ok()
}

/// What the owner's file says.
pub(crate) fn parse(text: &str) -> Result<Address, String> {
    let Fixed { address, router } = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    Ok(Address::new(&address, router)?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::{Address, Lease, OTHERS, PROBING, first_free, ours, parse};

    #[test]
    fn reads_the_owners_address_and_refuses_what_is_none() {
        let text = "address = \"192.0.2.7/24\"\nrouter = \"192.0.2.254\"\n";
        let address = parse(text).expect("an address");
        assert_eq!(address.to_string(), "192.0.2.7/24 192.0.2.254");
        let lease = address.lease();
        assert_eq!((lease.address.to_string().as_str(), lease.prefix, lease.routers.len()), ("192.0.2.7", 24, 1));
        for text in [
            "",
            "address = \"192.0.2.7\"",
            "address = \"192.0.2.7/31\"",
            "address = \"127.0.0.1/8\"",
            "address = \"x/24\"",
            "adress = \"\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for text in ["192.0.2.7/24", "192.0.2.7/24 192.0.2.254"] {
            assert_eq!(text.parse::<Address>().expect(text).to_string(), text);
        }
        for text in ["192.0.2.7/24 x", "192.0.2.7", "", "/ "] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_that_somebody_else_has_is_left_to_them() {
        let last = Lease::at([192, 0, 2, 53].into(), 24);
        let free = |own: &[Lease], taken: &[&str]| {
            let is_free = |lease: &Lease| !taken.contains(&lease.address.to_string().as_str());
            first_free(own, || Duration::ZERO, is_free)
                .map(|lease| format!("{}/{}", lease.address, lease.prefix))
                .unwrap_or_default()
        };
        let own = ours(Some(&last));
        assert_eq!(free(&own, &[]), "192.0.2.53/24");
        assert_eq!(free(&own, &["192.0.2.53"]), "169.254.53.53/16");
        assert_eq!(free(&own, &["192.0.2.53", "169.254.53.53"]), "169.254.53.54/16");
        assert_eq!(free(&ours(None), &["169.254.53.53"]), "169.254.53.54/16", "two pucks without a DHCP server");
        assert_eq!(
            (own.len(), first_free(&own, || Duration::ZERO, |_| false)),
            (OTHERS as usize + 1, Some(&last)),
            "all are taken"
        );
        assert_eq!(free(&[last], &["192.0.2.53"]), "192.0.2.53/24", "the owner's choice");
        assert_eq!(free(&[], &[]), "");
    }

    #[test]
    fn whoever_answers_every_probe_late_keeps_the_watchdog_waiting_for_some_seconds() {
        let (own, late, spent) = (ours(None), Duration::from_millis(1900), Cell::new(Duration::ZERO));
        let taken = first_free(
            &own,
            || spent.get(),
            |_| {
                spent.set(spent.get() + late);
                false
            },
        );
        assert!(spent.get() < PROBING + late, "{:?}", spent.get());
        assert_eq!(taken.map(|lease| lease.address.to_string()).as_deref(), Some("169.254.53.56"));
    }
}
