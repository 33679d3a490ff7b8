//! Seats for the questions that are on their way to upstreams. When all are taken, whoever holds most gives up the question
//! that has had its time, so that clients who hold few always get in: names whose own servers are silent keep a seat for
//! seconds, and two clients that ask for enough of them would else hold all seats.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What a question is given before another one of the same weight may have its seat; nearly every answer comes within it.
const FAIR: Duration = Duration::from_millis(200);
/// How long it is told that seats were short.
const TOLD: Duration = Duration::from_secs(60);

tokio::task_local! {
    /// Whose question a task asks; the puck's own where nobody's is named.
    static CLIENT: Option<IpAddr>;
}

/// Does the work as for a client: what it asks takes that client's share of the seats.
pub(in crate::act) async fn on_behalf<F: Future>(client: Option<IpAddr>, work: F) -> F::Output {
    CLIENT.scope(client, work).await
}

/// Seats, or places to wait for them, were short, for status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Questions given up or turned away since seats began to be short.
    pub questions: u64,
    /// Who holds most; `None`: the puck itself, or, among those who wait, a router.
    pub client: Option<IpAddr>,
}

/// All seats of one set of upstreams.
pub(super) struct Lane {
    most: usize,
    riders: Mutex<Riders>,
}

#[derive(Default)]
struct Riders {
    next: u64,
    /// By number: the oldest first.
    seats: BTreeMap<u64, Rider>,
    held: HashMap<Option<IpAddr>, usize>,
    crowd: Option<(Instant, Crowd)>,
}

struct Rider {
    client: Option<IpAddr>,
    since: Instant,
    leave: Arc<Notify>,
}

/// One question's seat; dropping it gives it back.
pub(super) struct Seat<'a> {
    lane: &'a Lane,
    number: u64,
    leave: Arc<Notify>,
}

impl Lane {
    pub(super) fn new(most: usize) -> Self {
        Self { most, riders: Mutex::default() }
    }

    /// A seat for the question that this task asks, unless all are taken by others as modest that came a moment ago.
    pub(super) fn take(&self, now: Instant) -> Option<Seat<'_>> {
        let client = CLIENT.try_with(|client| *client).ok().flatten();
        let mut riders = self.riders.lock();
        if riders.seats.len() >= self.most && !riders.make_room(client, now) {
            return None;
        }
        let (number, leave) = (riders.next, Arc::new(Notify::new()));
        riders.next += 1;
        riders.seats.insert(number, Rider { client, since: now, leave: Arc::clone(&leave) });
        *riders.held.entry(client).or_default() += 1;
        Some(Seat { lane: self, number, leave })
    }

    /// Whether seats were short a moment ago.
    pub(super) fn crowd(&self, now: Instant) -> Option<Crowd> {
        let (at, crowd) = self.riders.lock().crowd?;
        (now.saturating_duration_since(at) < TOLD).then_some(crowd)
    }
}

impl Riders {
    /// Whether somebody leaves: at once one of those who hold more than `client` would, else the oldest of those who hold
    /// most, if it has had its time.
    fn make_room(&mut self, client: Option<IpAddr>, now: Instant) -> bool {
        let own = self.held.get(&client).copied().unwrap_or_default();
        let most = self.held.values().copied().max().unwrap_or_default();
        let heavy = |rider: &Rider| self.held.get(&rider.client).is_some_and(|held| *held == most);
        let Some((number, oldest)) = self.seats.iter().find(|(_, rider)| heavy(rider)) else { return false };
        let (number, heaviest) = (*number, oldest.client);
        let yields = own + 1 < most || now.saturating_duration_since(oldest.since) >= FAIR;
        let before = self.crowd.filter(|(at, _)| now.saturating_duration_since(*at) < TOLD).map(|(_, crowd)| crowd);
        let questions = before.map_or(0, |crowd| crowd.questions) + 1;
        // Of several that hold much the same one is named, always the same.
        let named = before.map(|crowd| crowd.client).filter(|client| self.held.get(client) >= Some(&(most / 2).max(1)));
        self.crowd = Some((now, Crowd { questions, client: named.unwrap_or(heaviest) }));
        if yields && let Some(rider) = self.free(number) {
            rider.leave.notify_one();
        }
        yields
    }

    fn free(&mut self, number: u64) -> Option<Rider> {
        let rider = self.seats.remove(&number)?;
        if let Some(held) = self.held.get_mut(&rider.client) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&rider.client);
            }
        }
        Some(rider)
    }
}

impl Seat<'_> {
    /// Waits until somebody else needs the seat more.
    pub(super) async fn given_up(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        // Where it was given up it is gone already.
        self.lane.riders.lock().free(self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::{CLIENT, Crowd, FAIR, Lane, Seat, TOLD};

    fn client(number: u8) -> Option<IpAddr> {
        Some([192, 0, 2, number].into())
    }

    fn take(lane: &Lane, number: u8, now: Instant) -> Option<Seat<'_>> {
        CLIENT.sync_scope(client(number), || lane.take(now))
    }

    fn has_left(seat: &Seat<'_>) -> bool {
        seat.given_up().now_or_never().is_some()
    }

    #[test]
    fn whoever_holds_few_gets_in_at_the_cost_of_whoever_holds_most() {
        let (lane, now) = (Lane::new(8), Instant::now());
        let heavy: Vec<_> = (0..5).map(|_| take(&lane, 1, now).unwrap()).collect();
        let other: Vec<_> = (0..3).map(|_| take(&lane, 2, now).unwrap()).collect();
        assert_eq!(lane.crowd(now), None);
        let few = take(&lane, 3, now).expect("it holds nothing yet");
        assert_eq!(lane.crowd(now), Some(Crowd { questions: 1, client: client(1) }));
        let left: Vec<_> = heavy.iter().chain(&other).map(has_left).collect();
        assert_eq!(left, [true, false, false, false, false, false, false, false], "the oldest of the heaviest");
        assert!(!has_left(&few));
        assert_eq!(lane.crowd(now + TOLD), None);
        drop(heavy);
        assert_eq!(lane.riders.lock().seats.len(), 4);
        drop((other, few));
        assert!(lane.riders.lock().held.is_empty());
    }

    #[test]
    fn a_question_has_its_time_before_another_of_its_own_client_takes_its_seat() {
        let (lane, now) = (Lane::new(2), Instant::now());
        let (first, second) = (take(&lane, 1, now).unwrap(), take(&lane, 1, now).unwrap());
        assert!(take(&lane, 1, now + FAIR - Duration::from_millis(1)).is_none());
        assert!(!has_left(&first));
        let third = take(&lane, 1, now + FAIR).unwrap();
        assert!(has_left(&first) && !has_left(&second) && !has_left(&third));
    }

    #[test]
    fn forged_clients_of_one_question_each_do_not_keep_a_new_one_out_for_long() {
        let (lane, now) = (Lane::new(100), Instant::now());
        let seats: Vec<_> = (0..100).map(|number| take(&lane, number, now).unwrap()).collect();
        assert!(take(&lane, 200, now).is_none(), "all are as modest, and came just now");
        assert!(take(&lane, 200, now + FAIR).is_some());
        assert!(has_left(&seats[0]) && !has_left(&seats[1]));
    }
}
