//! The keys that DNSSEC starts from, which come with the packs and change without a restart.

use std::io;
use std::path::Path;

use gate_dns::{Dns, KeyOrigin};
use tokio_util::sync::CancellationToken;

use crate::packs::Keys;
use crate::worker::follow_file;

/// Trusts what the supervisor handed over in `file`; without it, and where it cannot be read, what was trusted before. `last` is what was
/// handed over before that.
pub(crate) fn trust(dns: &Dns, file: &Path, handed: io::Result<Keys>, last: &mut Option<Keys>) {
    match handed {
        Ok(handed) if last.as_ref() == Some(&handed) => {}
        Ok(handed) => {
            let Keys { from, keys } = last.insert(handed);
            match dns.see_keys(from, keys) {
                Ok(()) if dns.keys().origin == KeyOrigin::Settings => {
                    tracing::info!(from, "DNSSEC starts from the keys of dns.dnssec_anchors, not from the pack's");
                }
                Ok(()) => tracing::info!(from, keys = keys.len(), "the keys that DNSSEC starts from are in force"),
                Err(error) => tracing::error!(%error, from, "the keys that DNSSEC starts from stay as they were"),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            tracing::error!(%error, file = %file.display(), "the keys that DNSSEC starts from stay as they were");
        }
    }
}

/// Follows what the supervisor hands over after `last`, until `stop`.
pub(super) async fn follow(dns: &Dns, file: &Path, mut last: Option<Keys>, stop: &CancellationToken) {
    follow_file(Some(file), stop.clone(), async || trust(dns, file, Keys::read(file), &mut last)).await;
}
