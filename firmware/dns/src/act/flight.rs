use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Equal questions on their way, so that each is asked once however many wait for it.
pub(crate) struct Flights<K, V> {
    table: Arc<Table<K, V>>,
}

type Table<K, V> = Mutex<HashMap<K, watch::Receiver<Option<V>>>>;

impl<K: Clone + Eq + Hash + Send + 'static, V: Clone + Send + Sync + 'static> Flights<K, V> {
    pub(crate) fn new() -> Self {
        Self { table: Arc::default() }
    }

    /// The result of `work`, or of the equal work that already runs. The work goes on when the one who asked first goes
    /// away. `None`: it panicked.
    pub(crate) async fn join<F>(&self, key: K, tasks: &TaskTracker, work: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut result = self.board(key, tasks, &Handle::current(), work);
        let value = result.wait_for(Option::is_some).await.ok()?;
        value.clone()
    }

    /// Starts `work` unless equal work runs; nobody waits for it. May be called from outside of the runtime.
    pub(crate) fn start<F>(&self, key: K, tasks: &TaskTracker, runtime: &Handle, work: impl FnOnce() -> F)
    where
        F: Future<Output = V> + Send + 'static,
    {
        drop(self.board(key, tasks, runtime, work));
    }

    fn board<F>(
        &self,
        key: K,
        tasks: &TaskTracker,
        runtime: &Handle,
        work: impl FnOnce() -> F,
    ) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut table = self.table.lock();
        if let Some(running) = table.get(&key) {
            return running.clone();
        }
        let (sender, receiver) = watch::channel(None);
        table.insert(key.clone(), receiver.clone());
        let landing = Landing { table: Arc::clone(&self.table), key };
        let work = work();
        let flight = async move {
            let value = work.await;
            drop(landing);
            sender.send_replace(Some(value));
        };
        tasks.spawn_on(flight, runtime);
        receiver
    }

    /// How many questions are on their way.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().len()
    }
}

/// Takes the question off the table however the work ends.
struct Landing<K: Eq + Hash, V> {
    table: Arc<Table<K, V>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.table.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio_util::task::TaskTracker;

    use super::Flights;

    #[tokio::test]
    async fn equal_work_runs_once_and_leaves_nothing_behind() {
        let (flights, tasks, runs) = (Flights::<u8, u8>::new(), TaskTracker::new(), Arc::new(AtomicUsize::new(0)));
        let join = |key| {
            let runs = Arc::clone(&runs);
            flights.join(key, &tasks, move || async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                runs.fetch_add(1, Ordering::Relaxed);
                key
            })
        };
        let (a, b, c) = tokio::join!(join(1), join(1), join(2));
        assert_eq!((a, b, c), (Some(1), Some(1), Some(2)));
        assert_eq!(runs.load(Ordering::Relaxed), 2);
        assert_eq!(flights.len(), 0);
    }

    #[tokio::test]
    async fn a_panic_frees_the_key_and_those_who_wait() {
        let (flights, tasks) = (Flights::<u8, u8>::new(), TaskTracker::new());
        let broken = flights.join(1, &tasks, || async { panic!("on purpose") }).await;
        assert_eq!(broken, None);
        assert_eq!(flights.join(1, &tasks, || async { 7 }).await, Some(7));
    }
}
