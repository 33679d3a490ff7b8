//! How far a long scan has come, on the terminal that the errors go to.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::input::{Item, Items};

/// Shorter scans need no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that counts bytes; it shows itself on a terminal, and only if there is something to wait for. `all` is walked
/// beside the scan to learn how much there is.
pub(super) fn bar(all: impl FnOnce() -> Option<Items>) -> ProgressBar {
    let bar = ProgressBar::hidden();
    if !io::stderr().is_terminal() {
        return bar;
    }
    let style = "{spinner} {bytes}/{total_bytes} {wide_bar} {bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).expect("the template is a constant"));
    if let Some(items) = all() {
        let shown = bar.clone();
        thread::spawn(move || count(&shown, items));
    }
    bar
}

fn count(bar: &ProgressBar, items: Items) {
    let begun = Instant::now();
    let size = |item| match item {
        Item::Named(path) | Item::Found(path) => std::fs::metadata(path).map_or(0, |meta| meta.len()),
        Item::Stdin | Item::Failed(_) => 0,
    };
    bar.set_length(items.map(size).sum());
    thread::park_timeout(PATIENCE.saturating_sub(begun.elapsed()));
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(200));
}
