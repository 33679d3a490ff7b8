//! Work that may have to wait for the card, beside the loop that feeds the watchdog: a card that hangs, as worn ones do, must
//! not keep the office's answers waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A place for one piece of work at a time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside(Arc<AtomicBool>);

impl Beside {
    /// Has the work done; false while what was begun here before still goes on, or nothing can be begun.
    pub(crate) fn begin(&self, work: impl FnOnce() + Send + 'static) -> bool {
        if self.0.swap(true, Ordering::AcqRel) {
            return false;
        }
        let busy = Arc::clone(&self.0);
        let begun = thread::Builder::new().spawn(move || {
            work();
            busy.store(false, Ordering::Release);
        });
        if begun.is_err() {
            self.0.store(false, Ordering::Release);
        }
        begun.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::Beside;

    #[test]
    fn nothing_is_begun_while_the_work_before_hangs() {
        let (place, (go, hangs), (done, end)) = (Beside::default(), channel::<()>(), channel::<()>());
        assert!(place.begin(move || {
            let _ = hangs.recv();
            let _ = done.send(());
        }));
        assert!(!place.begin(|| panic!("two at once")));
        go.send(()).expect("it waits");
        end.recv().expect("it ends");
        while !place.begin(|| {}) {
            std::thread::yield_now();
        }
    }
}
