use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_scrub::{PackSource, Scanner};
use gate_seal::DeviceKey;
use tokio_util::sync::CancellationToken;

use super::{Install, install, installed_file, standing};
use crate::config::Config;
use crate::packs::active::{Origin, activate, active_file, read_state};
use crate::packs::choose::{Rules, follow_pack};
use crate::packs::keys::Keys;
use crate::packs::signed::PackFile;
use crate::papers::Papers;
use crate::provision;

/// A machine that trusts one key.
struct Machine {
    dir: tempfile::TempDir,
    key: DeviceKey,
}

impl Machine {
    fn new() -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), DeviceKey::generate().unwrap());
        fs::write(dir.path().join("pub.pem"), key.public().to_pem().unwrap()).unwrap();
        fs::create_dir_all(dir.path().join("data/state")).unwrap();
        Self { dir, key }
    }

    fn config(&self, packs: &str) -> Config {
        let file = self.dir.path().join("n.toml");
        let rest = "[identity]\naddresses = [\"192.0.2.53\"]\n[packs]\n";
        fs::write(&file, format!("data = \"data\"\n{rest}{packs}\n")).unwrap();
        Config::load(&file).unwrap()
    }

    fn trusting(&self) -> Config {
        self.config("trust = [\"pub.pem\"]")
    }

    /// A pack file with one rule, signed or not.
    fn pack(&self, name: &str, version: &str, id: &str, key: Option<&DeviceKey>) -> PathBuf {
        self.pack_with(&[], (name, version), id, key)
    }

    /// The same with other files beside it.
    fn pack_with(
        &self,
        more: &[(&str, &str)],
        (name, version): (&str, &str),
        id: &str,
        key: Option<&DeviceKey>,
    ) -> PathBuf {
        let rule = format!(
            "kb = \"kb1-secrets\"\n[[rule]]\nid = \"{id}\"\nname = \"Acme\"\nkind = \"api_key\"\nseverity = \"high\"\n\
             action = \"redact\"\nanchors = [\"acme_\"]\npattern = 'acme_[0-9a-f]{{8}}'\n\
             match = [\"acme_0a1b2c3d\", \"x=acme_9f8e7d6c\", \"(acme_5b5c5d5e)\"]\n\
             no_match = [\"acme_\", \"acme_0a1b2c3\", \"nacme_0a1b2c3d\"]\n"
        );
        let manifest = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        let own = [("pack.toml", manifest), ("kb1-secrets/a.toml", rule)].map(|(path, text)| (path.to_owned(), text));
        let files = own.into_iter().chain(more.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let mut file = PackFile::unsigned(&PackSource::from_files(files, Vec::new()).unwrap());
        if let Some(key) = key {
            assert!(file.sign(key));
        }
        let path = self.dir.path().join("offered.ngpack");
        fs::write(&path, file.bytes()).unwrap();
        path
    }
}

/// The one rule of the scanner that a worker would run with, or `builtin`.
fn in_force(config: &Config) -> String {
    only_rule(&Rules::in_force(config, &Papers::default()).unwrap().scanner)
}

fn only_rule(scanner: &Scanner) -> String {
    let all: Vec<String> = scanner.pack().rules().map(|rule| rule.id.to_owned()).collect();
    if all.len() == 1 { all[0].clone() } else { "builtin".to_owned() }
}

fn refused(config: &Config, path: &Path) -> String {
    match install(config, path, false).unwrap() {
        Install::Refused(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_signed_pack_comes_into_force_and_the_next_one_after_it() {
    let machine = Machine::new();
    let config = machine.trusting();
    assert_eq!(activate(&config).unwrap().0.origin, Origin::Builtin);
    assert_eq!(in_force(&config), "builtin");
    for (version, id) in [("9999.1.0", "first"), ("9999.1.1", "second")] {
        let path = machine.pack("nanogate", version, id, Some(&machine.key));
        assert!(matches!(install(&config, &path, false).unwrap(), Install::Done { .. }));
        assert!(matches!(install(&config, &path, false).unwrap(), Install::Same(_)));
        let (state, news) = activate(&config).unwrap();
        assert_eq!((state.version.as_str(), state.origin, news), (version, Origin::Installed, true));
        assert_eq!(in_force(&config), id);
        assert!(!activate(&config).unwrap().1, "it is in force already");
    }
}

#[test]
fn nobody_but_the_trusted_key_installs() {
    let machine = Machine::new();
    let config = machine.trusting();
    let unsigned = machine.pack("nanogate", "9999.1.0", "a", None);
    assert!(refused(&config, &unsigned).contains("nobody has signed it"));
    let foreign = machine.pack("nanogate", "9999.1.0", "a", Some(&DeviceKey::generate().unwrap()));
    assert!(refused(&config, &foreign).contains("none of these keys is trusted"));
    let ours = machine.pack("nanogate", "9999.1.0", "a", Some(&machine.key));
    let error = install(&machine.config(""), &ours, false).unwrap_err().to_string();
    assert!(error.starts_with("packs.trust: names no key"), "{error}");
    let error = install(&machine.config("trust = [\"none.pem\"]"), &ours, false).unwrap_err().to_string();
    assert!(error.starts_with("packs.trust: ") && error.contains("none.pem"), "{error}");
    assert!(!installed_file(&config.data).exists());
}

#[test]
fn an_older_pack_needs_to_be_told_so() {
    let machine = Machine::new();
    let config = machine.trusting();
    let older_than_builtin = machine.pack("nanogate", "1.0.0", "a", Some(&machine.key));
    assert!(refused(&config, &older_than_builtin).contains("version 1.0.0 is older than"));
    install(&config, &machine.pack("nanogate", "9999.2.0", "b", Some(&machine.key)), false).unwrap();
    let older = machine.pack("nanogate", "9999.1.0", "c", Some(&machine.key));
    assert!(refused(&config, &older).contains("older than 9999.2.0"));
    let twin = machine.pack("nanogate", "9999.2.0", "d", Some(&machine.key));
    assert!(refused(&config, &twin).contains("another pack with version 9999.2.0"));
    let ancient = machine.pack("nanogate", "1.0.0", "e", Some(&machine.key));
    assert!(matches!(install(&config, &ancient, true).unwrap(), Install::Done { .. }));
    activate(&config).unwrap();
    assert_eq!(in_force(&config), "e");
    // The permission was for that version alone.
    install(&config, &machine.pack("nanogate", "9999.3.0", "f", Some(&machine.key)), false).unwrap();
    fs::copy(machine.pack("nanogate", "1.0.0", "e", Some(&machine.key)), installed_file(&config.data)).unwrap();
    assert!(standing(&config).unwrap_err().contains("is older than"));
}

#[test]
fn a_broken_pack_leaves_the_built_in_rules_in_force_and_says_so() {
    let machine = Machine::new();
    let config = machine.trusting();
    let path = machine.pack("nanogate", "9999.1.0", "a", Some(&machine.key));
    install(&config, &path, false).unwrap();
    activate(&config).unwrap();
    let whole = fs::read(installed_file(&config.data)).unwrap();
    let foreign = machine.pack("nanogate", "9999.1.0", "a", Some(&DeviceKey::generate().unwrap()));
    let mut flipped = whole.clone();
    flipped[100] ^= 1;
    for (bytes, says) in [
        (whole[..whole.len() / 2].to_vec(), "ends early"),
        (flipped, "is not one over this pack"),
        (fs::read(foreign).unwrap(), "none of these keys is trusted"),
        (b"no pack".to_vec(), "is no pack"),
    ] {
        fs::write(installed_file(&config.data), bytes).unwrap();
        let (state, news) = activate(&config).unwrap();
        assert!(state.error.as_ref().is_some_and(|error| error.contains(says)), "{state:?}");
        assert!(news && state.origin == Origin::Builtin && !active_file(&config.data).exists());
        assert_eq!(read_state(&config.data), Some(state));
        assert_eq!(in_force(&config), "builtin");
        fs::write(installed_file(&config.data), &whole).unwrap();
        activate(&config).unwrap();
        assert_eq!(in_force(&config), "a");
    }
    // A copy that broke between the supervisor and a worker.
    fs::write(active_file(&config.data), b"NANOPACK").unwrap();
    assert_eq!(in_force(&config), "builtin");
}

#[test]
fn a_pack_whose_examples_fail_here_is_not_installed() {
    let machine = Machine::new();
    let config = machine.trusting();
    let path = machine.pack("nanogate", "9999.1.0", "a", None);
    let source = PackFile::read(&path).unwrap().source().unwrap().to_bytes();
    let text = String::from_utf8_lossy(&source).into_owned();
    assert!(text.contains("x=acme_9f8e7d6c"));
    let broken: Vec<u8> = {
        let at = source.windows(8).position(|window| window == b"9f8e7d6c").unwrap();
        let mut bytes = source;
        bytes[at] = b'z';
        bytes
    };
    let mut file = PackFile::unsigned(&PackSource::from_bytes(&broken).unwrap());
    assert!(file.sign(&machine.key));
    fs::write(&path, file.bytes()).unwrap();
    let error = install(&config, &path, false).unwrap_err().to_string();
    assert!(error.contains("example 2 of `match` is not found"), "{error}");
}

#[test]
fn a_pack_hands_over_its_keys_and_a_bad_set_is_not_installed() {
    let machine = Machine::new();
    let config = machine.trusting();
    let handed = || Keys::read(&provision::keys_file(&config.data)).unwrap();
    let tags = || handed().keys.iter().map(|key| key.tag).collect::<Vec<_>>();
    activate(&config).unwrap();
    assert_eq!(tags(), [20326, 38696]);
    assert!(handed().from.ends_with("(built in)"), "{}", handed().from);

    let all = include_str!("../../../../packs/dnssec.toml");
    let one = &all[..all.rfind("[[key]]").unwrap()];
    let key = Some(&machine.key);
    let good = machine.pack_with(&[("dnssec.toml", one)], ("nanogate", "9999.1.0"), "a", key);
    install(&config, &good, false).unwrap();
    activate(&config).unwrap();
    assert_eq!((tags(), handed().from.as_str()), (vec![20326], "the pack nanogate 9999.1.0 (installed)"));

    let bad = one.replace("tag = 20326", "tag = 20327");
    let path = machine.pack_with(&[("dnssec.toml", &bad)], ("nanogate", "9999.2.0"), "b", key);
    let error = install(&config, &path, false).unwrap_err().to_string();
    assert!(error.ends_with("dnssec.toml: the key 20327 of the zone `.`: its tag is 20326"), "{error}");
    // Nor does one come into force that got there in another way.
    fs::copy(&path, installed_file(&config.data)).unwrap();
    let (state, _) = activate(&config).unwrap();
    assert!(state.origin == Origin::Builtin && state.error.unwrap().contains("its tag is 20326"));
    assert_eq!(tags(), [20326, 38696]);

    // A pack of rules alone leaves the internet's own keys in force.
    install(&config, &machine.pack("nanogate", "9999.3.0", "c", key), false).unwrap();
    activate(&config).unwrap();
    assert_eq!(tags(), [20326, 38696]);
}

#[tokio::test]
async fn a_card_that_is_pulled_out_takes_no_rules_back() {
    let machine = Machine::new();
    let config = machine.trusting();
    let active = active_file(&config.data);
    let put_in_force = |version, id| {
        install(&config, &machine.pack("nanogate", version, id, Some(&machine.key)), false).unwrap();
        activate(&config).unwrap();
    };
    put_in_force("9999.1.0", "first");
    let rules = Rules::in_force(&config, &Papers::default()).unwrap();
    let (stop, applied) = (CancellationToken::new(), RefCell::new(Vec::new()));
    let followed = follow_pack(&config, rules.seen, stop.clone(), |scanner| {
        applied.borrow_mut().push(only_rule(&scanner));
        stop.cancel();
    });
    let pulled = async {
        // A folder in its place is there and cannot be read, as a file on a card that is gone.
        fs::remove_file(&active).unwrap();
        fs::create_dir(&active).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        fs::remove_dir(&active).unwrap();
        put_in_force("9999.1.1", "second");
    };
    tokio::join!(followed, pulled);
    assert_eq!(*applied.borrow(), ["second"], "what cannot be read is no news");
}
