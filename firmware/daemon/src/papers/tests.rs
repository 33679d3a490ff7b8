use std::fs;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;

use super::{Kept, Left, Papers};
use crate::cli::ProcessName;
use crate::config::{Config, Mode};
use crate::provision;

/// A data folder with a key, a policy in force and accounts.
fn machine() -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let text =
        "data = 'data'\npolicy = 'p.yaml'\n[identity]\naddresses = ['192.0.2.53']\n[dns]\nupstreams = ['9.9.9.9']\n";
    let config = Config::of_text(&dir.path().join("n.toml"), text).expect("settings");
    for folder in ["keys", "ca", "state/admin"] {
        fs::create_dir_all(config.data.join(folder)).expect("fresh");
    }
    fs::write(provision::device_key_file(&config.data), "key").expect("fresh");
    fs::write(config.data.join("state/policy.yaml"), "old").expect("fresh");
    fs::write(provision::accounts_file(&config.data), "accounts").expect("fresh");
    (dir, config)
}

fn handed(kept: &Kept, name: ProcessName) -> Papers {
    let left = Left::new(0).and_then(|left| left.share()).expect("a file in memory");
    let papers = kept.papers(name, false).expect("sealed");
    Papers::receive(papers.into_raw_fd(), OwnedFd::from(left).into_raw_fd()).expect("what was handed over")
}

#[tokio::test]
async fn what_is_out_of_reach_is_as_it_was_and_what_can_be_read_as_it_is() {
    let (_dir, config) = machine();
    let (key, policy) = (provision::device_key_file(&config.data), config.data.join("state/policy.yaml"));
    let kept = Kept::new(&config, "settings".to_owned());
    kept.look().await;
    let mut papers = handed(&kept, ProcessName::Proxy);
    assert_eq!(papers.settings, "settings");
    fs::write(&policy, "new").expect("written");
    assert_eq!(papers.read_text(&policy).expect("there"), "new");
    let away = config.data.with_extension("away");
    fs::rename(&config.data, &away).expect("pulled");
    // A look at a disk that is gone takes nothing back.
    kept.look().await;
    assert_eq!(handed(&kept, ProcessName::Proxy).read_text(&policy).expect("kept"), "old");
    assert_eq!(
        (papers.read(&key).expect("kept"), papers.read_text(&policy).expect("kept")),
        (b"key".into(), "old".into())
    );
    papers.forget_keys(&config);
    assert!(papers.kept(&key).is_none() && papers.kept(&policy).is_some());
    fs::rename(&away, &config.data).expect("back");
    fs::remove_file(&policy).expect("there");
    assert!(papers.read(&policy).is_err(), "what is known not to be there is not made up");
    kept.look().await;
    assert!(handed(&kept, ProcessName::Proxy).kept(&policy).is_none());
}

#[tokio::test]
async fn what_has_changed_is_seen_at_the_next_look() {
    let (_dir, config) = machine();
    let policy = config.data.join("state/policy.yaml");
    let kept = Kept::new(&config, String::new());
    kept.look().await;
    // As the supervisor puts one in force: another file under the same name.
    fs::write(policy.with_extension("new"), "new").expect("written");
    fs::rename(policy.with_extension("new"), &policy).expect("replaced");
    kept.look().await;
    assert_eq!(handed(&kept, ProcessName::Proxy).kept(&policy), Some(&b"new"[..]));
}

#[tokio::test]
async fn a_disk_that_hangs_is_not_asked() {
    let (_dir, config) = machine();
    let policy = config.data.join("state/policy.yaml");
    let kept = Kept::new(&config, String::new());
    assert!(kept.look().await);
    fs::write(&policy, "new").expect("written");
    let papers = Papers { hangs: true, ..handed(&kept, ProcessName::Proxy) };
    assert_eq!(papers.read_text(&policy).expect("kept"), "old");
}

#[tokio::test]
async fn a_gateways_resolver_is_handed_the_addresses_that_were_learnt() {
    let (_dir, mut config) = machine();
    let file = provision::destinations_file(&config.data);
    fs::create_dir_all(file.parent().expect("a folder")).expect("fresh");
    fs::write(&file, "learnt").expect("fresh");
    for (mode, handed_over) in [(Mode::Dns, None), (Mode::Gateway, Some(b"learnt".as_slice()))] {
        config.mode = mode;
        let kept = Kept::new(&config, String::new());
        kept.look().await;
        assert_eq!(handed(&kept, ProcessName::Dns).kept(&file), handed_over);
        assert_eq!(handed(&kept, ProcessName::Proxy).kept(&file), None);
    }
}

#[tokio::test]
async fn each_is_handed_its_own_and_no_link_to_anothers() {
    let (_dir, config) = machine();
    let accounts = provision::accounts_file(&config.data);
    let kept = Kept::new(&config, String::new());
    kept.look().await;
    let has = |name, file: &Path| handed(&kept, name).kept(file).is_some();
    assert!(
        has(ProcessName::Admin, &accounts) && !has(ProcessName::Proxy, &accounts) && !has(ProcessName::Dns, &accounts)
    );
    // Whoever broke into the page's process may write its folder, and must not have the supervisor read for it.
    fs::remove_file(&accounts).expect("there");
    symlink(provision::device_key_file(&config.data), &accounts).expect("a link");
    kept.look().await;
    assert_eq!(handed(&kept, ProcessName::Admin).kept(&accounts), Some(b"accounts".as_slice()), "not the key");
}
