//! The one thing that stands above every policy: what a person told the whole puck to do with AI traffic, now.

use std::sync::{Mutex, PoisonError};

use gate_core::{Mode, Reason};
use tokio_util::sync::CancellationToken;

/// Where the switch stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    #[default]
    Normal,
    /// Every open AI connection is cut and none starts.
    Frozen,
    /// Nothing is opened: what would be inspected is watched. What policy denies stays denied.
    Bypassed,
}

/// Holds the switch, and the open connections that a freeze cuts.
#[derive(Debug, Default)]
pub(crate) struct Switchboard(Mutex<(Switch, CancellationToken)>);

impl Switchboard {
    pub(crate) fn turn(&self, to: Switch) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if to == Switch::Frozen {
            held.1.cancel();
        } else if held.0 == Switch::Frozen {
            held.1 = CancellationToken::new();
        }
        held.0 = to;
    }

    pub(crate) fn stands(&self) -> Switch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends when what is open in this mode must be cut. What is not AI, and the admin page, never is.
    pub(crate) async fn frozen(&self, mode: Mode) {
        let token = self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone();
        match mode {
            Mode::Watched | Mode::Inspected => token.cancelled().await,
            Mode::Passed | Mode::Admin | Mode::Refused => std::future::pending().await,
        }
    }
}

/// What the journal says of a connection that a freeze refused or cut.
pub(crate) fn freeze() -> Reason {
    Reason::Policy("freeze".to_owned())
}
