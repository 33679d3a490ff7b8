use std::fs;
use std::path::{Path, PathBuf};

use gate_seal::DeviceKey;

use super::{folder, pack_build, pack_verify};
use crate::packs::PackFile;
use crate::{CommandError, Outcome};

const RULE: &str = r#"
kb = "kb1-secrets"

[[rule]]
id = "acme-key"
name = "Acme key"
kind = "api_key"
severity = "high"
action = "redact"
anchors = ["acme_"]
pattern = 'acme_[0-9a-f]{8}'
match = ["acme_0a1b2c3d", "x=acme_9f8e7d6c", "(acme_5b5c5d5e)"]
no_match = ["acme_", "acme_0a1b2c3", "nacme_0a1b2c3d"]
"#;

const FILES: [(&str, &str); 5] = [
    ("pack.toml", "name = \"acme\"\nversion = \"1.2.3\"\n"),
    ("allow.toml", ""),
    ("kb1-secrets/acme.toml", RULE),
    ("kb1-secrets/README.md", "notes"),
    ("kb8-providers/acme.toml", "no = \"rules\""),
];

fn sources(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    dir
}

fn build(dir: &Path, sign: &[PathBuf]) -> Result<PathBuf, CommandError> {
    let out = dir.join("out.ngpack");
    pack_build(dir, Some(&out), sign).map(|_| out)
}

fn key(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let key = DeviceKey::generate().unwrap();
    let (private, public) = (dir.join(format!("{name}.key.pem")), dir.join(format!("{name}.pub.pem")));
    fs::write(&private, key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    fs::write(&public, key.public().to_pem().unwrap()).unwrap();
    (private, public)
}

#[test]
fn two_builds_of_the_tree_give_the_same_bytes() {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packs");
    let out = tempfile::tempdir().unwrap();
    let (private, _) = key(out.path(), "k");
    let bytes = ["a", "b"].map(|name| {
        let file = out.path().join(name);
        assert_eq!(pack_build(&packs, Some(&file), std::slice::from_ref(&private)).unwrap(), Outcome::Done);
        fs::read(file).unwrap()
    });
    assert!(bytes[0] == bytes[1], "two builds differ");
    // What the binary carries is what the folder holds.
    let file = PackFile::read(&out.path().join("a")).unwrap();
    assert!(file.source().unwrap() == gate_scrub::PackSource::builtin(), "the built-in pack is another one");
}

#[test]
fn every_mistake_names_file_and_line() {
    let rows: [(&str, String, &str); 6] = [
        ("kb1-secrets/acme.toml", RULE.replace("kind =", "kinds ="), "/kb1-secrets/acme.toml:7: unknown field `kinds`"),
        ("kb2-personal/b.toml", RULE.to_owned(), "/kb2-personal/b.toml:4: rule `acme-key` has the same id"),
        ("kb1-secrets/acme.toml", RULE.replace("x=acme_9f8e7d6c", "acme_9"), "example 2 of `match` is not found"),
        ("kb1-secrets/acme.toml", RULE.replace("{8}", "{8}(?:a|b)*a(?:a|b){30}"), "/kb1-secrets/acme.toml:4: rule"),
        ("pack.toml", "name = \"acme\"\n".to_owned(), "pack.toml:1: missing field `version`"),
        ("kb1-secrets/new.tml", RULE.to_owned(), "new.tml: is no rule file"),
    ];
    for (name, text, says) in rows {
        let dir = sources(&FILES);
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        fs::write(dir.path().join(name), text).unwrap();
        let error = build(dir.path(), &[]).unwrap_err();
        assert!(matches!(error, CommandError::Input(_)), "exit code 2");
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert!(!dir.path().join("out.ngpack").exists());
    }
}

#[test]
fn a_pack_verifies_with_the_key_that_signed_it() {
    let dir = sources(&FILES);
    let keys = tempfile::tempdir().unwrap();
    let (ours, our_public) = key(keys.path(), "ours");
    let (_, their_public) = key(keys.path(), "theirs");
    let file = build(dir.path(), &[ours]).unwrap();
    let verify = |keys: &[&PathBuf]| pack_verify(&file, &keys.iter().copied().cloned().collect::<Vec<_>>(), true);
    assert_eq!(verify(&[]).unwrap(), Outcome::Done);
    assert_eq!(verify(&[&our_public]).unwrap(), Outcome::Done);
    assert_eq!(verify(&[&their_public, &our_public]).unwrap(), Outcome::Done);
    assert_eq!(verify(&[&their_public]).unwrap(), Outcome::No);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(!matches!(verify(&[&our_public]), Ok(Outcome::Done)), "a changed byte passes");
    fs::write(&file, "no pack").unwrap();
    assert!(verify(&[]).unwrap_err().to_string().contains("is no pack"));
}

#[test]
fn the_catalogue_of_providers_is_no_part_of_a_pack() {
    let dir = sources(&FILES);
    let source = folder::read(dir.path()).unwrap();
    assert_eq!(source.compile(&[]).unwrap().rules().count(), 1);
}
