use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Event;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnixMicros(pub u64);

/// Where the time comes from; tests pass their own.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> UnixMicros;
}

/// The machine's clock, read by `daemon` and handed to everyone else as a [`Clock`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMicros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMicros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Where a record stands in its chain: the sequence number, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Position(pub u64);

/// Why a record was not taken.
#[derive(Debug, Error)]
pub enum JournalError {
    #[error("the journal could not be written: {0}")]
    Io(#[from] std::io::Error),
    #[error("the record is {size} bytes, more than the {cap} a frame may hold")]
    TooLarge { size: usize, cap: usize },
    #[error("the journal is closed after an earlier failure")]
    Closed,
}

/// The last station of every corridor.
pub trait Journal: Send + Sync + 'static {
    /// Appends one record. When this returns `Ok` the record survives the death of the process.
    fn append(&self, event: &Event) -> Result<Position, JournalError>;

    /// Whether records are taken, as far as that is known without one.
    fn is_open(&self) -> bool {
        true
    }
}
