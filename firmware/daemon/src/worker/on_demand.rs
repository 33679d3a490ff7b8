//! The rules of the inspection API, compiled once somebody may ask: the tens of megabytes that they take have better use on
//! a puck without such callers.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use gate_scrub::Scanner;
use parking_lot::Mutex;

use crate::config::Config;
use crate::packs::scanner_in_force;

/// Compiles when first asked to, and from then on whenever other rules come into force.
pub(super) struct OnDemand {
    config: Config,
    scanner: ArcSwapOption<Scanner>,
    /// Held while rules are read and compiled, so that those which were in force last are those that stay.
    wanted: Mutex<bool>,
}

impl OnDemand {
    pub(super) fn new(config: &Config) -> Self {
        Self { config: config.clone(), scanner: ArcSwapOption::empty(), wanted: Mutex::new(false) }
    }

    /// The rules, if they were ever asked for and could be compiled.
    pub(super) fn get(&self) -> Option<Arc<Scanner>> {
        self.scanner.load_full()
    }

    /// Compiles the rules unless they are there. Takes up to seconds on a small board.
    pub(super) fn prepare(&self) {
        let mut wanted = self.wanted.lock();
        *wanted = true;
        if self.scanner.load().is_none() {
            self.compile();
        }
    }

    /// Follows other rules that came into force, if anybody wants any.
    pub(super) fn renew(&self) {
        let wanted = self.wanted.lock();
        if *wanted {
            self.compile();
        }
    }

    fn compile(&self) {
        match scanner_in_force(&self.config) {
            Ok(scanner) => self.scanner.store(Some(Arc::new(scanner))),
            Err(error) => tracing::error!(%error, "the inspection API has no new rules"),
        }
    }
}
