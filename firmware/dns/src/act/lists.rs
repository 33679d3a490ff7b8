//! The office's groups and their block lists: which there are, what stands in them, read again when they change.

mod kept;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Act;
use super::fetch::kept_file;
use super::files::refuse_pipe;
use crate::config::{Group, List, forward_of};
use crate::decide::{Groups, Key, Lists, NAMES_MAX, Table, View};
use crate::parse::Query;

/// How often it is looked whether a list has changed.
const LOOK: Duration = Duration::from_secs(2);
/// So long at most nobody is answered from past a list that has never been read: a million names take a small board less.
/// Then names have to be resolved, whatever is wrong with the disk.
const HOLD: Duration = Duration::from_secs(3);
/// Longest wait for what an earlier process has read, before the first answer: five million names are 30 MB on the disk.
const FIRST: Duration = Duration::from_millis(1500);
/// No more of a list is read.
pub(super) const LIST_MAX: u64 = 256 << 20;
/// Longer lines of it speak of more than names.
const LINE_MAX: u64 = 1024;

/// What tells one content of a file from another.
type Stamp = (SystemTime, u64);

/// What the rules of the groups are made of.
pub(super) struct Desk {
    papers: Mutex<Papers>,
    /// There are other groups, or another list was fetched.
    pub(super) changed: Notify,
    /// A list was looked at.
    looked: Notify,
}

#[derive(Default)]
struct Papers {
    groups: Vec<Group>,
    tables: HashMap<List, (Option<Stamp>, Arc<Table>)>,
    /// What all tables are hashed with.
    key: Option<Key>,
    /// Lists of which it is known whether an earlier process has kept them.
    tried: HashSet<List>,
    /// Why lists could not be read the last time.
    faults: HashMap<List, String>,
    /// Those that were looked at, read or not: what they hold is as well known as it will be for now.
    looked: HashSet<List>,
    /// Until when those that were not are waited for.
    patience: Option<Instant>,
}

impl Desk {
    pub(super) fn new(groups: Vec<Group>) -> Self {
        let papers = Papers { groups, patience: Some(Instant::now() + HOLD), ..Papers::default() };
        Self { papers: Mutex::new(papers), changed: Notify::new(), looked: Notify::new() }
    }

    pub(super) fn see(&self, groups: Vec<Group>) {
        let mut papers = self.papers.lock();
        papers.groups = groups;
        papers.patience = Some(Instant::now() + HOLD);
        drop(papers);
        self.changed.notify_waiters();
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        self.papers.lock().groups.clone()
    }

    /// Why a list could not be read the last time.
    pub(super) fn fault(&self, list: &List) -> Option<String> {
        self.papers.lock().faults.get(list).cloned()
    }

    /// Takes a fault down; whether it is another one than the last time.
    fn note(&self, list: &List, fault: &io::Error) -> bool {
        let (mut papers, fault) = (self.papers.lock(), fault.to_string());
        papers.faults.insert(list.clone(), fault.clone()) != Some(fault)
    }

    /// Puts a list in force as it was read when its file was as `stamp` says.
    fn put(&self, list: &List, stamp: Option<Stamp>, table: Table) {
        let mut papers = self.papers.lock();
        papers.key.get_or_insert(table.key());
        papers.tables.insert(list.clone(), (stamp, Arc::new(table)));
        papers.looked.insert(list.clone());
    }

    /// What the list holds, if it was ever read.
    pub(super) fn table(&self, list: &List) -> Option<Arc<Table>> {
        self.papers.lock().tables.get(list).map(|(_, table)| Arc::clone(table))
    }
}

impl Act {
    /// Every list that somebody is answered by, once.
    pub(super) fn lists(&self) -> Vec<List> {
        let groups = self.desk.groups();
        let own = groups.iter().filter_map(|group| group.block_lists.as_ref()).flatten();
        let mut lists: Vec<List> = Vec::new();
        for list in self.config.block_lists.iter().chain(own) {
            if !lists.contains(list) {
                lists.push(list.clone());
            }
        }
        lists
    }

    /// Puts what lies on the desk in place for everybody.
    pub(super) fn judge_by_desk(&self) {
        let papers = self.desk.papers.lock();
        let named = |lists: &[List]| {
            let table = |list: &List| Some((list.to_string().into(), Arc::clone(&papers.tables.get(list)?.1)));
            let awaited = lists.iter().any(|list| !papers.looked.contains(list));
            Lists { read: lists.iter().filter_map(table).collect(), awaited }
        };
        let own = |group: &Group| group.block_lists.as_deref().map(named);
        let groups = Arc::new(Groups::new(&papers.groups, &named(&self.config.block_lists), own));
        // The lock is held until then, so that of two changes the later one wins.
        self.change(|view| View { groups: Arc::clone(&groups), ..view.clone() });
    }

    /// Whether the answer to a client's question has to wait until its lists are read. Names of the office's own zones are not
    /// blocked by any.
    pub(super) fn awaits_lists(&self, query: &Query, view: &View) -> bool {
        view.groups.rules(query.manner.group).awaits_lists()
            && forward_of(&self.config.forward, query.name.folded()).is_none()
            && self.desk.papers.lock().patience.is_some_and(|end| Instant::now() < end)
    }

    /// Waits until it need not wait any more.
    pub(super) async fn lists_looked_at(&self, query: &Query) {
        loop {
            // Made before it is looked, so that nothing is missed between.
            let looked = self.desk.looked.notified();
            let patience = self.desk.papers.lock().patience;
            if !self.awaits_lists(query, &self.view()) {
                return;
            }
            let _ = timeout_at(patience.unwrap_or_else(Instant::now), looked).await;
        }
    }

    /// A list is as well known as it will be for now.
    fn look_at(&self, list: &List) {
        if self.desk.papers.lock().looked.insert(list.clone()) {
            self.judge_by_desk();
        }
        self.desk.looked.notify_waiters();
    }

    /// Keeps the lists as their files say, until `stop`. Whoever writes such a file puts it in place whole.
    pub(crate) async fn follow_lists(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let changed = self.desk.changed.notified();
            self.read_lists(true).await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = changed => {}
                () = sleep(LOOK) => {}
            }
        }
    }

    /// Puts the lists in force that an earlier process has kept, before anybody is answered. From a disk that does not answer
    /// they come later.
    pub(crate) async fn take_kept_first(&self) {
        let lists = self.lists();
        if let Some(folder) = self.config.lists_folder.clone() {
            let lists = lists.clone();
            // Nobody waits for it.
            drop(tokio::task::spawn_blocking(move || kept::forget_others(&folder, &lists)));
        }
        let all = async {
            for list in &lists {
                self.take_kept(list).await;
            }
        };
        if timeout(FIRST, all).await.is_err() {
            warn!("the kept block lists are slow: until they are there, no name is blocked");
        }
    }

    /// Puts a list in force that an earlier process has kept, once.
    async fn take_kept(&self, list: &List) {
        let Some(folder) = &self.config.lists_folder else { return };
        if self.desk.table(list).is_some() || self.desk.papers.lock().tried.contains(list) {
            return;
        }
        let (from, room) = (kept::file(folder, list), self.room_beside(list));
        let loaded = tokio::task::spawn_blocking(move || kept::load(&from, room)).await;
        match loaded.map_err(io::Error::other).flatten() {
            Ok(Some((stamp, table))) => {
                info!(%list, names = table.len(), "a block list is in force as it was kept");
                // One that had too little room is read again: there may be more now.
                self.desk.put(list, Some(stamp).filter(|_| table.left_out() == 0), table);
                self.judge_by_desk();
                self.desk.looked.notify_waiters();
            }
            Ok(None) => {}
            Err(error) => warn!(%list, %error, "a kept block list cannot be used; the list itself is read"),
        }
        self.desk.papers.lock().tried.insert(list.clone());
    }

    /// Reads the lists that have changed, one after the other: each is in place before the next one takes memory. What was
    /// read is kept for the next process if `keep` says so.
    pub(super) async fn read_lists(&self, keep: bool) {
        let lists = self.lists();
        self.forget_lists(&lists);
        for list in &lists {
            self.take_kept(list).await;
        }
        // Those that are not there are no reason to wait for.
        let absent = |list: &&List| self.list_path(list).is_none_or(|path| !path.exists());
        lists.iter().filter(absent).for_each(|list| self.look_at(list));
        for list in lists {
            let Some(path) = self.list_path(&list) else { continue };
            let stamp = stamp(&path);
            let known = self.desk.papers.lock().tables.get(&list).map(|(known, _)| *known);
            let faulty = self.desk.fault(&list).is_some();
            if known == Some(stamp) && !faulty || known.is_none() && stamp.is_none() && matches!(list, List::Url(_)) {
                continue;
            }
            let (room, key) = (self.room_beside(&list), self.key());
            let to = self.config.lists_folder.as_deref().zip(stamp).filter(|_| keep);
            let to = to.map(|(folder, stamp)| (kept::file(folder, &list), stamp));
            // Millions of lines are not read beside the questions of clients.
            let read = tokio::task::spawn_blocking(move || {
                let table = read(&path, room, key)?;
                if let Some((file, stamp)) = to
                    && let Err(error) = kept::save(&file, stamp, &table)
                {
                    warn!(%error, file = %file.display(), "a block list could not be kept: the next start reads it again");
                }
                Ok(table)
            });
            let read = read.await;
            match read.map_err(io::Error::other).flatten() {
                Ok(table) => {
                    let (names, bytes, foreign) = (table.len(), table.bytes(), table.foreign());
                    info!(%list, names, bytes, foreign, left_out = table.left_out(), "a block list was read");
                    self.desk.papers.lock().faults.remove(&list);
                    self.desk.put(&list, stamp, table);
                    self.judge_by_desk();
                    self.desk.looked.notify_waiters();
                }
                // Tried again each time, because a file may become readable without being another one; told once.
                Err(error) => {
                    if self.desk.note(&list, &error) {
                        warn!(%list, %error, "a block list cannot be read; what it held before holds on");
                    }
                    self.look_at(&list);
                }
            }
        }
    }

    /// Gives up the lists that nobody is answered by any more.
    fn forget_lists(&self, lists: &[List]) {
        let mut papers = self.desk.papers.lock();
        let before = papers.tables.len();
        papers.tables.retain(|list, _| lists.contains(list));
        papers.faults.retain(|list, _| lists.contains(list));
        papers.looked.retain(|list| lists.contains(list));
        papers.tried.retain(|list| lists.contains(list));
        let fewer = papers.tables.len() < before;
        drop(papers);
        if fewer {
            self.judge_by_desk();
        }
    }

    /// How many names a list may hold beside the others.
    fn room_beside(&self, list: &List) -> usize {
        let papers = self.desk.papers.lock();
        let others: usize =
            papers.tables.iter().filter(|(one, _)| *one != list).map(|(_, (_, table))| table.len()).sum();
        self.config.block_names.min(NAMES_MAX).saturating_sub(others)
    }

    /// What lists are hashed with: all with the same, also those that an earlier process has kept.
    fn key(&self) -> Key {
        *self.desk.papers.lock().key.get_or_insert_with(Key::random)
    }

    /// Where a list lies.
    fn list_path(&self, list: &List) -> Option<PathBuf> {
        match list {
            List::File(path) => Some(path.clone()),
            List::Url(url) => Some(kept_file(self.config.lists_folder.as_deref()?, url)),
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path, room: usize, key: Key) -> io::Result<Table> {
    refuse_pipe(&fs::metadata(path)?)?;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len().min(LIST_MAX);
    Table::read(key, length, room, |each| {
        file.rewind()?;
        lines(BufReader::new((&file).take(LIST_MAX)), each)
    })
}

/// Hands out each line. Those too long for a name are passed over, so that no file makes us hold more than one piece of it.
fn lines(mut reader: impl BufRead, each: &mut dyn FnMut(&str)) -> io::Result<()> {
    let (mut line, mut whole) = (Vec::new(), true);
    while reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? > 0 {
        let ends = line.ends_with(b"\n") || line.len() < LINE_MAX as usize;
        if whole && ends {
            each(&String::from_utf8_lossy(&line));
        }
        whole = ends;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn lines_without_an_end_are_passed_over() {
        let endless =
            format!("{}.a.example\n||b.example^\n{} c.example\nd.example", "x".repeat(5000), "y".repeat(2048));
        let mut read = Vec::new();
        lines(endless.as_bytes(), &mut |line| read.push(line.trim().to_owned())).unwrap();
        assert_eq!(read, ["||b.example^", "d.example"]);
    }
}
