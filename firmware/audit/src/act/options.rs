use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::OpenError;
use crate::parse::FRAME_CAP;

/// How a chain is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whose chain it is, such as `proxy`; names the thread.
    pub process: String,
    /// A segment that reached this size is closed and the next one begun.
    pub segment_bytes: u64,
    /// The most a power cut can take.
    pub sync_interval: Duration,
    /// All segments together; the oldest are dropped under a tombstone.
    pub max_total_bytes: u64,
    /// A head is signed after this many records,
    pub head_records: u64,
    /// and after this time if any record came since the last one.
    pub head_interval: Duration,
    /// What may wait in memory while the disk takes nothing; 0: nothing, an append fails then.
    pub memory_bytes: usize,
}

/// The `[journal]` table of the configuration file; every process gets a chain with these settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Size at which a segment file is closed and the next one begun, in bytes. Default 8388608 (8 MiB).
    pub segment_bytes: u64,
    /// The most that one process's journal may take on disk, in bytes; beyond it the oldest segments are dropped under
    /// a signed tombstone. Default 268435456 (256 MiB).
    pub max_total_bytes: u64,
    /// How often records are forced to disk, in milliseconds: the most that a power cut can take. Records survive the
    /// death of the process in any case. Default 1000.
    pub sync_ms: u64,
    /// A signed head is written after this many records. Default 1024.
    pub head_records: u64,
    /// A signed head is written after this time, in seconds, if any record came since the last one. Default 30.
    pub head_seconds: u64,
    /// How much of records each process may keep in memory while the disk takes none, in MiB; they are gone if the process
    /// ends before. 0 keeps none: without a journal AI traffic is denied. Default 0.
    pub in_memory_mib: u64,
    /// The data folder itself lies in memory and is gone at the next start: then too AI traffic is denied, unless
    /// `in_memory_mib` allows a journal of that size. A device without a card says so. Default false.
    pub volatile: bool,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            max_total_bytes: 256 << 20,
            sync_ms: 1000,
            head_records: 1024,
            head_seconds: 30,
            in_memory_mib: 0,
            volatile: false,
        }
    }
}

/// Beyond it, it would be a disk.
const MOST_IN_MEMORY_MIB: u64 = 256;

impl JournalConfig {
    /// The options of one process's chain.
    pub fn options(&self, process: &str) -> Options {
        let memory = self.in_memory_mib << 20;
        // In memory the bound holds for the segments themselves.
        let most = if self.volatile { memory.max(1 << 20) } else { u64::MAX };
        let segment = if self.volatile { most / 8 } else { u64::MAX };
        Options {
            process: process.to_owned(),
            segment_bytes: self.segment_bytes.min(segment),
            sync_interval: Duration::from_millis(self.sync_ms),
            max_total_bytes: self.max_total_bytes.min(most),
            head_records: self.head_records,
            head_interval: Duration::from_secs(self.head_seconds),
            memory_bytes: usize::try_from(memory).unwrap_or(usize::MAX),
        }
    }

    /// Whether what is written now counts as recorded: a journal that is gone at the next start does only if the owner
    /// said so.
    pub fn is_evidence(&self) -> bool {
        !self.volatile || self.in_memory_mib > 0
    }

    /// Checks the settings without opening anything; the error names the key.
    pub fn check(&self) -> Result<(), OpenError> {
        if self.in_memory_mib > MOST_IN_MEMORY_MIB {
            let why = format!("{} is more than {MOST_IN_MEMORY_MIB}", self.in_memory_mib);
            return Err(OpenError::Options { key: "in_memory_mib", why });
        }
        self.options("").check()
    }
}

impl Options {
    /// The least `max_total_bytes` for a segment size: the newest segment, one before it, and the frame by which each
    /// may pass its size.
    pub(crate) fn least_total(segment_bytes: u64) -> u64 {
        segment_bytes.saturating_add(2 * FRAME_CAP as u64).saturating_mul(2)
    }

    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let rows = [
            ("segment_bytes", self.segment_bytes, 4096, 1 << 30),
            ("max_total_bytes", self.max_total_bytes, Self::least_total(self.segment_bytes), u64::MAX),
            ("sync_ms", millis(self.sync_interval), 1, 60_000),
            ("head_records", self.head_records, 1, 1 << 20),
            ("head_seconds", millis(self.head_interval).div_ceil(1000), 1, 3600),
        ];
        for (key, value, least, most) in rows {
            if !(least..=most).contains(&value) {
                return Err(OpenError::Options { key, why: format!("{value} is not between {least} and {most}") });
            }
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::JournalConfig;

    #[test]
    fn the_defaults_are_valid() {
        JournalConfig::default().check().unwrap();
    }

    #[test]
    fn a_journal_in_memory_fits_its_bound_and_counts_only_with_leave() {
        let volatile = JournalConfig { volatile: true, ..JournalConfig::default() };
        assert!(JournalConfig::default().is_evidence() && !volatile.is_evidence());
        volatile.check().unwrap();
        let allowed = JournalConfig { in_memory_mib: 4, ..volatile };
        assert!(allowed.is_evidence());
        allowed.check().unwrap();
        assert_eq!(allowed.options("proxy").max_total_bytes, 4 << 20);
    }

    #[test]
    fn a_bad_setting_is_named() {
        let base = JournalConfig::default();
        for (config, said) in [
            (JournalConfig { segment_bytes: 4095, ..base.clone() }, "segment_bytes: 4095 is not between 4096 and"),
            (JournalConfig { segment_bytes: u64::MAX, ..base.clone() }, "segment_bytes: 18446744073709551615 is not"),
            (JournalConfig { max_total_bytes: 8 << 20, ..base.clone() }, "max_total_bytes: 8388608 is not between"),
            (JournalConfig { sync_ms: 0, ..base.clone() }, "sync_ms: 0 is not between 1 and 60000"),
            (JournalConfig { head_records: 0, ..base.clone() }, "head_records: 0 is not"),
            (JournalConfig { in_memory_mib: 257, ..base.clone() }, "in_memory_mib: 257 is more than 256"),
            (JournalConfig { head_seconds: 0, ..base }, "head_seconds: 0 is not"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
