use std::sync::atomic::{AtomicU64, Ordering};

use gate_core::Mode;
use serde::Serialize;

/// A number that only tasks of this process change.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, by: u64) {
        self.0.fetch_sub(by, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the proxy counts while it runs.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) open: Count,
    pub(crate) watched: Count,
    pub(crate) inspected: Count,
    pub(crate) refused: Count,
    pub(crate) admin: Count,
    pub(crate) passed: Count,
    /// Passed on with an Encrypted Client Hello extension, real or GREASE: the name may not be the whole truth.
    pub(crate) passed_with_ech: Count,
    /// Refused because such a name leads elsewhere than the client went.
    pub(crate) refused_with_ech: Count,
    pub(crate) bytes_up: Count,
    pub(crate) bytes_down: Count,
    /// Answers whose tokens could not be read: an unknown or broken coding, or too many at once.
    pub(crate) unread_answers: Count,
    /// Answers to clients with live placeholders that could not be edited.
    pub(crate) unedited_answers: Count,
    pub(crate) journal_failures: Count,
}

/// The counters at one moment, since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CountersSnapshot {
    /// Connections open now.
    pub open: u64,
    pub watched: u64,
    pub inspected: u64,
    pub refused: u64,
    pub admin: u64,
    pub passed: u64,
    pub passed_with_ech: u64,
    pub refused_with_ech: u64,
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub unread_answers: u64,
    pub unedited_answers: u64,
    pub journal_failures: u64,
}

impl Counters {
    /// The counter of connections that ended in this mode.
    pub(crate) fn of(&self, mode: Mode) -> &Count {
        match mode {
            Mode::Watched => &self.watched,
            Mode::Inspected => &self.inspected,
            Mode::Refused => &self.refused,
            Mode::Admin => &self.admin,
            Mode::Passed => &self.passed,
        }
    }

    pub(crate) fn snapshot(&self) -> CountersSnapshot {
        CountersSnapshot {
            open: self.open.get(),
            watched: self.watched.get(),
            inspected: self.inspected.get(),
            refused: self.refused.get(),
            admin: self.admin.get(),
            passed: self.passed.get(),
            passed_with_ech: self.passed_with_ech.get(),
            refused_with_ech: self.refused_with_ech.get(),
            bytes_up: self.bytes_up.get(),
            bytes_down: self.bytes_down.get(),
            unread_answers: self.unread_answers.get(),
            unedited_answers: self.unedited_answers.get(),
            journal_failures: self.journal_failures.get(),
        }
    }
}
