//! The files that name the office's hosts, read again when they change.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Act;
use crate::decide::{Blocked, Names};

/// How often it is looked whether a file has changed.
const LOOK: Duration = Duration::from_secs(2);
/// Larger files are not read: no office has so many hosts.
const FILE_MAX: u64 = 4 << 20;
/// No more of a block list is read.
const LIST_MAX: u64 = 512 << 20;
/// Longer lines of it speak of more than names.
const LINE_MAX: u64 = 1024;

type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Act {
    /// Keeps the names of hosts as the files say, until `stop`.
    pub(crate) async fn follow_files(self: Arc<Self>, stop: CancellationToken) {
        let files: Vec<PathBuf> = self.config.hosts_files.iter().chain(&self.config.leases_files).cloned().collect();
        if files.is_empty() {
            return;
        }
        let mut ticks = interval(LOOK);
        let mut seen = None;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let stamp = stamp(&files).await;
            if seen.as_ref() == Some(&stamp) {
                continue;
            }
            seen = Some(stamp);
            let names = self.read_names().await;
            info!(hosts = names.len(), "the office's hosts were read");
            self.see_names(names);
        }
    }

    /// Keeps the block lists as their files say, until `stop`. Whoever writes such a file puts it in place whole.
    pub(crate) async fn follow_lists(self: Arc<Self>, stop: CancellationToken) {
        let files = &self.config.block_lists;
        if files.is_empty() {
            return;
        }
        let mut ticks = interval(LOOK);
        let mut seen = None;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let stamp = stamp(files).await;
            if seen.as_ref() != Some(&stamp) {
                seen = Some(stamp);
                self.read_lists().await;
            }
        }
    }

    pub(super) async fn read_lists(&self) {
        let files = self.config.block_lists.clone();
        // Millions of lines are not read beside the questions of clients.
        match tokio::task::spawn_blocking(move || lists(&files)).await {
            Ok(blocked) => {
                info!(names = blocked.len(), "the block lists were read");
                self.see_blocked(blocked);
            }
            Err(error) => warn!(%error, "the block lists could not be read; the former ones hold"),
        }
    }

    pub(super) async fn read_names(&self) -> Names {
        let domain = self.domain();
        let mut names = Names::default();
        for file in &self.config.hosts_files {
            names.add_hosts(&read(file).await, &domain);
        }
        for file in &self.config.leases_files {
            names.add_leases(&read(file).await, &domain, self.seconds());
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

fn lists(files: &[PathBuf]) -> Blocked {
    let mut blocked = Blocked::default();
    for file in files {
        let read = File::open(file).and_then(|open| list(BufReader::new(open.take(LIST_MAX)), &mut blocked));
        if let Err(error) = read {
            warn!(file = %file.display(), %error, "a block list cannot be read");
        }
    }
    blocked.finish();
    blocked
}

/// Lines too long for a name are passed over, so that no file makes us hold more than one piece of it.
fn list(mut reader: impl BufRead, blocked: &mut Blocked) -> io::Result<()> {
    let (mut line, mut whole) = (Vec::new(), true);
    while reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
        let ends = line.ends_with(b"\n") || line.len() < LINE_MAX as usize;
        if whole && ends {
            blocked.add_line(&String::from_utf8_lossy(&line));
        }
        whole = ends;
        line.clear();
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::list;
    use crate::decide::Blocked;

    #[test]
    fn lines_without_an_end_are_passed_over() {
        let mut blocked = Blocked::default();
        let endless =
            format!("{}.a.example\n||b.example^\n{} c.example\nd.example", "x".repeat(5000), "y".repeat(2048));
        list(endless.as_bytes(), &mut blocked).unwrap();
        blocked.finish();
        assert_eq!(blocked.len(), 2, "b and d");
    }
}
