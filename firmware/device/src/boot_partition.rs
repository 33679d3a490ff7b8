//! The boot partition is the one that a PC shows: the claim code is left there for the owner, and what the owner left
//! there for the puck is taken in, once. It is mounted only for that moment; `autoboot.txt` is never touched this way.

mod owner;
mod policy;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use self::owner::Taken;
use crate::desk::Desk;
use crate::log::say;
use crate::watchdog::Watchdog;
use crate::{card, fat};

const TARGET: &str = "/run/puck/boot";
const CLAIM: &str = "CLAIM-CODE.txt";
/// One line: `http://192.0.2.1/nanogate.update`.
const RESCUE: &str = "RESCUE-URL.txt";
/// Any of these: some editors add endings, some people leave them out.
const SETTINGS: [&str; 4] = ["CONFIG", "CONFIG.txt", "nanogate.toml", "nanogate.toml.txt"];
/// What is left in the place of settings that were refused.
const REFUSED: &str = "CONFIG-REJECTED.txt";
const FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);

/// Where what was taken in lives from then on.
const TAKEN: Taken<&str> = Taken {
    owner: "/data/config/nanogate.toml",
    network: "/data/config/network.toml",
    password: "/data/config/password-hash",
};

/// What became of a file of the owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Import {
    Taken,
    /// It says something that nobody here understands.
    Refused,
}

/// Mounts the partition for as long as `work` takes.
fn mounted<T>(work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let device = card::await_partition("boot").ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(TARGET)?;
    // Whether it is one the mount says better.
    let _ = fat::forget_dirt(&device);
    mount(&device, TARGET, "vfat", FLAGS, c"umask=077,errors=remount-ro")?;
    let result = work(Path::new(TARGET));
    unmount(TARGET, UnmountFlags::DETACH)?;
    rustix::fs::sync();
    result
}

/// Takes in what the owner left, and scrubs it from the card: it may hold what nobody else should read. That is not before
/// what was taken in is on /data; where that lies in memory, the files stay for the next start. Whether one was refused.
pub(crate) fn import(desk: &Desk, volatile: bool, watchdog: &mut Watchdog) -> bool {
    let imported = mounted(|folder| {
        let settings =
            |name: &str| take(folder, (name, REFUSED), volatile, owner_parts, |parts| owner::store(parts, &TAKEN));
        let policy =
            |name: &str| take(folder, (name, policy::REFUSED), volatile, owners_policy, |text| policy::store(text));
        // Each question to the daemon has the watchdog's patience to itself.
        watchdog.feed();
        let policy = found(folder, &policy::NAMES).map(policy);
        watchdog.feed();
        let settings = found(folder, &SETTINGS).map(settings);
        Ok([("policy_taken", policy), ("settings_taken", settings)])
    });
    let imported = imported.unwrap_or_else(|error| [("settings_taken", Some(Err(error))), ("policy_taken", None)]);
    let mut refused = false;
    for (what, outcome) in imported.into_iter().filter_map(|(what, outcome)| Some((what, outcome?))) {
        match outcome {
            Ok((outcome, told)) => {
                refused |= outcome == Import::Refused;
                desk.note(what, outcome == Import::Taken, &told);
            }
            Err(error) => desk.note(what, false, &format!("what comes from a PC cannot be taken in: {error}")),
        }
    }
    refused
}

/// What a factory reset takes away: the owner's words, whoever has the card next.
pub(crate) fn forget() {
    if let Err(error) = mounted(forget_in) {
        say!("factory reset: the boot partition keeps what was put there: {error}");
    }
}

/// Scrubs all that an owner may have there. One file that withstands keeps none of the others.
fn forget_in(folder: &Path) -> io::Result<()> {
    let names = [REFUSED, policy::REFUSED, RESCUE].into_iter().chain(SETTINGS).chain(policy::NAMES);
    let present = names.map(|name| folder.join(name)).filter(|file| file.is_file());
    present.map(|file| scrub(&file)).fold(Ok(()), io::Result::and)
}

/// The first of these names that there is.
fn found(folder: &Path, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| folder.join(name).is_file())
}

/// What the daemon knows of the owner's settings.
fn owner_parts(text: String) -> Result<owner::Parts, String> {
    let parts = owner::split(&text)?;
    owner::check(&parts).map(|()| parts)
}

/// The owner's policy, if it is one.
fn owners_policy(text: String) -> Result<String, String> {
    policy::check(&text).map(|()| text)
}

/// Takes in a file of the folder; what became of it, and what to say of that. `accept` knows what the daemon would say.
fn take<T>(
    folder: &Path,
    (name, refused): (&str, &str),
    volatile: bool,
    accept: impl Fn(String) -> Result<T, String>,
    store: impl Fn(&T) -> io::Result<()>,
) -> io::Result<(Import, String)> {
    let (file, told) = (folder.join(name), refused);
    let refused = folder.join(refused);
    let text = owner::read(&file);
    match text.clone().and_then(accept) {
        Ok(accepted) => {
            store(&accepted)?;
            if !volatile {
                scrub(&file)?;
                if refused.exists() {
                    fs::remove_file(&refused)?;
                }
            }
            Ok((Import::Taken, format!("{name} was taken in")))
        }
        Err(reason) => {
            let mut out = fs::File::create(&refused)?;
            out.write_all(owner::refusal(name, &reason, &text.unwrap_or_default()).as_bytes())?;
            out.sync_all()?;
            scrub(&file)?;
            Ok((Import::Refused, format!("{name} was not taken in: {}; see {told}", owner::shorten(&reason))))
        }
    }
}

/// Leaves the claim code for the owner, or takes it away once somebody has claimed the puck.
pub(crate) fn show_claim_code(code: Option<&str>, name: &str) {
    let shown = mounted(|folder| {
        let file = folder.join(CLAIM);
        match code {
            Some(code) => {
                let text = format!("Open https://{name}/ and enter this code once: {code}\r\n");
                if fs::read_to_string(&file).is_ok_and(|present| present == text) {
                    Ok(())
                } else {
                    fs::write(&file, text)
                }
            }
            None if file.exists() => scrub(&file),
            None => Ok(()),
        }
    });
    if let Err(error) = shown {
        say!("the claim code cannot be left on the boot partition: {error}");
    }
}

/// Where the rescue system may get an image from, if the owner left an address for it.
pub(crate) fn rescue_url() -> Option<String> {
    let read = mounted(|folder| {
        let file = folder.join(RESCUE);
        Ok(file.is_file().then(|| owner::read(&file)))
    });
    let text = read.map_err(|error| error.to_string()).and_then(Option::transpose);
    match text.and_then(|text| text.as_deref().map(url).transpose()) {
        Ok(url) => url,
        Err(error) => {
            say!("{RESCUE}: {error}");
            None
        }
    }
}

/// The address in the first line of that file.
fn url(text: &str) -> Result<String, String> {
    let line = text.lines().next().unwrap_or_default().trim();
    if line.starts_with("http://") {
        Ok(line.to_owned())
    } else {
        // Without a certificate authority and a clock there is no TLS; the image's signature is what counts.
        Err(format!("`{}` is no address of the form http://192.0.2.1/nanogate.update", owner::shorten(line)))
    }
}

/// Overwrites a file, so that its blocks hold nothing, and removes it.
fn scrub(file: &Path) -> io::Result<()> {
    let length = usize::try_from(fs::metadata(file)?.len()).unwrap_or(0);
    let mut out = fs::OpenOptions::new().write(true).open(file)?;
    let zeros = [0; 4096];
    let mut left = length;
    while left > 0 {
        let part = left.min(zeros.len());
        out.write_all(&zeros[..part])?;
        left -= part;
    }
    out.sync_all()?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{CLAIM, Import, REFUSED, Taken, forget_in, owner, scrub, take, url};

    fn places(folder: &Path) -> Taken<PathBuf> {
        let [owner, network, password] =
            ["data/nanogate.toml", "data/n.toml", "data/hash"].map(|name| folder.join(name));
        Taken { owner, network, password }
    }

    /// Takes in a file of that name; `check` stands for the daemon.
    fn taken(folder: &Path, name: &str, volatile: bool, check: Result<(), &str>) -> std::io::Result<(Import, String)> {
        let into = places(folder);
        let accept = |text: String| {
            check?;
            owner::split(&text)
        };
        take(folder, (name, REFUSED), volatile, accept, |parts| owner::store(parts, &into))
    }

    #[test]
    fn what_the_daemon_does_not_know_is_told_and_given_back() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (into, file) = (places(folder.path()), folder.path().join("CONFIG.txt"));
        let no = Err("dns.upstreems: unknown field `upstreems`");
        std::fs::write(&file, "[dns]\nupstreems = 1\n").expect("fresh");
        let (outcome, told) = taken(folder.path(), "CONFIG.txt", false, no).expect("read");
        assert!(outcome == Import::Refused && told.contains("dns.upstreems") && told.contains(REFUSED), "{told}");
        assert!(!file.exists() && !into.owner.exists());
        let left = std::fs::read_to_string(folder.path().join(REFUSED)).expect("left");
        assert!(left.contains("dns.upstreems") && left.contains("upstreems = 1"));
        // One that is right takes it away.
        std::fs::write(&file, "mode = \"dns\"\n").expect("fresh");
        let (outcome, _) = taken(folder.path(), "CONFIG.txt", false, Ok(())).expect("read");
        assert!(outcome == Import::Taken && into.owner.exists());
        assert!(!file.exists() && !folder.path().join(REFUSED).exists());
    }

    #[test]
    fn a_file_stays_until_what_it_says_is_on_the_card() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("CONFIG");
        std::fs::write(&file, "mode = \"dns\"\n").expect("fresh");
        assert_eq!(taken(folder.path(), "CONFIG", true, Ok(())).expect("read").0, Import::Taken);
        assert!(file.exists(), "/data lies in memory");
        std::fs::remove_dir_all(folder.path().join("data")).expect("there");
        std::fs::write(folder.path().join("data"), "").expect("in the way");
        taken(folder.path(), "CONFIG", false, Ok(())).expect_err("nothing can be kept");
        assert!(file.exists(), "it could not be kept");
    }

    #[test]
    fn scrubbing_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("CONFIG");
        std::fs::write(&file, "secret".repeat(2000)).expect("fresh");
        scrub(&file).expect("scrubbed");
        assert!(!file.exists());
    }

    #[test]
    fn a_factory_reset_takes_the_owners_words_and_leaves_what_starts_the_puck() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let place = |name: &str| folder.path().join(name);
        let owners = ["CONFIG", "nanogate.toml", REFUSED, "policy.yaml", "POLICY-REJECTED.txt", "RESCUE-URL.txt"];
        for name in owners.into_iter().chain(["autoboot.txt", CLAIM]) {
            std::fs::write(place(name), "secret").expect("fresh");
        }
        forget_in(folder.path()).expect("forgotten");
        assert!(owners.iter().all(|name| !place(name).exists()));
        assert!(place("autoboot.txt").exists() && place(CLAIM).exists());
    }

    #[test]
    fn the_address_of_an_image_is_one_of_a_plain_web_server() {
        assert_eq!(url(" http://192.0.2.1/a.update\r\nmore").as_deref(), Ok("http://192.0.2.1/a.update"));
        for text in ["", "https://192.0.2.1/a", "192.0.2.1/a", "\nhttp://192.0.2.1/a"] {
            assert!(url(text).is_err(), "{text}");
        }
    }
}
