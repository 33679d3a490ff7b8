//! The rules of the inspection API, compiled once somebody may ask: the tens of megabytes that they take have better use on
//! a puck without such callers.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use gate_scrub::{PackSource, Scanner};
use parking_lot::Mutex;

use crate::config::Config;
use crate::packs::{read_in_force, scanner_of_last, source_of_last};

/// Compiles when first asked to, and from then on whenever other rules come into force.
pub(super) struct OnDemand {
    config: Config,
    scanner: ArcSwapOption<Scanner>,
    /// Held while rules are read and compiled, so that those which were in force last are those that stay.
    last: Mutex<Last>,
}

/// What there is to compile.
#[derive(Default)]
struct Last {
    wanted: bool,
    /// The pack in force when it could be read; none is the built-in one.
    pack: Option<Vec<u8>>,
}

impl OnDemand {
    /// `kept` is the pack that was in force, for where it cannot be read.
    pub(super) fn new(config: &Config, kept: Option<&[u8]>) -> Self {
        let pack = read_in_force(config, kept.map(<[u8]>::to_vec));
        let last = Mutex::new(Last { pack, wanted: false });
        Self { config: config.clone(), scanner: ArcSwapOption::empty(), last }
    }

    /// What rules those are.
    pub(super) fn source(&self) -> PackSource {
        source_of_last(&self.config, self.last.lock().pack.as_deref())
    }

    /// The rules, if they were ever asked for and could be compiled.
    pub(super) fn get(&self) -> Option<Arc<Scanner>> {
        self.scanner.load_full()
    }

    /// Compiles the rules unless they are there. Takes up to seconds on a small board.
    pub(super) fn prepare(&self) {
        let mut last = self.last.lock();
        last.wanted = true;
        if self.scanner.load().is_none() {
            self.compile(&last);
        }
    }

    /// Follows other rules that came into force, and compiles them if anybody wants any. A disk that is gone takes none back.
    pub(super) fn renew(&self) {
        let mut last = self.last.lock();
        let before = last.pack.take();
        last.pack = read_in_force(&self.config, before);
        if last.wanted {
            self.compile(&last);
        }
    }

    fn compile(&self, last: &Last) {
        match scanner_of_last(&self.config, last.pack.as_deref()) {
            Ok(scanner) => self.scanner.store(Some(Arc::new(scanner))),
            Err(error) => tracing::error!(%error, "the inspection API has no new rules"),
        }
    }
}
