//! The files that name the office's hosts, read again when they change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, interval, timeout};
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

/// Longest wait for them before the first answer; what comes meanwhile waits in the sockets.
const FIRST: Duration = Duration::from_millis(1500);
/// Machines that are told of at once.
const TOLD: usize = 16;

type Stamp = Vec<Option<(SystemTime, u64)>>;

/// What the last reading found to be told.
#[derive(Default)]
pub(super) struct Told {
    /// Files that are there and cannot be read, or should be there.
    faults: BTreeMap<PathBuf, String>,
    /// Machines that are not called as they call themselves.
    left_out: BTreeSet<String>,
    /// What each file held when it could be read.
    last: BTreeMap<PathBuf, Arc<str>>,
}

impl Act {
    /// Puts the hosts of the files in place before anybody is answered: clients keep a "no such name" for longer than any
    /// reading takes. Files on a disk that does not answer are read later.
    pub(crate) async fn read_first(&self) {
        if timeout(FIRST, self.take_names()).await.is_err() {
            warn!("the files that name hosts are slow; their names come later");
        }
    }

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
            // A file may become readable without being another one.
            let faulty = patient && !self.told.lock().faults.is_empty();
            let same = |(stamp, version): &(Stamp, u64)| *stamp == now.0 && (*version == now.1 || !patient);
            if seen.as_ref().is_some_and(same) && !faulty {
                continue;
            }
            (seen, turned) = (Some(now), Instant::now());
            self.take_names().await;
        }
    }

    /// Reads all files again and puts what has changed in place.
    pub(super) async fn take_names(&self) {
        let names = self.read_names().await;
        if names != *self.view().names {
            info!(hosts = names.len(), "the office's hosts were read");
            self.see_names(names);
        }
    }

    async fn read_names(&self) -> Names {
        let domain = self.domain();
        let own_names = self.view().identity.own_names.clone();
        let office = Place { domain: &domain, forwards: &self.config.forward, own_names: &own_names };
        let (mut names, mut leases, mut faults) = (Names::default(), Vec::new(), BTreeMap::new());
        for file in &self.config.hosts_files {
            names.add_hosts(&Arc::from(file.as_path()), &self.read(file, true, &mut faults).await, &domain);
        }
        for file in &self.config.leases_files {
            // A DHCP server writes its first lease late.
            leases.push((Arc::from(file.as_path()), self.read(file, false, &mut faults).await));
        }
        let left_out = names.add_leases(&leases, office, self.seconds()).into_iter().collect();
        for (label, owner, addresses) in self.announced().1 {
            names.add_announced(&label, owner, &addresses, office);
        }
        self.told.lock().tell(faults, left_out);
        names
    }

    /// What a file holds. Where that cannot be said it is a fault, and what the file held last stays in force.
    async fn read(&self, file: &Path, expected: bool, faults: &mut BTreeMap<PathBuf, String>) -> Arc<str> {
        let text: Arc<str> = match read(file).await {
            Ok(text) => text.into(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !expected => Arc::default(),
            Err(error) => {
                faults.insert(file.to_owned(), error.to_string());
                return self.told.lock().last.get(file).cloned().unwrap_or_default();
            }
        };
        self.told.lock().last.insert(file.to_owned(), Arc::clone(&text));
        text
    }

    /// The files of names that cannot be read, and why.
    pub(crate) fn file_faults(&self) -> Vec<(PathBuf, String)> {
        self.told.lock().faults.clone().into_iter().collect()
    }

    /// What follows the first label of the puck's own name.
    fn domain(&self) -> String {
        let view = self.view();
        let own = view.identity.own_names.first();
        own.and_then(|name| name.as_str().split_once('.')).map_or_else(String::new, |(_, domain)| domain.to_owned())
    }
}

/// Nothing but a file is opened: a pipe would be waited for. What is wrong with a folder says the system.
pub(super) fn refuse_pipe(meta: &Metadata) -> io::Result<()> {
    if meta.is_file() || meta.is_dir() { Ok(()) } else { Err(io::Error::other("it is not a regular file")) }
}

/// The text of a file.
async fn read(file: &Path) -> io::Result<String> {
    let meta = tokio::fs::metadata(file).await?;
    refuse_pipe(&meta)?;
    if meta.len() > FILE_MAX {
        return Err(io::Error::other("too large a file for names of hosts"));
    }
    Ok(String::from_utf8_lossy(&tokio::fs::read(file).await?).into_owned())
}

async fn stamp(files: &[PathBuf]) -> Stamp {
    let mut stamp = Vec::new();
    for file in files {
        let meta = tokio::fs::metadata(file).await.ok();
        stamp.push(meta.and_then(|meta| Some((meta.modified().ok()?, meta.len()))));
    }
    stamp
}

impl Told {
    /// Takes down what is to be told, and logs what was not told before.
    fn tell(&mut self, faults: BTreeMap<PathBuf, String>, left_out: BTreeSet<String>) {
        for (file, error) in faults.iter().filter(|(file, error)| self.faults.get(*file) != Some(error)) {
            warn!(file = %file.display(), error, "names of hosts cannot be read");
        }
        // Any guest may lease as many names as it likes.
        let new: Vec<_> = left_out.difference(&self.left_out).collect();
        for words in new.iter().take(TOLD) {
            warn!("{words}: the name is not given to it");
        }
        if let Some(more) = new.len().checked_sub(TOLD).filter(|more| *more > 0) {
            warn!(more, "names that machines call themselves are not given to them");
        }
        (self.faults, self.left_out) = (faults, left_out);
    }
}
