//! The keys that DNSSEC starts from, out of the pack in force, for the `dns` worker.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use gate_core::ZoneKey;
use gate_dns::check_keys;
use gate_scrub::{PackError, PackSource};
use serde::{Deserialize, Serialize};

/// Longest file that is read.
const FILE_CAP: u64 = 256 << 10;

/// What the supervisor hands over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keys {
    /// Whose keys these are, for people.
    pub(crate) from: String,
    pub(crate) keys: Vec<ZoneKey>,
}

impl Keys {
    /// The keys of a pack that is called `name`, checked; nothing where it has none.
    pub(super) fn of(source: &PackSource, name: &str) -> Result<Option<Self>, PackError> {
        let Some(keys) = source.zone_keys()? else { return Ok(None) };
        check_keys(&keys).map_err(|error| PackError::Keys { why: error.to_string() })?;
        Ok(Some(Self { from: format!("the pack {name}"), keys }))
    }

    /// What the supervisor wrote last.
    pub(crate) fn read(file: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        File::open(file)?.take(FILE_CAP).read_to_end(&mut bytes)?;
        Self::parse(&bytes)
    }

    /// The same from bytes.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// Whether the keys of a pack could be trusted, if it has any.
pub(crate) fn check_zone_keys(source: &PackSource) -> Result<(), PackError> {
    Keys::of(source, "").map(drop)
}
