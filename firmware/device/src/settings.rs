//! The daemon's configuration on a device: what the image says, over it what the owner says, and the address that the
//! network gave. It is rendered anew at every change; the daemon reads only the result.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use toml::{Table, Value};

use crate::lease::{self, Lease};
use crate::log::say;

/// The image's part.
const IMAGE: &str = "/etc/nanogate/nanogate.toml";
/// The owner's part: only the keys that differ.
const OWNER: &str = "/data/config/nanogate.toml";
/// The owner's policy, where the page keeps it too; in force where the owner's part names no other.
pub(crate) const POLICY: &str = "/data/state/admin/policy.yaml";
/// The longest settings that are read.
const LONGEST: u64 = 256 << 10;

/// What the daemon reads.
pub(crate) const RENDERED: &str = "/run/nanogate/nanogate.toml";
/// What it is asked about before it is to read it.
pub(crate) const TRIAL: &str = "/run/nanogate/trial.toml";

/// Why settings could not be rendered.
#[derive(Debug, Error)]
pub(crate) enum RenderError {
    #[error("{file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("{file}: {source}")]
    Syntax { file: String, source: toml::de::Error },
    #[error("the settings cannot be written as TOML: {0}")]
    Write(#[from] toml::ser::Error),
    #[error("{key}: port {port} of the loopback is {whose}.listen's, where the device itself asks")]
    Taken { key: String, port: u16, whose: &'static str },
}

/// How the device itself behaves, beside the daemon: the image's `/etc/puck.toml`, single keys of it changed by the owner's
/// `/data/config/puck.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Device {
    good_seconds: Option<u64>,
    start_seconds: Option<u64>,
    /// Lines of the GPIO character device, as `chip:line`.
    pub(crate) button: Option<String>,
    pub(crate) led: Option<String>,
}

impl Device {
    /// How long all must be well before a slot is marked good.
    pub(crate) fn good(&self) -> Duration {
        Duration::from_secs(self.good_seconds.unwrap_or(180))
    }

    /// How long the first answer may take.
    pub(crate) fn start(&self) -> Duration {
        Duration::from_secs(self.start_seconds.unwrap_or(90))
    }
}

const DEVICE: [&str; 2] = ["/etc/puck.toml", "/data/config/puck.toml"];

/// The device's settings; the image's alone, or the defaults, where a part cannot be read.
pub(crate) fn device() -> Device {
    let [image, owner] = DEVICE.map(|file| {
        read(Path::new(file)).unwrap_or_else(|error| {
            say!("{error}");
            Table::new()
        })
    });
    let parse = |table: Value| table.try_into::<Device>();
    parse(merge(image.clone(), owner))
        .or_else(|error| {
            say!("{}: {error}", DEVICE[1]);
            parse(Value::Table(image))
        })
        .unwrap_or_default()
}

/// What the device itself takes from the daemon's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// The office's domain.
    pub(crate) domain: String,
    /// Whether the office's traffic goes through this machine.
    pub(crate) routes: bool,
    /// Whether the daemon would read anything else than before.
    pub(crate) changed: bool,
}

/// Renders the daemon's settings for a lease, for it to read: `name` is what multicast DNS finds the puck by, and `volatile`
/// says that /data lies in memory; `prefixes` are the office's of IPv6.
pub(crate) fn configure(
    lease: &Lease,
    name: &str,
    volatile: bool,
    prefixes: &[String],
) -> Result<Rendered, RenderError> {
    let owner = read(Path::new(OWNER)).unwrap_or_else(|error| {
        say!("the owner's settings are left out: {error}");
        Table::new()
    });
    let text = render(read(Path::new(IMAGE))?, owner, (lease, prefixes), name, volatile)?;
    let rendered = |source| RenderError::Read { file: RENDERED.to_owned(), source };
    let changed = lease::plain(Path::new(RENDERED), text.len() as u64 + 1).as_ref() != Some(&text);
    lease::replace(Path::new(RENDERED), text.as_bytes()).map_err(rendered)?;
    let table: Table = text.parse().map_err(|source| RenderError::Syntax { file: RENDERED.to_owned(), source })?;
    let word = |key: &str| table.get(key).and_then(Value::as_str);
    let domain = word("domain").unwrap_or("lan").to_owned();
    Ok(Rendered { domain, routes: word("mode") == Some("gateway"), changed })
}

/// A file that is gone when this is.
pub(crate) struct Trial;

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(TRIAL);
    }
}

/// Renders what the daemon would read if these were the owner's settings, for it to be asked whether it could.
pub(crate) fn trial(owner: &str) -> Result<Trial, RenderError> {
    let owner: Table = owner.parse().map_err(|source| RenderError::Syntax { file: TRIAL.to_owned(), source })?;
    let text =
        render(read(Path::new(IMAGE))?, owner, (&Lease::at(Ipv4Addr::LOCALHOST, 8), &[]), "nanogate.local", false)?;
    doors_are_free(&text.parse().map_err(|source| RenderError::Syntax { file: TRIAL.to_owned(), source })?)?;
    lease::replace(Path::new(TRIAL), text.as_bytes())
        .map_err(|source| RenderError::Read { file: TRIAL.to_owned(), source })?;
    Ok(Trial)
}

/// Reads a part; one that does not exist is empty.
fn read(file: &Path) -> Result<Table, RenderError> {
    let name = file.display().to_string();
    match lease::bounded(file, LONGEST) {
        Ok(text) if text.len() as u64 == LONGEST => {
            Err(RenderError::Read { file: name, source: std::io::Error::other("is longer than settings are") })
        }
        Ok(text) => text.parse().map_err(|source| RenderError::Syntax { file: name, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::new()),
        Err(source) => Err(RenderError::Read { file: name, source }),
    }
}

/// Where PID 1 looks whether all is well: wherever else the owner has them listen, they do on these ports of the loopback.
const DOORS: [(&str, u16); 3] = [("dns", 53), ("proxy", 8443), ("admin", 9443)];

/// From where PID 1 asks.
const LOOPBACK: &str = "127.0.0.0/8";

/// Whether who listens so hears what comes to this port of the loopback.
fn is_heard(socket: &str, port: u16) -> bool {
    let here = |ip: Ipv4Addr| ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST;
    socket.parse::<SocketAddrV4>().is_ok_and(|socket| socket.port() == port && here(*socket.ip()))
}

/// Whether nobody else listens where each of [`DOORS`] has to be heard; the daemon would not start.
fn doors_are_free(rendered: &Table) -> Result<(), RenderError> {
    for (part, table) in rendered.iter().filter_map(|(part, value)| Some((part, value.as_table()?))) {
        for (key, value) in table.iter().filter(|(key, _)| key.ends_with("listen")) {
            let one = std::slice::from_ref(value);
            let sockets = value.as_array().map_or(one, Vec::as_slice).iter().filter_map(Value::as_str);
            for (socket, (whose, port)) in sockets.flat_map(|socket| DOORS.map(|door| (socket, door))) {
                if is_heard(socket, port) && !(part == whose && key == "listen") {
                    return Err(RenderError::Taken { key: format!("{part}.{key}"), port, whose });
                }
            }
        }
    }
    Ok(())
}

/// What PID 1 and the daemon agree on: where the journal lies, how they talk, whether the time is known.
const THE_IMAGES: [(&str, Option<&str>); 3] =
    [("data", None), ("console", Some("socket")), ("dns", Some("clock_unsure"))];

/// Takes out of the owner's settings what only the image may say; the names of what there was.
fn take_the_images(owner: &mut Table) -> Vec<String> {
    let taken = THE_IMAGES.iter().filter_map(|(key, inner)| match inner {
        None => owner.remove(*key).map(|_| (*key).to_owned()),
        Some(inner) => owner.get_mut(*key)?.as_table_mut()?.remove(*inner).map(|_| format!("{key}.{inner}")),
    });
    taken.collect()
}

/// Refuses settings with a key that only the image may say.
pub(crate) fn refuse_the_images(owner: &Table) -> Result<(), String> {
    match take_the_images(&mut owner.clone()).as_slice() {
        [] => Ok(()),
        keys => Err(format!("{}: only the image sets that", keys.join(", "))),
    }
}

/// The office's network as its DHCP tells it. A mask that is wider than any office's (gate-dns, `is_too_wide`), which the daemon
/// would refuse, is taken for the widest that it takes.
fn office(lease: &Lease) -> String {
    let widest = match lease.address.octets() {
        [10, ..] => 8,
        [172, 16..=31, ..] => 12,
        _ => 16,
    };
    let prefix = lease.prefix.clamp(widest, 32);
    let network = lease.address.to_bits() & (u32::MAX << (32 - prefix));
    format!("{}/{prefix}", Ipv4Addr::from_bits(network))
}

/// One configuration of the image's part, the owner's over it, and an address unless the owner names one, with the networks
/// that are the office's then. With a second one beside it the resolver listens on each by name, so that answers leave from the
/// address that was asked.
fn render(
    image: Table,
    mut owner: Table,
    (lease, prefixes): (&Lease, &[String]),
    name: &str,
    volatile: bool,
) -> Result<String, RenderError> {
    let Lease { address, kept, .. } = lease;
    for key in take_the_images(&mut owner) {
        say!("the owner's {key} is left out: only the image sets that");
    }
    let merged = merge(image, owner);
    let mut merged = match merged {
        Value::Table(table) => table,
        _ => Table::new(),
    };
    let mut part = |name: &str, change: &dyn Fn(&mut Table)| {
        if let Value::Table(part) = merged.entry(name).or_insert_with(|| Value::Table(Table::new())) {
            change(part);
        }
    };
    part("identity", &|identity| {
        if !identity.contains_key("addresses") {
            let networks = std::iter::once(office(lease)).chain(prefixes.iter().cloned()).map(Value::String);
            identity.entry("lan").or_insert_with(|| Value::Array(networks.collect()));
        }
        identity.entry("addresses").or_insert_with(|| Value::Array(vec![Value::String(address.to_string())]));
        identity.entry("local_name").or_insert_with(|| Value::String(name.to_owned()));
    });
    if let Some(kept) = kept {
        let sockets = [Ipv4Addr::LOCALHOST, *address, *kept].map(|ip| Value::String(format!("{ip}:53")));
        part("dns", &|dns| {
            dns.entry("listen").or_insert_with(|| Value::Array(sockets.to_vec()));
        });
    }
    for (name, port) in DOORS {
        part(name, &|part| {
            if let Some(Value::Array(listen)) = part.get_mut("listen")
                && !listen.iter().filter_map(Value::as_str).any(|socket| is_heard(socket, port))
            {
                listen.push(Value::String(format!("{}:{port}", Ipv4Addr::LOCALHOST)));
            }
        });
    }
    // PID 1 asks from here: it is of the office, whatever the owner's list says.
    part("dns", &|dns| {
        if let Some(Value::Array(subnets)) = dns.get_mut("local_subnets") {
            subnets.push(Value::String(LOOPBACK.to_owned()));
        }
    });
    if volatile {
        // Nobody else can say this: whoever wrote the settings did not see the card fail.
        part("journal", &|journal| {
            journal.insert("volatile".to_owned(), Value::Boolean(true));
        });
    }
    Ok(toml::to_string(&merged)?)
}

/// Tables are merged key by key, everything else is replaced.
fn merge(base: Table, over: Table) -> Value {
    let mut base = base;
    for (key, value) in over {
        let merged = match (base.remove(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => value,
        };
        base.insert(key, merged);
    }
    Value::Table(base)
}

#[cfg(test)]
mod tests {
    use super::{Lease, Table, doors_are_free, office, refuse_the_images, render};

    fn rendered_with(image: &str, owner: &str, volatile: bool) -> Table {
        let parse = |text: &str| text.parse().expect("TOML");
        let lease = Lease::at([192, 0, 2, 53].into(), 24);
        let place = (&lease, &["2001:db8:1::/64".to_owned()][..]);
        let text = render(parse(image), parse(owner), place, "nanogate-2.local", volatile).expect("renders");
        parse(&text)
    }

    fn rendered(image: &str, owner: &str) -> Table {
        rendered_with(image, owner, false)
    }

    #[test]
    fn a_journal_in_memory_is_said_to_be_one_whatever_the_owner_says() {
        let owner = "[journal]\nvolatile = false\nin_memory_mib = 4\n";
        let journal = rendered_with("[journal]\nsync_ms = 8000\n", owner, true)["journal"].clone();
        assert_eq!((journal["volatile"].as_bool(), journal["in_memory_mib"].as_integer()), (Some(true), Some(4)));
        assert_eq!(journal["sync_ms"].as_integer(), Some(8000));
        assert!(rendered("", "").get("journal").is_none());
    }

    #[test]
    fn the_owner_changes_only_what_the_owner_names() {
        let merged =
            rendered("data = \"/data\"\n[dns]\nupstreams = [\"9.9.9.9\"]\npending = 7\n", "[dns]\npending = 8\n");
        assert_eq!(merged["data"].as_str(), Some("/data"));
        assert_eq!(merged["dns"]["pending"].as_integer(), Some(8));
        assert_eq!(merged["dns"]["upstreams"][0].as_str(), Some("9.9.9.9"));
    }

    #[test]
    fn the_network_gives_the_address_unless_the_owner_does() {
        assert_eq!(rendered("", "")["identity"]["addresses"][0].as_str(), Some("192.0.2.53"));
        assert_eq!(rendered("", "")["identity"]["local_name"].as_str(), Some("nanogate-2.local"));
        let owned = rendered("", "[identity]\naddresses = [\"192.0.2.7\"]\n");
        assert_eq!(owned["identity"]["addresses"][0].as_str(), Some("192.0.2.7"));
    }

    #[test]
    fn the_offices_networks_are_those_of_its_cable_unless_the_owner_says() {
        assert_eq!(rendered("", "")["identity"]["lan"].to_string(), "[\"192.0.2.0/24\", \"2001:db8:1::/64\"]");
        let owned = rendered("", "[identity]\nlan = [\"192.0.2.0/23\"]\n")["identity"].clone();
        assert_eq!(owned["lan"].to_string(), "[\"192.0.2.0/23\"]");
        let owned = rendered("", "[identity]\naddresses = [\"198.51.100.7\"]\n")["identity"].clone();
        assert!(owned.get("lan").is_none(), "whose address is another has another network");
        for (address, prefix, network) in [
            ([198, 51, 100, 53], 23, "198.51.100.0/23"),
            ([10, 1, 2, 3], 8, "10.0.0.0/8"),
            ([10, 1, 2, 3], 1, "10.0.0.0/8"),
            ([172, 20, 1, 1], 9, "172.16.0.0/12"),
            ([192, 168, 1, 9], 8, "192.168.0.0/16"),
            ([198, 51, 100, 53], 1, "198.51.0.0/16"),
            ([169, 254, 53, 53], 16, "169.254.0.0/16"),
        ] {
            assert_eq!(office(&Lease::at(address.into(), prefix)), network);
        }
    }

    #[test]
    fn what_the_owner_has_listen_elsewhere_is_heard_on_the_loopback_too() {
        let listen = |table: &Table, name: &str| -> Vec<String> {
            let sockets = table[name]["listen"].as_array().expect("a list");
            sockets.iter().map(|socket| socket.as_str().expect("text").to_owned()).collect()
        };
        let owner = "[dns]\nlisten = [\"192.0.2.53:53\"]\n[proxy]\nlisten = [\"0.0.0.0:8555\", \"[::]:8443\"]\n\
            [admin]\nlisten = [\"0.0.0.0:9443\"]\n";
        let all = rendered("", owner);
        assert_eq!(listen(&all, "dns"), ["192.0.2.53:53", "127.0.0.1:53"]);
        assert_eq!(listen(&all, "proxy"), ["0.0.0.0:8555", "[::]:8443", "127.0.0.1:8443"]);
        assert_eq!(listen(&all, "admin"), ["0.0.0.0:9443"], "heard there already");
        let subnets = rendered("", "[dns]\nlocal_subnets = [\"192.168.7.0/24\"]\n")["dns"]["local_subnets"].clone();
        assert_eq!(subnets.as_array().map(Vec::len), Some(2), "{subnets}");
        assert!(rendered("", "[dns]\n")["dns"].get("local_subnets").is_none());
        assert!(rendered("", "[dns]\n")["dns"].get("listen").is_none(), "the daemon's own default is");
    }

    #[test]
    fn nobody_else_may_have_the_ports_that_the_device_asks_at() {
        let refused = |owner: &str| doors_are_free(&rendered("", owner)).err().map(|error| error.to_string());
        let told = refused("[proxy]\nhttp_listen = [\"0.0.0.0:9443\"]\n").expect("the page's");
        assert!(told.starts_with("proxy.http_listen: port 9443") && told.contains("admin.listen"), "{told}");
        assert!(refused("[admin]\nhandover_listen = \"127.0.0.1:8443\"\n").is_some());
        for fine in ["[proxy]\nlisten = [\"0.0.0.0:8443\"]\n", "[proxy]\nhttp_listen = [\"192.0.2.7:9443\"]\n", ""] {
            assert_eq!(refused(fine), None, "{fine}");
        }
    }

    #[test]
    fn what_only_the_image_may_say_is_not_the_owners() {
        let image = "data = \"/data\"\n[console]\nsocket = \"/run/a\"\n";
        let owner = "data = \"/tmp\"\n[console]\nsocket = \"/run/b\"\n[dns]\nclock_unsure = \"/x\"\npending = 7\n";
        let all = rendered(image, owner);
        assert_eq!((all["data"].as_str(), all["console"]["socket"].as_str()), (Some("/data"), Some("/run/a")));
        assert!(all["dns"].get("clock_unsure").is_none() && all["dns"]["pending"].as_integer() == Some(7));
        let refused = refuse_the_images(&owner.parse().expect("TOML")).expect_err("three of them");
        assert!(refused.starts_with("data, console.socket, dns.clock_unsure: "), "{refused}");
        assert_eq!(refuse_the_images(&"[dns]\npending = 7\n".parse().expect("TOML")), Ok(()));
    }
}
