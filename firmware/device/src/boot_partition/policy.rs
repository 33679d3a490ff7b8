//! The owner's policy, brought along on a PC as the settings are. It takes the place of the one that the page keeps.

use std::fs;
use std::time::Duration;

use super::owner;
use crate::{lease, settings};

/// Any of these: some editors add endings.
pub(super) const NAMES: [&str; 4] = ["policy.yaml", "policy.yml", "policy.yaml.txt", "policy.yml.txt"];
/// What is left in the place of one that was refused.
pub(super) const REFUSED: &str = "POLICY-REJECTED.txt";
/// Where the daemon reads what it is asked about.
const TRIAL: &str = "/run/nanogate/trial.yaml";

/// What is wrong with it is said at once; the rules, which only warnings are for, are compiled then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the daemon whether that is a policy.
pub(super) fn check(text: &str) -> Result<(), String> {
    lease::replace(TRIAL.as_ref(), text.as_bytes()).map_err(|error| error.to_string())?;
    let answer = owner::ask(&["policy", "check", TRIAL], PATIENCE);
    let _ = fs::remove_file(TRIAL);
    // The trial's name is its own; what the line says of it is not.
    answer.map_err(|said| owner::reason(&said, TRIAL))
}

/// Keeps it where the daemon looks for it: no secret, and for the supervisor to read, whose file it is not.
pub(super) fn store(text: &str) -> std::io::Result<()> {
    owner::keep(settings::POLICY.as_ref(), text, 0o644)
}
