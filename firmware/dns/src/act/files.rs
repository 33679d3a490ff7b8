//! The files that name the office's hosts, read again when they change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Act;
use crate::decide::{Names, Place};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(2);
/// Names that hosts announce are taken over so often at most: each change empties the tables of copies.
const TURN: Duration = Duration::from_secs(5);
/// Larger files are not read: no office has so many hosts.
const FILE_MAX: u64 = 4 << 20;

type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Act {
    /// Keeps the names of hosts as the files say, and the hosts themselves, until `stop`.
    pub(crate) async fn follow_files(self: Arc<Self>, stop: CancellationToken) {
        let files: Vec<PathBuf> = self.config.hosts_files.iter().chain(&self.config.leases_files).cloned().collect();
        if files.is_empty() && !self.config.mdns {
            return;
        }
        let mut ticks = interval(LOOK);
        // Without files and before anybody has announced anything there is nothing to do.
        let mut seen = files.is_empty().then(|| (Stamp::new(), 0));
        let mut turned = Instant::now();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = (stamp(&files).await, self.announced().0);
            let patient = turned.elapsed() >= TURN;
            if seen.as_ref().is_some_and(|(stamp, version)| *stamp == now.0 && (*version == now.1 || !patient)) {
                continue;
            }
            (seen, turned) = (Some(now), Instant::now());
            let names = self.read_names().await;
            info!(hosts = names.len(), "the office's hosts were read");
            self.see_names(names);
        }
    }

    pub(super) async fn read_names(&self) -> Names {
        let domain = self.domain();
        let office = Place { domain: &domain, forwards: &self.config.forward };
        let mut names = Names::default();
        for file in &self.config.hosts_files {
            names.add_hosts(&read(file).await, &domain);
        }
        for file in &self.config.leases_files {
            names.add_leases(&read(file).await, office, self.seconds());
        }
        for (label, addresses) in self.announced().1 {
            names.add_announced(&label, &addresses, office);
        }
        names
    }

    /// What follows the first label of the puck's own name.
    fn domain(&self) -> String {
        let view = self.view();
        let own = view.identity.own_names.first();
        own.and_then(|name| name.as_str().split_once('.')).map_or_else(String::new, |(_, domain)| domain.to_owned())
    }
}

async fn stamp(files: &[PathBuf]) -> Stamp {
    let mut stamp = Vec::new();
    for file in files {
        let meta = tokio::fs::metadata(file).await.ok();
        stamp.push(meta.and_then(|meta| Some((meta.modified().ok()?, meta.len()))));
    }
    stamp
}

/// A file that is missing has no names: a DHCP server writes its first lease late.
async fn read(file: &PathBuf) -> String {
    match tokio::fs::metadata(file).await {
        Ok(meta) if meta.len() > FILE_MAX => warn!(file = %file.display(), "too large a file for names of hosts"),
        Ok(_) => match tokio::fs::read(file).await {
            Ok(bytes) => return String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => warn!(file = %file.display(), %error, "names of hosts cannot be read"),
        },
        Err(error) => info!(file = %file.display(), %error, "no names of hosts yet"),
    }
    String::new()
}
