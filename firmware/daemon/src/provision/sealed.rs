//! The authority's keys at rest: sealed with a secret that lies elsewhere. A copy of the folder `keys` alone is of no use, nor is
//! one of the whole card where the owner's secret is not on it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gate_seal::{SealKey, is_sealed, random_key};
use zeroize::Zeroizing;

use super::write;
use crate::CommandError;
use crate::config::Config;
use crate::papers::Papers;

/// Shorter secrets could be found by trying.
const SHORTEST: usize = 16;

/// Where the secret is.
pub(crate) fn seal_key_file(config: &Config) -> PathBuf {
    config.ca.seal_key.clone().unwrap_or_else(|| own_secret(config))
}

/// Where it is unless the owner has one of their own.
fn own_secret(config: &Config) -> PathBuf {
    config.data.join("seal/ca.seal")
}

/// Where the supervisor says that a key cannot be opened.
pub(crate) fn locked_file(data: &Path) -> PathBuf {
    data.join("state/locked.json")
}

/// Tells a person what to mend, or that there is nothing.
pub(super) fn keep_locked(config: &Config, locked: Option<String>) -> Result<(), CommandError> {
    let told: Vec<String> = locked.into_iter().collect();
    let (file, bytes) = (locked_file(&config.data), serde_json::to_vec(&told).map_err(CommandError::internal)?);
    if fs::read(&file).is_ok_and(|old| old == bytes) { Ok(()) } else { write(&file, &bytes, 0o644) }
}

/// The text of a key's file, opened where it is sealed; or why it cannot be, and what to do.
pub(super) fn open(
    config: &Config,
    papers: &Papers,
    file: &Path,
    text: Zeroizing<String>,
) -> Result<Zeroizing<String>, String> {
    if !is_sealed(&text) {
        return Ok(text);
    }
    let opened = seal_key(config, papers).and_then(|key| key.open(&text).map_err(|error| error.to_string()));
    opened.map_err(|why| {
        format!(
            "{} cannot be opened: {why}. Inspected clients are refused until {} is as it was, or `ca.seal_key` names the \
             secret that it was sealed with; or let a successor take over (`nanogate ca activate`, or the Trust page), which \
             every device has to trust first",
            file.display(),
            seal_key_file(config).display()
        )
    })
}

/// Whether keys are sealed here: the owner names a secret, or one was made. One that cannot be seen may be there.
pub(super) fn is_begun(config: &Config) -> bool {
    config.ca.seal_key.is_some() || seal_key_file(config).try_exists().unwrap_or(true)
}

/// Makes the secret where there is none yet, and the owner has none.
pub(super) fn begin(config: &Config) -> Result<(), CommandError> {
    if is_begun(config) {
        return Ok(());
    }
    let secret = random_key().map_err(CommandError::internal)?;
    write(&seal_key_file(config), secret.as_slice(), 0o600)
}

/// A key as it may lie on the disk.
pub(super) fn seal(config: &Config, plain: &str) -> Result<String, CommandError> {
    let key = seal_key(config, &Papers::default()).map_err(CommandError::Input)?;
    key.seal(plain).map_err(CommandError::internal)
}

/// Seals a key that lies there as earlier versions wrote it, or as somebody put it back.
pub(super) fn seal_plain(config: &Config, file: &Path) -> Result<(), CommandError> {
    let named = |error: io::Error| CommandError::internal(format!("{}: {error}", file.display()));
    let text = match fs::read_to_string(file) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(named(error)),
    };
    // What is no key at all stays as it is, for whoever looks what became of it.
    if is_sealed(&text) || !text.contains("PRIVATE KEY") {
        return Ok(());
    }
    write(file, seal(config, &text)?.as_bytes(), 0o600)?;
    tracing::info!(file = %file.display(), "the key is sealed now");
    Ok(())
}

/// Seals with the owner's secret what the data folder's own one has sealed so far, and forgets that one: whoever names
/// `ca.seal_key` wants no key that the card alone opens.
pub(super) fn seal_anew(config: &Config, files: &[PathBuf]) -> Result<(), CommandError> {
    let own = own_secret(config);
    if seal_key_file(config) == own {
        return Ok(());
    }
    let named = |error: io::Error| CommandError::internal(format!("{}: {error}", own.display()));
    let secret = match fs::read(&own) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => Zeroizing::new(read.map_err(named)?),
    };
    if Papers::default().read(&seal_key_file(config)).is_ok_and(|named| named == *secret) {
        // One and the same, perhaps the same file by another way.
        return Ok(());
    }
    for file in files {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            read => read.map_err(|error| CommandError::internal(format!("{}: {error}", file.display())))?,
        };
        let Ok(plain) = SealKey::new(&secret).open(&text) else { continue };
        write(file, seal(config, &plain)?.as_bytes(), 0o600)?;
        tracing::info!(file = %file.display(), "the key is sealed with the secret that ca.seal_key names");
    }
    fs::remove_file(&own).map_err(named)
}

/// Whether the owner's file has a secret in it, for `nanogate check`: the daemon starts without, with its authority locked.
pub(crate) fn check_seal(config: &Config) -> Result<(), CommandError> {
    let named = config.ca.seal_key.as_ref().map(|_| seal_key(config, &Papers::default()));
    named.transpose().map(drop).map_err(|error| CommandError::Input(format!("ca.seal_key: {error}")))
}

/// Reads the secret.
fn seal_key(config: &Config, papers: &Papers) -> Result<SealKey, String> {
    let file = seal_key_file(config);
    let read = papers.read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let secret = Zeroizing::new(read);
    if secret.len() < SHORTEST {
        return Err(format!("{}: it has fewer than {SHORTEST} bytes", file.display()));
    }
    Ok(SealKey::new(&secret))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gate_core::{Clock, SystemClock};
    use gate_seal::Authority;

    use super::super::authority::{IN_FORCE, NEXT, authority_or_new, successor_if_due};
    use super::super::{activate, authority, plain_key, seal_keys, successor};
    use super::{check_seal, locked_file, seal_key_file};
    use crate::config::Config;
    use crate::papers::Papers;

    const KEY_BEGINS: &str = "-----BEGIN PRIVATE KEY-----";

    fn machine(rest: &str) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let text =
            format!("data = 'data'\n[identity]\naddresses = ['192.0.2.53']\n[dns]\nupstreams = ['9.9.9.9']\n{rest}");
        let config = Config::of_text(&dir.path().join("n.toml"), &text).expect("settings");
        for folder in ["keys", "ca", "seal", "state"] {
            fs::create_dir_all(config.data.join(folder)).expect("fresh");
        }
        (dir, config)
    }

    fn key_text(config: &Config) -> String {
        fs::read_to_string(config.data.join(IN_FORCE.key)).expect("a key")
    }

    #[test]
    fn a_key_is_sealed_from_the_first_start_and_one_that_was_put_back_at_the_next() {
        let (_dir, config) = machine("");
        let made = authority_or_new(&config).expect("an authority");
        assert!(!key_text(&config).contains(KEY_BEGINS));
        let plain = plain_key(&config).expect("opened");
        assert!(plain.starts_with(KEY_BEGINS));
        fs::write(config.data.join(IN_FORCE.key), plain.as_bytes()).expect("as it was before");
        let again = authority_or_new(&config).expect("the same");
        assert_eq!(again.fingerprint_sha256(), made.fingerprint_sha256());
        assert!(!key_text(&config).contains(KEY_BEGINS) && !again.is_locked());
        assert_eq!(fs::read_to_string(locked_file(&config.data)).expect("told"), "[]");
    }

    #[test]
    fn what_an_earlier_version_made_it_can_read_until_the_owner_seals_it() {
        let (_dir, config) = machine("");
        let made = authority_or_new(&config).expect("an authority");
        let plain = plain_key(&config).expect("opened");
        fs::write(config.data.join(IN_FORCE.key), plain.as_bytes()).expect("as an earlier version wrote it");
        fs::remove_file(seal_key_file(&config)).expect("it knew of none");
        let kept = authority_or_new(&config).expect("the same");
        assert_eq!(kept.fingerprint_sha256(), made.fingerprint_sha256());
        assert_eq!(key_text(&config), *plain);
        let domains = ["acme.example".to_owned()];
        let ours = gate_core::HostName::parse(b"nanogate.example.org").expect("a name");
        let narrow = Authority::generate("x", &domains, &ours, SystemClock.now()).expect("one that leaves names out");
        successor_if_due(&config, &narrow).expect("made");
        let next = fs::read_to_string(config.data.join(NEXT.key)).expect("a key");
        assert!(next.starts_with(KEY_BEGINS), "an earlier version reads this, too");
        seal_keys(&config).expect("sealed");
        assert!(!key_text(&config).contains(KEY_BEGINS));
        assert!(!fs::read_to_string(config.data.join(NEXT.key)).expect("a key").contains(KEY_BEGINS));
        assert!(!authority_or_new(&config).expect("the same").is_locked());
    }

    #[test]
    fn a_key_without_its_secret_is_locked_told_of_and_can_be_succeeded() {
        let (_dir, config) = machine("");
        let made = authority_or_new(&config).expect("an authority");
        fs::write(seal_key_file(&config), [1; 32]).expect("another secret");
        let locked = authority_or_new(&config).expect("locked and not gone");
        assert!(locked.is_locked() && locked.fingerprint_sha256() == made.fingerprint_sha256());
        assert!(authority(&config, &Papers::default()).expect("as workers read it").is_locked());
        let told = fs::read_to_string(locked_file(&config.data)).expect("told");
        assert!(told.contains("ca.key.pem cannot be opened") && told.contains("ca activate"), "{told}");
        assert!(plain_key(&config).is_err());

        successor_if_due(&config, &locked).expect("another is made");
        assert!(config.data.join(NEXT.cert).exists());
        assert!(!successor(&config, &Papers::default()).expect("read").expect("there").is_locked());
        activate(&config).expect("takes over");
        let next = authority_or_new(&config).expect("in force");
        assert!(!next.is_locked() && next.fingerprint_sha256() != made.fingerprint_sha256());
        assert_eq!(fs::read_to_string(locked_file(&config.data)).expect("told"), "[]");
    }

    #[test]
    fn an_owners_secret_takes_the_place_of_the_data_folders() {
        let (dir, config) = machine("");
        let made = authority_or_new(&config).expect("an authority");
        let own = seal_key_file(&config);
        let seal_key = Some(dir.path().join("secret"));
        let named = Config { ca: crate::config::CaConfig { seal_key }, ..config.clone() };
        assert!(authority_or_new(&named).expect("DNS goes on").is_locked() && own.exists(), "it is not there yet");
        fs::write(dir.path().join("secret"), [7; 32]).expect("written");
        let kept = authority_or_new(&named).expect("the same");
        assert!(!kept.is_locked() && kept.fingerprint_sha256() == made.fingerprint_sha256());
        assert!(!own.exists(), "the card alone opens nothing any more");
        fs::rename(dir.path().join("secret"), &own).expect("moved");
        std::os::unix::fs::symlink(&own, dir.path().join("secret")).expect("the same by another way");
        assert!(!authority_or_new(&named).expect("the same").is_locked() && own.exists(), "the only copy");
        fs::remove_file(dir.path().join("secret")).expect("a link");
        fs::rename(&own, dir.path().join("secret")).expect("back");
        assert!(!authority_or_new(&named).expect("again").is_locked());
        // Taken away again, the setting is what the page asks for.
        assert!(authority_or_new(&config).expect("DNS goes on").is_locked());
        assert!(fs::read_to_string(locked_file(&config.data)).expect("told").contains("ca.seal_key"));
    }

    #[test]
    fn the_successor_of_a_key_whose_secret_is_gone_is_sealed_too() {
        let (_dir, config) = machine("");
        authority_or_new(&config).expect("an authority");
        fs::remove_file(seal_key_file(&config)).expect("lost");
        let locked = authority_or_new(&config).expect("DNS goes on");
        assert!(locked.is_locked());
        successor_if_due(&config, &locked).expect("another is made");
        assert!(!fs::read_to_string(config.data.join(NEXT.key)).expect("a key").contains(KEY_BEGINS));
        activate(&config).expect("takes over");
        assert!(!authority_or_new(&config).expect("in force").is_locked());
    }

    #[test]
    fn a_secret_of_the_owners_is_never_made_up() {
        let (dir, config) = machine("[ca]\nseal_key = 'secret'\n");
        assert_eq!(seal_key_file(&config), dir.path().join("secret"));
        assert!(check_seal(&config).is_err() && authority_or_new(&config).is_err());
        fs::write(dir.path().join("secret"), "short").expect("written");
        assert!(check_seal(&config).is_err());
        fs::write(dir.path().join("secret"), "sixteen bytes and more").expect("written");
        check_seal(&config).expect("good");
        assert!(!authority_or_new(&config).expect("an authority").is_locked());
        fs::remove_file(dir.path().join("secret")).expect("gone");
        assert!(authority_or_new(&config).expect("locked").is_locked());
        assert!(!dir.path().join("secret").exists());
    }
}
