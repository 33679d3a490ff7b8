//! What udhcpc hears: it starts this binary as `lease EVENT` and passes the offer in the environment. The event sets the
//! interface and leaves a file, which PID 1 reads.
//!
//! udhcpc is not root, and so neither is this: the file lies in a folder of theirs, and PID 1 takes nothing of it on trust.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use crate::log::say;
use crate::network::INTERFACE;

/// The folder of udhcpc, and the lease in force.
pub(crate) const FOLDER: &str = "/run/puck/lease";
pub(crate) const FILE: &str = "/run/puck/lease/lease.json";

/// The last lease of the time before, on /data, and where udhcpc may read it.
pub(crate) const LAST: &str = "/data/state/puck/lease.json";
pub(crate) const BEFORE: &str = "/run/puck/before.json";

/// A lease takes some hundred bytes.
const LONGEST: u64 = 4096;

/// Most servers of a kind that are kept of an offer.
const SERVERS: usize = 3;

/// One DHCP lease (RFC 2131), as far as the puck uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) interface: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) routers: Vec<Ipv4Addr>,
    /// NTP servers (option 42).
    pub(crate) clocks: Vec<Ipv4Addr>,
    /// Whom others are to ask for names (option 6). Only the rescue system asks them; the puck itself is one.
    #[serde(default)]
    pub(crate) resolvers: Vec<Ipv4Addr>,
    /// The address before, answered on as long as nobody else uses it: the office may still have it in its DHCP.
    #[serde(default)]
    pub(crate) kept: Option<Ipv4Addr>,
}

impl Lease {
    /// An address of the office's interface, and nothing else.
    pub(crate) fn at(address: Ipv4Addr, prefix: u8) -> Self {
        let (interface, [routers, clocks, resolvers]) = (INTERFACE.to_owned(), [const { Vec::new() }; 3]);
        Self { interface, address, prefix, routers, clocks, resolvers, kept: None }
    }

    /// Reads an offer from the variables that udhcpc sets; None if it is no offer that one could use.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let servers = |name: &str| {
            let listed = variable(name).unwrap_or_default();
            listed.split_whitespace().filter_map(|word| word.parse().ok()).take(SERVERS).collect::<Vec<Ipv4Addr>>()
        };
        let address: Ipv4Addr = variable("ip")?.parse().ok()?;
        let prefix: u8 = variable("mask")?.parse().ok()?;
        let usable = !address.is_unspecified() && !address.is_loopback() && !address.is_multicast();
        (usable && (1..=30).contains(&prefix)).then(|| Self {
            interface: variable("interface").unwrap_or_default(),
            address,
            prefix,
            routers: servers("router"),
            clocks: servers("ntpsrv"),
            resolvers: servers("dns"),
            kept: None,
        })
    }

    /// Whether the puck is found where another lease has it.
    pub(crate) fn is_at(&self, other: &Self) -> bool {
        (self.address, self.prefix, self.kept) == (other.address, other.prefix, other.kept)
    }

    /// The lease in a file, if there is one.
    pub(crate) fn read(file: &Path) -> Option<Self> {
        let lease: Self = serde_json::from_str(&plain(file, LONGEST)?).ok()?;
        // What others wrote there becomes words of commands that root gives.
        Some(Self { interface: INTERFACE.to_owned(), ..lease })
    }
}

/// The body of `lease EVENT`.
pub(crate) fn run() -> ExitCode {
    let event = std::env::args().nth(1).unwrap_or_default();
    match event.as_str() {
        "bound" | "renew" => match Lease::from_variables(|name| std::env::var(name).ok()) {
            Some(lease) => take(&lease),
            None => {
                say!("DHCP offered something that is no usable address");
                ExitCode::FAILURE
            }
        },
        // An address that expired is kept: the office's clients still ask it, and nobody else was given one by us.
        _ => ExitCode::SUCCESS,
    }
}

/// Sets the interface to a lease and notes it for PID 1.
pub(crate) fn take(lease: &Lease) -> ExitCode {
    let interface = &lease.interface;
    let last = Lease::read(Path::new(BEFORE));
    let kept = former(lease.address, last.as_ref()).filter(|former| is_free(*former, interface));
    let lease = Lease { kept, ..lease.clone() };
    let run = |step: &str| {
        let done = ip(step);
        if !done {
            say!("`ip {step}` failed");
        }
        done
    };
    for step in Lease::read(Path::new(FILE)).iter().flat_map(|present| left(present, &lease)) {
        run(&step);
    }
    let mut steps = vec![format!("address replace {}/{} dev {interface}", lease.address, lease.prefix)];
    steps.extend(kept.map(|kept| format!("address replace {kept}/32 dev {interface}")));
    if !steps.iter().all(|step| run(step)) {
        return ExitCode::FAILURE;
    }
    // A router that is out of reach keeps nobody in the office from being answered.
    if let Some(router) = lease.routers.first() {
        run(&format!("route replace default via {router} dev {interface}"));
    }
    match serde_json::to_vec(&lease).map_err(Into::into).and_then(|json| replace(Path::new(FILE), &json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("the lease cannot be noted: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How to give up the addresses of the lease before that are not in the next one: somebody else may have them by now. One that
/// is only kept from now on leaves its network, too.
fn left(before: &Lease, next: &Lease) -> Vec<String> {
    let addresses = |lease: &Lease| {
        let main = (lease.address, lease.prefix);
        [Some(main), lease.kept.map(|kept| (kept, 32))].into_iter().flatten().collect::<Vec<_>>()
    };
    let stay = addresses(next);
    let gone = addresses(before).into_iter().filter(|one| !stay.contains(one));
    gone.map(|(address, prefix)| format!("address del {address}/{prefix} dev {}", before.interface)).collect()
}

/// The address that the office may still know, if it is another one.
fn former(address: Ipv4Addr, last: Option<&Lease>) -> Option<Ipv4Addr> {
    let last = last?;
    let former = if last.address == address { last.kept } else { Some(last.address) };
    former.filter(|former| *former != address)
}

/// Whether nobody in the network answers for an address (RFC 5227: an ARP probe).
pub(crate) fn is_free(address: Ipv4Addr, interface: &str) -> bool {
    let address = address.to_string();
    let words = ["arping", "-D", "-q", "-c", "2", "-w", "2", "-I", interface, &address];
    Command::new("/bin/busybox").args(words).status().is_ok_and(|status| status.success())
}

/// Runs busybox's `ip` with the words of a line.
pub(crate) fn ip(line: &str) -> bool {
    let ran = Command::new("/bin/busybox").arg("ip").args(line.split(' ')).status();
    ran.is_ok_and(|status| status.success())
}

/// The text of a file that others may write to, at most so many bytes of it. What is no plain file is not even waited for.
pub(crate) fn plain(file: &Path, longest: u64) -> Option<String> {
    bounded(file, longest).ok()
}

/// The same, and why not.
pub(crate) fn bounded(file: &Path, longest: u64) -> std::io::Result<String> {
    let plain = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(plain).open(file)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("is no plain file"));
    }
    let mut text = String::new();
    file.take(longest).read_to_string(&mut text)?;
    Ok(text)
}

/// Puts a file in place whole. It is always a new one: where others may write too, a link could lead anywhere.
pub(crate) fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension("new");
    let _ = fs::remove_file(&new);
    OpenOptions::new().write(true).create_new(true).open(&new)?.write_all(content)?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::{Lease, former, left, replace};

    fn offer(variables: &[(&str, &str)]) -> Option<Lease> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Lease::from_variables(find)
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_neither_read_nor_followed_nor_waited_for() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, new) = (folder.path().join("lease.json"), folder.path().join("lease.new"));
        let secret = folder.path().join("secret");
        let lease = offer(&[("ip", "192.0.2.53"), ("mask", "24"), ("interface", "eth0")]).expect("a good offer");
        let text = serde_json::to_vec(&lease).expect("a lease is JSON");
        std::fs::write(&secret, &text).expect("written");
        std::os::unix::fs::symlink(&secret, &file).expect("linked");
        std::os::unix::fs::symlink(&secret, &new).expect("linked");
        assert_eq!(Lease::read(&file), None, "followed");
        replace(&file, b"{}").expect("put in place");
        assert_eq!(std::fs::read(&secret).expect("still there"), text, "written through a link");

        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        assert_eq!(Lease::read(&pipe), None);
        std::fs::write(&secret, [text.as_slice(), &[b' '; 5000]].concat()).expect("written");
        assert_eq!(Lease::read(&secret), Some(lease), "no more is read than a lease takes");
    }

    #[test]
    fn an_address_that_is_not_ours_any_more_is_given_up() {
        let lease = |ip: &str, kept: Option<[u8; 4]>| Lease {
            kept: kept.map(Into::into),
            ..offer(&[("ip", ip), ("mask", "24"), ("interface", "eth0")]).expect("a good offer")
        };
        let (old, both) = (lease("192.0.2.77", None), lease("192.0.2.53", Some([192, 0, 2, 77])));
        assert_eq!(left(&old, &both), ["address del 192.0.2.77/24 dev eth0"]);
        assert_eq!(left(&both, &lease("192.0.2.53", None)), ["address del 192.0.2.77/32 dev eth0"]);
        assert!(left(&both, &both).is_empty());
    }

    #[test]
    fn reads_what_udhcpc_passes() {
        let lease = offer(&[
            ("interface", "eth0"),
            ("ip", "192.0.2.53"),
            ("mask", "24"),
            ("router", "192.0.2.254 192.0.2.253"),
            ("ntpsrv", "192.0.2.254"),
            ("dns", "192.0.2.252 192.0.2.251"),
        ])
        .expect("a good offer");
        assert_eq!((lease.address.to_string().as_str(), lease.prefix), ("192.0.2.53", 24));
        assert_eq!(lease.routers.len(), 2);
        assert_eq!((lease.clocks.len(), lease.resolvers.len()), (1, 2));
    }

    #[test]
    fn refuses_what_is_no_address_for_a_host() {
        for (ip, mask) in [("0.0.0.0", "24"), ("127.0.0.1", "8"), ("224.0.0.1", "24"), ("192.0.2.53", "0"), ("x", "24")]
        {
            assert_eq!(offer(&[("interface", "eth0"), ("ip", ip), ("mask", mask)]), None, "{ip}/{mask}");
        }
    }

    #[test]
    fn keeps_few_servers_however_many_are_offered() {
        let many = "192.0.2.1 ".repeat(500);
        let lease = offer(&[("ip", "192.0.2.53"), ("mask", "24"), ("router", &many)]).expect("a good offer");
        assert_eq!(lease.routers.len(), 3);
    }

    #[test]
    fn the_former_address_is_remembered_for_as_long_as_it_is_another() {
        let lease = |ip: &str| offer(&[("ip", ip), ("mask", "24")]).expect("a good offer");
        let (old, new) = (lease("192.0.2.53"), lease("192.0.2.77"));
        assert_eq!(former(new.address, Some(&old)), Some(old.address));
        let renewed = Lease { kept: Some(old.address), ..new.clone() };
        assert_eq!(former(new.address, Some(&renewed)), Some(old.address));
        assert_eq!(former(old.address, Some(&renewed)), Some(new.address));
        assert_eq!(former(old.address, Some(&old)), None);
        assert_eq!(former(old.address, None), None);
    }
}
