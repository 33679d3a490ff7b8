//! The switch above every policy, as the supervisor holds it: frozen until somebody says otherwise, also over a restart;
//! bypassed for a time that runs out by itself, and never over a restart.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_proxy::Switch;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::run_state::replace;

/// The longest bypass: a working day.
pub(crate) const LONGEST_BYPASS: Duration = Duration::from_secs(8 * 3600);

/// What a worker hears of the switch: one byte down its standard input.
const LETTERS: [(Switch, u8); 3] = [(Switch::Normal, b'n'), (Switch::Frozen, b'f'), (Switch::Bypassed, b'b')];

/// What the `admin` worker hears of the device's button, in the same way.
const PRESSED: u8 = b'P';
const RELEASED: u8 = b'p';

/// What the `admin` worker hears of the proxy's journal, in the same way.
const SHUT: u8 = b'J';
const OPEN: u8 = b'j';

/// The letter that says whether AI traffic is refused because no record of it is taken.
pub(crate) fn journal_letter(shut: bool) -> u8 {
    if shut { SHUT } else { OPEN }
}

/// What a letter says of that journal, if it is about that.
pub(crate) fn of_journal_letter(letter: u8) -> Option<bool> {
    [false, true].into_iter().find(|shut| journal_letter(*shut) == letter)
}

/// The letter that says whether the button was pressed a moment ago.
pub(crate) fn button_letter(pressed: bool) -> u8 {
    if pressed { PRESSED } else { RELEASED }
}

/// What a letter says of the button, if it is about that.
pub(crate) fn of_button_letter(letter: u8) -> Option<bool> {
    [false, true].into_iter().find(|pressed| button_letter(*pressed) == letter)
}

/// The letter for a worker.
pub(crate) fn letter(switch: Switch) -> u8 {
    LETTERS.iter().find(|(known, _)| *known == switch).map_or(b'f', |(_, letter)| *letter)
}

/// What a letter says; one that nobody wrote freezes.
pub(crate) fn of_letter(letter: u8) -> Switch {
    LETTERS.iter().find(|(_, known)| *known == letter).map_or(Switch::Frozen, |(switch, _)| *switch)
}

/// What outlives the daemon.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    frozen: bool,
}

/// The one holder of the switch.
#[derive(Debug)]
pub(crate) struct Holder {
    file: PathBuf,
    told: watch::Sender<Switch>,
    /// When a bypass ends.
    until: Option<Instant>,
}

impl Holder {
    /// As it was left. A file that cannot be read says frozen: somebody wrote it for that reason.
    pub(crate) fn load(data: &Path) -> Self {
        let file = data.join("state/switch.json");
        let kept = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Kept { frozen: true }),
            Err(error) => Kept { frozen: error.kind() != std::io::ErrorKind::NotFound },
        };
        let (told, _) = watch::channel(if kept.frozen { Switch::Frozen } else { Switch::Normal });
        Self { file, told, until: None }
    }

    pub(crate) fn follow(&self) -> watch::Receiver<Switch> {
        self.told.subscribe()
    }

    pub(crate) fn stands(&self) -> Switch {
        *self.told.borrow()
    }

    /// What is left of a bypass, in whole seconds.
    pub(crate) fn bypass_seconds(&self) -> u64 {
        self.until.map_or(0, |until| until.saturating_duration_since(Instant::now()).as_secs())
    }

    /// Freezes or thaws, at once; whether a restart will know, in words where it will not.
    pub(crate) fn freeze(&mut self, on: bool) -> Result<(), String> {
        self.until = None;
        self.told.send_replace(if on { Switch::Frozen } else { Switch::Normal });
        let kept = serde_json::to_vec(&Kept { frozen: on }).map_err(std::io::Error::from);
        kept.and_then(|bytes| replace(&self.file, &bytes, 0o644))
            .map_err(|error| format!("it holds until the next start only: {}: {error}", self.file.display()))
    }

    /// Opens nothing for this long, or ends that now. A frozen puck stays frozen.
    pub(crate) fn bypass(&mut self, time: Option<Duration>) -> Result<(), String> {
        if self.stands() == Switch::Frozen {
            return Err("it is frozen".to_owned());
        }
        match time {
            Some(time) if time.is_zero() || time > LONGEST_BYPASS => {
                return Err(format!("a bypass takes 1 to {} seconds", LONGEST_BYPASS.as_secs()));
            }
            Some(time) => {
                self.until = Some(Instant::now() + time);
                self.told.send_replace(Switch::Bypassed);
            }
            None => {
                self.until = None;
                self.told.send_replace(Switch::Normal);
            }
        }
        Ok(())
    }

    /// Waits until a bypass has run out, and ends it; for ever where there is none.
    pub(crate) async fn run_out(&mut self) {
        match self.until {
            Some(until) => tokio::time::sleep_until(until).await,
            None => std::future::pending().await,
        }
        let _ = self.bypass(None);
    }
}

#[cfg(test)]
mod tests {
    use super::{Holder, LONGEST_BYPASS, Switch, button_letter, journal_letter, letter};
    use super::{of_button_letter, of_journal_letter, of_letter};
    use std::time::Duration;

    fn holder() -> (tempfile::TempDir, Holder) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::create_dir(folder.path().join("state")).expect("fresh");
        let holder = Holder::load(folder.path());
        (folder, holder)
    }

    #[test]
    fn letters_are_read_as_they_are_written_and_any_other_freezes() {
        for switch in [Switch::Normal, Switch::Frozen, Switch::Bypassed] {
            assert_eq!(of_letter(letter(switch)), switch);
        }
        assert_eq!(of_letter(b'x'), Switch::Frozen);
        for on in [false, true] {
            assert_eq!(of_button_letter(button_letter(on)), Some(on));
            assert_eq!((of_journal_letter(journal_letter(on)), of_button_letter(journal_letter(on))), (Some(on), None));
        }
        let switch = letter(Switch::Normal);
        assert_eq!((of_button_letter(switch), of_journal_letter(switch)), (None, None));
    }

    #[test]
    fn a_freeze_outlives_the_daemon_and_a_bypass_does_not() {
        let (folder, mut first) = holder();
        assert_eq!(first.stands(), Switch::Normal);
        first.freeze(true).expect("kept");
        assert_eq!(Holder::load(folder.path()).stands(), Switch::Frozen);
        first.freeze(false).expect("kept");
        first.bypass(Some(Duration::from_secs(60))).expect("bypassed");
        assert_eq!((first.stands(), Holder::load(folder.path()).stands()), (Switch::Bypassed, Switch::Normal));
        std::fs::write(folder.path().join("state/switch.json"), "{").expect("written");
        assert_eq!(Holder::load(folder.path()).stands(), Switch::Frozen);
    }

    #[test]
    fn a_card_that_takes_no_writes_does_not_keep_it_from_freezing() {
        let (folder, mut holder) = holder();
        std::fs::remove_dir(folder.path().join("state")).expect("empty");
        assert!(holder.freeze(true).is_err());
        assert_eq!(holder.stands(), Switch::Frozen);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bypass_ends_by_itself_and_never_thaws() {
        let (_folder, mut holder) = holder();
        assert!(holder.bypass(Some(LONGEST_BYPASS + Duration::from_secs(1))).is_err());
        holder.bypass(Some(Duration::from_secs(60))).expect("bypassed");
        let begun = tokio::time::Instant::now();
        holder.run_out().await;
        assert_eq!((holder.stands(), begun.elapsed().as_secs()), (Switch::Normal, 60));
        holder.freeze(true).expect("kept");
        assert!(holder.bypass(Some(Duration::from_secs(60))).is_err());
        assert_eq!(holder.stands(), Switch::Frozen);
    }
}
