//! The budget for all request bodies together, held in parts, of which no client gets more than its share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Budget is taken in steps of this size, so that a body of many small frames asks for it rarely.
const STEP: usize = 16 * 1024;

/// The budget and what each client holds of it; one permit is one byte.
///
/// **Invariant:** no client holds more than half, so a body of another one always finds room.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(super) pool: Arc<Semaphore>,
    share: usize,
    /// A client is in here while it holds anything; those that no longer do go when the next one comes.
    shares: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { pool: Arc::new(Semaphore::new(bytes)), share: bytes / 2, shares: Mutex::default() }
    }

    /// An empty charge of this client.
    pub(super) fn charge(&self, client: IpAddr) -> Charge {
        Charge { pool: Arc::clone(&self.pool), share: self.share_of(client), most: self.share, held: None, spare: 0 }
    }

    fn share_of(&self, client: IpAddr) -> Arc<Semaphore> {
        let mut shares = self.shares.lock();
        if let Some(share) = shares.get(&client).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share));
        shares.insert(client, Arc::downgrade(&share));
        share
    }
}

/// A part of the global budget, given back when dropped.
pub(super) struct Charge {
    pool: Arc<Semaphore>,
    share: Arc<Semaphore>,
    /// All that its client may hold.
    most: usize,
    /// The same number of bytes of the client's share and of the pool.
    held: Option<[OwnedSemaphorePermit; 2]>,
    /// Paid for and not used yet.
    spare: usize,
}

impl Charge {
    /// Pays for `bytes` more, waiting at most `wait` for others to give theirs back.
    pub(super) async fn grow(&mut self, bytes: usize, wait: Duration) -> bool {
        if let Some(spare) = self.spare.checked_sub(bytes) {
            self.spare = spare;
            return true;
        }
        let due = (bytes - self.spare).next_multiple_of(STEP);
        let Ok(permits) = u32::try_from(due) else { return false };
        let (share, pool) = (Arc::clone(&self.share), Arc::clone(&self.pool));
        // The share first: who waits for its own other bodies takes nothing from anybody meanwhile.
        let both = async { Ok([share.acquire_many_owned(permits).await?, pool.acquire_many_owned(permits).await?]) };
        let Ok(Ok::<_, tokio::sync::AcquireError>(both)) = timeout(wait, both).await else { return false };
        self.add(both, due, bytes);
        true
    }

    /// Whether there could ever be so much for one client.
    pub(super) fn can_hold(&self, bytes: usize) -> bool {
        bytes <= self.most
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
        let Ok(share) = Arc::clone(&self.share).try_acquire_many_owned(permits) else { return false };
        let Ok(pool) = Arc::clone(&self.pool).try_acquire_many_owned(permits) else { return false };
        self.add([share, pool], due, bytes);
        true
    }

    /// Gives back all but what pays for so many bytes.
    pub(super) fn keep(&mut self, bytes: usize) {
        let kept = bytes.next_multiple_of(STEP);
        self.spare = 0;
        for permit in self.held.iter_mut().flatten() {
            drop(permit.num_permits().checked_sub(kept).and_then(|rest| permit.split(rest)));
        }
    }

    fn add(&mut self, permits: [OwnedSemaphorePermit; 2], due: usize, used: usize) {
        self.spare = self.spare + due - used;
        match &mut self.held {
            Some(held) => held.iter_mut().zip(permits).for_each(|(held, permit)| held.merge(permit)),
            None => self.held = Some(permits),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::{Budget, STEP};

    const ANNA: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
    const BEN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11));

    #[tokio::test(start_paused = true)]
    async fn a_charge_waits_no_longer_than_told_and_gives_back() {
        let budget = Budget::new(4 * STEP);
        let mut one = budget.charge(ANNA);
        assert!(one.grow(2 * STEP, Duration::ZERO).await);
        let mut two = budget.charge(BEN);
        assert!(two.grow(STEP, Duration::ZERO).await);
        let all_taken = budget.pool.try_acquire_many(u32::try_from(STEP).unwrap()).unwrap();
        let start = tokio::time::Instant::now();
        assert!(!two.grow(STEP, Duration::from_millis(300)).await);
        assert_eq!(start.elapsed(), Duration::from_millis(300));
        assert!(!two.try_grow(1));
        drop((one, all_taken));
        assert!(two.grow(STEP, Duration::ZERO).await);
        drop(two);
        assert_eq!(budget.pool.available_permits(), 4 * STEP);
    }

    #[tokio::test]
    async fn what_is_needed_no_more_is_given_back() {
        let budget = Budget::new(4 * STEP);
        let mut charge = budget.charge(ANNA);
        charge.keep(0);
        assert!(charge.grow(2 * STEP, Duration::ZERO).await);
        charge.keep(9 * STEP);
        assert_eq!(budget.pool.available_permits(), 2 * STEP);
        charge.keep(1);
        assert_eq!(budget.pool.available_permits(), 3 * STEP);
        assert!(
            charge.grow(STEP, Duration::ZERO).await && !budget.charge(ANNA).try_grow(1),
            "its share is as full as that"
        );
        drop(charge);
        assert_eq!(budget.pool.available_permits(), 4 * STEP);
    }

    #[tokio::test]
    async fn what_was_reserved_is_there_when_all_else_is_gone() {
        let budget = Budget::new(4 * STEP);
        let (mut one, mut two) = (budget.charge(ANNA), budget.charge(BEN));
        assert!(one.reserve(2 * STEP, Duration::ZERO).await);
        assert!(two.try_grow(2 * STEP) && !two.try_grow(1));
        assert!(one.try_grow(STEP) && one.try_grow(STEP) && !one.try_grow(1));
    }

    #[tokio::test]
    async fn no_client_holds_more_than_half() {
        let budget = Budget::new(8 * STEP);
        let (mut one, mut two) = (budget.charge(ANNA), budget.charge(ANNA));
        assert!(one.grow(3 * STEP, Duration::ZERO).await);
        assert!(!two.grow(2 * STEP, Duration::ZERO).await, "all its charges count together");
        assert!(two.try_grow(STEP) && !two.try_grow(1));
        assert!(budget.charge(BEN).grow(4 * STEP, Duration::ZERO).await, "the other half is for others");
        drop(one);
        assert!(two.grow(3 * STEP, Duration::ZERO).await);
    }

    #[tokio::test]
    async fn clients_that_hold_nothing_are_forgotten() {
        let budget = Budget::new(4 * STEP);
        for n in 0..1000 {
            drop(budget.charge(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))));
        }
        assert_eq!(budget.shares.lock().len(), 1);
    }

    #[tokio::test]
    async fn small_frames_are_paid_from_one_step() {
        let budget = Budget::new(4 * STEP);
        let mut charge = budget.charge(ANNA);
        for _ in 0..STEP {
            assert!(charge.grow(1, Duration::ZERO).await);
        }
        assert_eq!(budget.pool.available_permits(), 3 * STEP);
        assert!(charge.try_grow(1));
        assert_eq!(budget.pool.available_permits(), 2 * STEP);
    }
}
