//! The groups of clients, which change without a restart: the supervisor reads the owner's file and hands the workers what
//! it says of them.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use gate_dns::{Dns, Group};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::papers::Papers;
use crate::provision;
use crate::worker::follow_file;

/// Longest file: each group has a few lines.
const FILE_CAP: u64 = 1 << 20;

/// Puts every new version in force, until `stop`.
pub(super) async fn follow(dns: &Dns, file: &Path, stop: &CancellationToken) {
    follow_file(Some(file), stop.clone(), async || match read(file) {
        Ok(groups) => {
            tracing::info!(groups = groups.len(), "the groups of clients are in force");
            dns.see_groups(groups);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::error!(%error, file = %file.display(), "the groups of clients stay as they were"),
    })
    .await;
}

/// The settings with the groups that were handed over last.
pub(super) fn in_force(config: &Config, papers: &Papers) -> Config {
    let mut config = config.clone();
    let read = papers.read(&provision::groups_file(&config.data));
    match read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)) {
        Ok(groups) => config.dns.groups = groups,
        Err(error) => tracing::error!(%error, "the groups of clients are those of the daemon's start"),
    }
    config
}

fn read(file: &Path) -> io::Result<Vec<Group>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(FILE_CAP).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}
