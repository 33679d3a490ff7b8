//! A journal that may not be there yet: for a worker that the office needs more than its records.

use std::time::Duration;

use gate_audit::ChainWriter;
use gate_core::{Event, Journal, JournalError, Position};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::CommandError;

/// Between two tries to open it.
const AGAIN: Duration = Duration::from_secs(10);

/// Opens its chain at the start, or with a record that comes later: what is appended before is refused. A card that was pulled
/// out or is full must not keep a process from starting that answers the office.
pub(super) struct LateJournal {
    open: Box<dyn Fn() -> Result<ChainWriter, CommandError> + Send + Sync>,
    chain: Mutex<Chain>,
}

enum Chain {
    Open(ChainWriter),
    Shut { tried: Instant },
}

impl LateJournal {
    pub(super) fn new(open: impl Fn() -> Result<ChainWriter, CommandError> + Send + Sync + 'static) -> Self {
        let chain = open().map_or_else(
            |error| {
                tracing::error!(%error, "no records are kept for now; questions are answered");
                Chain::Shut { tried: Instant::now() }
            },
            Chain::Open,
        );
        Self { open: Box::new(open), chain: Mutex::new(chain) }
    }
}

/// To be closed with a signed head; none where it was never opened.
impl From<LateJournal> for Option<ChainWriter> {
    fn from(journal: LateJournal) -> Self {
        match journal.chain.into_inner() {
            Chain::Open(chain) => Some(chain),
            Chain::Shut { .. } => None,
        }
    }
}

impl Journal for LateJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        let mut chain = self.chain.lock();
        if let Chain::Shut { tried } = &mut *chain {
            if tried.elapsed() < AGAIN {
                return Err(JournalError::Closed);
            }
            *tried = Instant::now();
            let opened = (self.open)().map_err(|error| {
                tracing::debug!(%error, "the journal still cannot be opened");
                JournalError::Closed
            })?;
            tracing::info!("the journal is open; records are kept from now on");
            *chain = Chain::Open(opened);
        }
        match &*chain {
            Chain::Open(open) => open.append(event),
            Chain::Shut { .. } => Err(JournalError::Closed),
        }
    }
}
