//! For a while after a press of the device's button the page takes a first password without the claim code: whoever presses
//! it could read the code off the console as well.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Long enough to open the page and think of a password; short enough that the one who pressed is still there.
pub(super) const WINDOW: Duration = Duration::from_secs(120);

/// Whether the button counts just now, and until when.
#[derive(Debug)]
pub(super) struct Button {
    told: watch::Sender<bool>,
    until: Option<Instant>,
}

impl Button {
    pub(super) fn new() -> Self {
        Self { told: watch::channel(false).0, until: None }
    }

    pub(super) fn follow(&self) -> watch::Receiver<bool> {
        self.told.subscribe()
    }

    /// It was pressed: the time begins anew.
    pub(super) fn press(&mut self) {
        self.until = Some(Instant::now() + WINDOW);
        self.told.send_replace(true);
    }

    /// Waits until the last press was too long ago; for ever where there was none.
    pub(super) async fn run_out(&mut self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
        self.until = None;
        self.told.send_replace(false);
    }
}

#[cfg(test)]
mod tests {
    use super::{Button, WINDOW};

    #[tokio::test(start_paused = true)]
    async fn a_press_counts_for_its_time_and_a_second_one_begins_it_anew() {
        let mut button = Button::new();
        let told = button.follow();
        assert!(!*told.borrow());
        button.press();
        tokio::time::sleep(WINDOW / 2).await;
        assert!(*told.borrow());
        button.press();
        let pressed = tokio::time::Instant::now();
        button.run_out().await;
        assert_eq!((pressed.elapsed(), *told.borrow()), (WINDOW, false));
    }
}
