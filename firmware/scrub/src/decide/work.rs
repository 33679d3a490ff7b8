use crate::accept::{Limits, ScanError};

/// Steps that every scan has beyond those for its bytes, so that a short body may be nothing but values.
const BASE: usize = 1 << 20;

/// The steps of automata and checks that a scan may still take. A step is about a nanosecond of a desktop's processor;
/// counting steps instead of time makes the outcome the same everywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    left: usize,
    limit: usize,
}

impl Work {
    /// What a body of so many bytes may cost.
    pub(crate) fn of(bytes: usize, limits: &Limits) -> Self {
        Self { left: bytes.saturating_mul(limits.max_work).saturating_add(BASE), limit: limits.max_work }
    }

    /// For text that arrives in pieces: each look at it is short, and nobody waits for the whole.
    pub(crate) fn unlimited() -> Self {
        Self { left: usize::MAX, limit: usize::MAX }
    }

    pub(crate) fn spend(&mut self, steps: usize) {
        self.left = self.left.saturating_sub(steps);
    }

    /// Whether no step is left.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// An error if what was found so far is not all.
    pub(crate) fn check(&self) -> Result<(), ScanError> {
        if self.is_spent() { Err(ScanError::Work { limit: self.limit }) } else { Ok(()) }
    }
}
