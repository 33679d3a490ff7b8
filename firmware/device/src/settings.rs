//! The daemon's configuration on a device: what the image says, over it what the owner says, and the address that the
//! network gave. It is rendered anew at every change; the daemon reads only the result.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use toml::{Table, Value};

use crate::lease::Lease;
use crate::log::say;

/// The image's part.
const IMAGE: &str = "/etc/nanogate/nanogate.toml";
/// The owner's part: only the keys that differ.
const OWNER: &str = "/data/config/nanogate.toml";
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
}

/// Renders the daemon's settings for a lease, for it to read: `name` is what multicast DNS finds the puck by, and `volatile`
/// says that /data lies in memory.
pub(crate) fn configure(lease: &Lease, name: &str, volatile: bool) -> Result<Rendered, RenderError> {
    let owner = read(Path::new(OWNER)).unwrap_or_else(|error| {
        say!("the owner's settings are left out: {error}");
        Table::new()
    });
    let text = render(read(Path::new(IMAGE))?, owner, lease, name, volatile)?;
    let rendered = |source| RenderError::Read { file: RENDERED.to_owned(), source };
    std::fs::write(RENDERED, &text).map_err(rendered)?;
    let table: Table = text.parse().map_err(|source| RenderError::Syntax { file: RENDERED.to_owned(), source })?;
    let word = |key: &str| table.get(key).and_then(Value::as_str);
    Ok(Rendered { domain: word("domain").unwrap_or("lan").to_owned(), routes: word("mode") == Some("gateway") })
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
    let text = render(read(Path::new(IMAGE))?, owner, &Lease::at(Ipv4Addr::LOCALHOST, 8), "nanogate.local", false)?;
    std::fs::write(TRIAL, text).map_err(|source| RenderError::Read { file: TRIAL.to_owned(), source })?;
    Ok(Trial)
}

/// Reads a part; one that does not exist is empty.
fn read(file: &Path) -> Result<Table, RenderError> {
    let name = file.display().to_string();
    match std::fs::read_to_string(file) {
        Ok(text) => text.parse().map_err(|source| RenderError::Syntax { file: name, source }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Table::new()),
        Err(source) => Err(RenderError::Read { file: name, source }),
    }
}

/// One configuration of the image's part, the owner's over it, and an address unless the owner names one. With a second
/// one beside it the resolver listens on each by name, so that answers leave from the address that was asked.
fn render(image: Table, owner: Table, lease: &Lease, name: &str, volatile: bool) -> Result<String, RenderError> {
    let Lease { address, kept, .. } = lease;
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
        identity.entry("addresses").or_insert_with(|| Value::Array(vec![Value::String(address.to_string())]));
        identity.entry("local_name").or_insert_with(|| Value::String(name.to_owned()));
    });
    if let Some(kept) = kept {
        let sockets = [Ipv4Addr::LOCALHOST, *address, *kept].map(|ip| Value::String(format!("{ip}:53")));
        part("dns", &|dns| {
            dns.entry("listen").or_insert_with(|| Value::Array(sockets.to_vec()));
        });
    }
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
    use super::{Lease, Table, render};

    fn rendered_with(image: &str, owner: &str, volatile: bool) -> Table {
        let parse = |text: &str| text.parse().expect("TOML");
        let lease = Lease::at([192, 0, 2, 53].into(), 24);
        let text = render(parse(image), parse(owner), &lease, "nanogate-2.local", volatile).expect("renders");
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
}
