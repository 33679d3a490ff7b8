//! The resolver's cache between two lives of the `dns` worker: an office that has lost its power starts with the answers of
//! before, and serves them stale should its line come back later than the puck.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate_dns::{CacheFileError, Counters, Dns};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::run_state;

/// How often it is looked whether it is to be written while the process runs.
const EVERY: Duration = Duration::from_secs(60);
/// It is written no more often than this: the least that a power cut may cost.
const PAUSE: Duration = Duration::from_secs(300);
/// So long a few new answers may wait; many are written as soon as flash memory allows.
const AT_LAST: Duration = Duration::from_secs(1800);
/// Many: one in so many of those that are kept.
const MANY: u64 = 16;
/// What may be written a day: an eighth of the 200 MB that the whole device may, most of which are the journal's. The 100 KB
/// of an office of ten can so be written every nine minutes, 1 MB every hour, and the 8 MB that a cache of the default size
/// has at most three times a day.
const BYTES_A_DAY: u64 = 24_000_000;
/// What the file system writes beside the file when one takes another's place, about (ext4 with its journal).
const BESIDE: u64 = 48_000;
const DAY: Duration = Duration::from_secs(86_400);
/// Most that is read of a file; a whole cache of the default size takes an eighth of it.
const FILE_CAP: u64 = 64 << 20;

/// Takes over what the process before had written. Answers can be asked for again, so nothing here is an error.
pub(super) fn load(dns: &Dns, file: &Path) {
    match File::open(file)
        .map_err(CacheFileError::from)
        .and_then(|from| dns.load(&mut BufReader::new(from.take(FILE_CAP))))
    {
        Ok(count) => tracing::info!(count, "took over the answers of before"),
        Err(CacheFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, file = %file.display(), "the answers of before cannot be read"),
    }
}

/// Writes the cache when it has changed, until `stop`.
pub(super) async fn keep(dns: &Arc<Dns>, file: &Path, stop: &CancellationToken) {
    let mut last = Written::new(Instant::now(), 0, 0);
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let counters = dns.counters();
        if !last.is_over(Instant::now(), &counters) {
            continue;
        }
        let (dns, file) = (Arc::clone(dns), file.to_owned());
        // Disks are slow, and this thread waits for upstreams.
        let bytes = tokio::task::spawn_blocking(move || save(&dns, &file)).await.unwrap_or_default();
        last = Written::new(Instant::now(), news(&counters), bytes);
    }
}

/// What was written last.
struct Written {
    at: Instant,
    news: u64,
    /// The time in which as much may be written as was then.
    paid: Duration,
}

impl Written {
    fn new(at: Instant, news: u64, bytes: u64) -> Self {
        let paid = Duration::from_secs(DAY.as_secs() * (bytes + BESIDE) / BYTES_A_DAY);
        Self { at, news, paid: paid.max(PAUSE) }
    }

    /// Whether it is to be written again.
    fn is_over(&self, now: Instant, counters: &Counters) -> bool {
        let (new, age) = (news(counters).saturating_sub(self.news), now.saturating_duration_since(self.at));
        let many = new * MANY >= counters.cache_entries;
        new > 0 && age >= self.paid && (many || age >= AT_LAST)
    }
}

/// Answers that came from upstreams since the start: all that changes the cache, but for time.
fn news(counters: &Counters) -> u64 {
    counters.forwarded + counters.prefetched
}

/// Replaces the whole file; how many bytes that took.
pub(super) fn save(dns: &Dns, file: &Path) -> u64 {
    let mut bytes = 0;
    let write = |out: &mut File| {
        dns.save(&mut BufWriter::new(&mut *out))?;
        bytes = out.metadata()?.len();
        Ok(())
    };
    // It says what the office asked for.
    if let Err(error) = run_state::replace_with(file, 0o600, write) {
        tracing::warn!(%error, file = %file.display(), "the answers could not be kept for the next start");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gate_dns::Counters;
    use tokio::time::Instant;

    use super::{BESIDE, BYTES_A_DAY, DAY, EVERY, PAUSE, Written};

    fn counters(forwarded: u64, cache_entries: u64) -> Counters {
        Counters { forwarded, cache_entries, ..Counters::default() }
    }

    #[test]
    fn it_is_written_soon_when_much_is_new_late_when_little_is_and_never_for_nothing() {
        // A machine may have been started a moment ago.
        let now = Instant::now() + 2 * DAY;
        let last = |seconds, bytes| Written::new(now - Duration::from_secs(seconds), 500, bytes);
        assert!(last(300, 10_000).is_over(now, &counters(600, 1600)), "one in sixteen is new");
        assert!(!last(300, 10_000).is_over(now, &counters(599, 1600)), "fewer can wait");
        assert!(last(1800, 10_000).is_over(now, &counters(501, 1600)), "for half an hour");
        assert!(!last(86_400, 10_000).is_over(now, &counters(500, 1600)), "nothing is new");
        assert!(!last(299, 0).is_over(now, &counters(2000, 1600)), "not at once");
        assert!(!last(300, 100_000).is_over(now, &counters(2000, 1600)), "flash memory is paid for first");
        assert!(last(533, 100_000).is_over(now, &counters(2000, 1600)));
    }

    #[test]
    fn a_busy_day_writes_no_more_than_it_may() {
        for bytes in [5_000, 100_000, 1_000_000, 8_000_000] {
            let (start, mut written) = (Instant::now(), 0);
            let mut last = Written::new(start, 0, 0);
            for tick in 1..=(DAY.as_secs() / EVERY.as_secs()) {
                let now = start + Duration::from_secs(tick * EVERY.as_secs());
                if last.is_over(now, &counters(tick * 1000, 1000)) {
                    written += bytes + BESIDE;
                    last = Written::new(now, tick * 1000, bytes);
                }
            }
            let (one, times) = (bytes + BESIDE, DAY.as_secs() / PAUSE.as_secs());
            assert!(written <= BYTES_A_DAY + one, "{written} bytes for files of {bytes}");
            assert!(written >= BYTES_A_DAY.min(times * one) * 3 / 4, "and not much less: {written} for {bytes}");
        }
    }
}
