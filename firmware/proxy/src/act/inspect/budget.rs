//! The budget for all request bodies together, held in parts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Budget is taken in steps of this size, so that a body of many small frames asks for it rarely.
const STEP: usize = 16 * 1024;

/// A part of the global budget, given back when dropped.
pub(super) struct Charge {
    pool: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    /// Paid for and not used yet.
    spare: usize,
}

impl Charge {
    pub(super) fn new(pool: Arc<Semaphore>) -> Self {
        Self { pool, held: None, spare: 0 }
    }

    /// Pays for `bytes` more, waiting at most `wait` for others to give theirs back.
    pub(super) async fn grow(&mut self, bytes: usize, wait: Duration) -> bool {
        if let Some(spare) = self.spare.checked_sub(bytes) {
            self.spare = spare;
            return true;
        }
        let due = (bytes - self.spare).next_multiple_of(STEP);
        let Ok(permits) = u32::try_from(due) else { return false };
        let Ok(Ok(permit)) = timeout(wait, Arc::clone(&self.pool).acquire_many_owned(permits)).await else {
            return false;
        };
        self.add(permit, due, bytes);
        true
    }

    /// Pays now for `bytes` that will be asked for by [`Self::try_grow`], where nobody can wait.
    pub(super) async fn reserve(&mut self, bytes: usize, wait: Duration) -> bool {
        let granted = self.grow(bytes, wait).await;
        self.spare += if granted { bytes } else { 0 };
        granted
    }

    /// Pays for `bytes` more if they are free now.
    pub(super) fn try_grow(&mut self, bytes: usize) -> bool {
        if let Some(spare) = self.spare.checked_sub(bytes) {
            self.spare = spare;
            return true;
        }
        let due = (bytes - self.spare).next_multiple_of(STEP);
        let Ok(permits) = u32::try_from(due) else { return false };
        let Ok(permit) = Arc::clone(&self.pool).try_acquire_many_owned(permits) else { return false };
        self.add(permit, due, bytes);
        true
    }

    fn add(&mut self, permit: OwnedSemaphorePermit, due: usize, used: usize) {
        self.spare = self.spare + due - used;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::{Charge, STEP};

    #[tokio::test(start_paused = true)]
    async fn a_charge_waits_no_longer_than_told_and_gives_back() {
        let pool = Arc::new(Semaphore::new(4 * STEP));
        let mut one = Charge::new(Arc::clone(&pool));
        assert!(one.grow(3 * STEP, Duration::ZERO).await);
        let mut two = Charge::new(Arc::clone(&pool));
        let start = tokio::time::Instant::now();
        assert!(!two.grow(2 * STEP, Duration::from_millis(300)).await);
        assert_eq!(start.elapsed(), Duration::from_millis(300));
        assert!(two.try_grow(STEP) && !two.try_grow(1));
        drop(one);
        assert!(two.grow(2 * STEP, Duration::ZERO).await);
        drop(two);
        assert_eq!(pool.available_permits(), 4 * STEP);
    }

    #[tokio::test]
    async fn what_was_reserved_is_there_when_all_else_is_gone() {
        let pool = Arc::new(Semaphore::new(4 * STEP));
        let (mut one, mut two) = (Charge::new(Arc::clone(&pool)), Charge::new(Arc::clone(&pool)));
        assert!(one.reserve(2 * STEP, Duration::ZERO).await);
        assert!(two.try_grow(2 * STEP) && !two.try_grow(1));
        assert!(one.try_grow(STEP) && one.try_grow(STEP) && !one.try_grow(1));
    }

    #[tokio::test]
    async fn small_frames_are_paid_from_one_step() {
        let pool = Arc::new(Semaphore::new(2 * STEP));
        let mut charge = Charge::new(Arc::clone(&pool));
        for _ in 0..STEP {
            assert!(charge.grow(1, Duration::ZERO).await);
        }
        assert_eq!(pool.available_permits(), STEP);
        assert!(charge.try_grow(1));
        assert_eq!(pool.available_permits(), 0);
    }
}
