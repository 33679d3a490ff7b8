//! The pack in force: chosen by the supervisor, followed by the workers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gate_scrub::{PackInfo, PackSource};
use serde::{Deserialize, Serialize};

use super::installed::standing;
use super::keys::{Keys, check_zone_keys};
use crate::config::Config;
use crate::run_state::replace;
use crate::{CommandError, provision};

/// What is in force and why, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) origin: Origin,
    /// Why the installed pack is not in force, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Where the rules in force come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Origin {
    Builtin,
    Installed,
}

impl InForce {
    /// What is in force on a machine on which nothing was ever installed.
    fn builtin() -> Self {
        let PackInfo { name, version } = PackSource::builtin().info().clone();
        Self { name, version: version.to_string(), origin: Origin::Builtin, error: None }
    }
}

impl std::fmt::Display for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = match self.origin {
            Origin::Builtin => "built in",
            Origin::Installed => "installed",
        };
        write!(f, "{} {} ({origin})", self.name, self.version)
    }
}

/// The copy that the workers follow; without it the built-in rules are in force.
pub(crate) fn active_file(data: &Path) -> PathBuf {
    data.join("state/pack.ngpack")
}

fn state_file(data: &Path) -> PathBuf {
    data.join("state/pack.json")
}

/// What was in force when the supervisor last looked.
pub(crate) fn read_state(data: &Path) -> Option<InForce> {
    serde_json::from_slice(&fs::read(state_file(data)).ok()?).ok()
}

/// Puts the installed pack in force if it is whole, trusted and not too old, and the built-in rules otherwise. Says what
/// is in force now, and whether that is news.
pub(crate) fn activate(config: &Config) -> Result<(InForce, bool), CommandError> {
    let data = &config.data;
    let usable = standing(config).and_then(|source| {
        let Some(source) = source else { return Ok(None) };
        // A worker that could not compile it would fall back alone, and the others would not.
        source.compile(&config.scan.code_words).map_err(|error| error.to_string())?;
        check_zone_keys(&source).map_err(|error| error.to_string())?;
        Ok(Some(source))
    });
    let (source, origin, error) = match usable {
        Ok(Some(source)) => (source, Origin::Installed, None),
        Ok(None) => (PackSource::builtin(), Origin::Builtin, None),
        Err(why) => (PackSource::builtin(), Origin::Builtin, Some(why)),
    };
    let bytes = (origin == Origin::Installed).then(|| source.to_bytes());
    let file = active_file(data);
    put(&file, bytes.as_deref()).map_err(|error| CommandError::internal(format!("{}: {error}", file.display())))?;
    let state = InForce { name: source.info().name.clone(), version: source.info().version.to_string(), origin, error };
    let news = read_state(data).unwrap_or_else(InForce::builtin) != state;
    hand_over_keys(data, &source, &state)?;
    let json = serde_json::to_vec(&state).map_err(CommandError::internal)?;
    replace(&state_file(data), &json, 0o644)
        .map_err(|error| CommandError::internal(format!("{}: {error}", state_file(data).display())))?;
    Ok((state, news))
}

/// A pack that says nothing of keys leaves those of the built-in one in force.
fn hand_over_keys(data: &Path, source: &PackSource, state: &InForce) -> Result<(), CommandError> {
    let own = Keys::of(source, &state.to_string()).map_err(CommandError::internal)?;
    let builtin = || Keys::of(&PackSource::builtin(), &InForce::builtin().to_string());
    let keys = own.map_or_else(builtin, |keys| Ok(Some(keys))).map_err(CommandError::internal)?;
    let json = serde_json::to_vec(&keys).map_err(CommandError::internal)?;
    let file = provision::keys_file(data);
    put(&file, Some(&json)).map_err(|error| CommandError::internal(format!("{}: {error}", file.display())))
}

/// Makes a file's content so, or the file gone; one that is so already is left alone, because others follow it.
fn put(file: &Path, bytes: Option<&[u8]>) -> io::Result<()> {
    let there = match fs::read(file) {
        Ok(there) => Some(there),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    match bytes {
        _ if there.as_deref() == bytes => Ok(()),
        Some(bytes) => replace(file, bytes, 0o644),
        None => fs::remove_file(file),
    }
}
