//! What the proxy could not do as it should, for `nanogate status`, the page and the metrics: a small file that is written
//! where one of the numbers has changed.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_admin::Shortfalls;
use gate_proxy::{CountersSnapshot, Proxy};
use tokio_util::sync::CancellationToken;

use crate::provision;
use crate::run_state::replace_soon;

/// How often the numbers are looked at; the file is written no more often. Some of them grow with every page of a browser,
/// while a card lasts for so many writes.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest file; a less trusted process wrote it.
const FILE_MAX: u64 = 4 << 10;

/// What was counted since the proxy started, as far as it has said.
pub(crate) fn read(data: &Path) -> Shortfalls {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(provision::shortfalls_file(data)).ok()?.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    read().unwrap_or_default()
}

/// Keeps the file until `stop`.
pub(super) async fn keep(proxy: &Proxy, data: &Path, stop: &CancellationToken) {
    keep_of(|| of(&proxy.counters()), data, stop).await;
}

async fn keep_of(count: impl Fn() -> Shortfalls, data: &Path, stop: &CancellationToken) {
    let mut last = None;
    loop {
        let now = count();
        if last.as_ref() != Some(&now) {
            // Without a disk it is tried again, and complained of again, when there is more to tell.
            write(provision::shortfalls_file(data), now.clone()).await;
            last = Some(now);
        }
        if stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_none() {
            return;
        }
    }
}

fn of(counters: &CountersSnapshot) -> Shortfalls {
    Shortfalls {
        unread_answers: counters.unread_answers,
        unedited_answers: counters.unedited_answers,
        passed_with_ech: counters.passed_with_ech,
        refused_with_ech: counters.refused_with_ech,
        journal_failures: counters.journal_failures,
    }
}

/// The disk may take its time: the numbers begin anew with the process.
async fn write(file: PathBuf, shortfalls: Shortfalls) {
    let write = move || replace_soon(&file, &serde_json::to_vec(&shortfalls)?, 0o640).map(drop);
    let written = tokio::task::spawn_blocking(write);
    if let Err(error) = written.await.map_err(std::io::Error::other).flatten() {
        tracing::error!(%error, "what the proxy counts could not be told");
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::time::Duration;

    use gate_admin::Shortfalls;
    use tokio_util::sync::CancellationToken;

    use super::{keep_of, read, write};
    use crate::provision;

    #[tokio::test(start_paused = true)]
    async fn what_grows_all_the_time_is_written_once_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(provision::proxy_state_dir(folder.path())).unwrap();
        let (counted, written) = (Cell::new(0), RefCell::new(Vec::new()));
        // Asked after each write.
        let count = || {
            written.borrow_mut().push(read(folder.path()).passed_with_ech);
            counted.set(counted.get() + 1);
            Shortfalls { passed_with_ech: counted.get(), ..Shortfalls::default() }
        };
        let stop = CancellationToken::new();
        let hour = tokio::time::timeout(Duration::from_secs(3600 - 1), keep_of(count, folder.path(), &stop));
        assert!(hour.await.is_err());
        assert_eq!(*written.borrow(), (0..60).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_rubbish_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Shortfalls::default());
        std::fs::create_dir_all(provision::proxy_state_dir(folder.path())).unwrap();
        let told = Shortfalls { unread_answers: 1, journal_failures: 7, ..Shortfalls::default() };
        write(provision::shortfalls_file(folder.path()), told.clone()).await;
        assert_eq!(read(folder.path()), told);
        std::fs::write(provision::shortfalls_file(folder.path()), b"{").unwrap();
        assert_eq!(read(folder.path()), Shortfalls::default());
    }
}
