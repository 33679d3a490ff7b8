//! What the programs print that is for the owner: the claim code, and the name that multicast DNS found free.

use std::sync::{Mutex, PoisonError};

use crate::beacon;
use crate::beside::Beside;
use crate::boot_partition;
use crate::desk::Desk;
use crate::log::{self, say};

/// The name that the puck has unless another host has it.
const USUAL: &str = "nanogate.local";

/// What the daemon said last about its claim code, and the beacon about the name.
static CLAIM: Mutex<Option<String>> = Mutex::new(None);
static NAME: Mutex<Option<String>> = Mutex::new(None);

/// Hears the daemon's own words; they go on to the console, which is where a person with a cable looks.
pub(crate) fn hear_daemon(line: &str) {
    log::show(line);
    if let Some(rest) = line.strip_prefix("claim code: ") {
        set(&CLAIM, rest.split_whitespace().next().map(str::to_owned));
    }
}

/// The same of the beacon's.
pub(crate) fn hear_beacon(line: &str) {
    match beacon::own_name(line) {
        Some(name) => set(&NAME, Some(name)),
        None => log::show(line),
    }
}

/// The name by which multicast DNS finds the puck.
pub(crate) fn name() -> String {
    get(&NAME).unwrap_or_else(|| USUAL.to_owned())
}

fn get(place: &Mutex<Option<String>>) -> Option<String> {
    place.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set(place: &Mutex<Option<String>>, value: Option<String>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = value;
}

/// What was made of it so far.
#[derive(Debug, Default)]
pub(crate) struct Spoken {
    /// What the boot partition says about the claim code, once it says anything, and where it is written.
    shown: Option<(Option<String>, String)>,
    showing: Beside,
    /// The name that was told last.
    told: Option<String>,
}

impl Spoken {
    /// The claim code that the daemon printed last goes where the owner can read it, and is taken away once the puck is
    /// claimed; a new one is printed after the password was reset.
    pub(crate) fn show_claim_code(&mut self, desk: &Desk) {
        let code = get(&CLAIM).filter(|_| desk.claimed() != Some(true));
        let wanted = (code, name());
        if self.shown.as_ref() != Some(&wanted) {
            let (code, name) = wanted.clone();
            if self.showing.begin(move || boot_partition::show_claim_code(code.as_deref(), &name)) {
                self.shown = Some(wanted);
            }
        }
    }

    /// Whether the puck goes by another name than it was last asked; the owner is told.
    pub(crate) fn is_renamed(&mut self, desk: &Desk) -> bool {
        let name = name();
        let before = self.told.get_or_insert_with(|| USUAL.to_owned());
        if *before == name {
            return false;
        }
        if name == USUAL {
            say!("it is {USUAL} again");
        } else {
            desk.note("name_taken", false, &format!("another host has {before}: this one is {name}"));
        }
        self.told = Some(name);
        true
    }
}
