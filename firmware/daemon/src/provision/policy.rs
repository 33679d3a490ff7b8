//! The policy in force: the owner's file or the page's, as it was last good.

use std::fs;
use std::path::{Path, PathBuf};

use super::{admin_state_dir, write};
use crate::CommandError;
use crate::config::Config;
use crate::papers::is_absent;
use crate::worker::PolicyFile;

/// The policy that the page keeps where the owner has no file of their own.
pub(crate) fn page_policy(data: &Path) -> PathBuf {
    admin_state_dir(data).join("policy.yaml")
}

/// In force where nobody can read the owner's policy and nobody knows the one before: better all refused than all passed.
pub(crate) const NOBODY: &str = "version: 1\ndefault_mode: deny\n";

/// The policy that the workers follow: the supervisor's copy of the last good version of the owner's file, or of the page's.
/// Each has its own, so that a file that is named no more is in force no more, and one that got lost stays.
pub(crate) fn active_policy(config: &Config) -> PolicyFile {
    let name = if config.policy.is_some() { "policy.yaml" } else { "page-policy.yaml" };
    PolicyFile { path: config.data.join("state").join(name), plain: true }
}

/// Puts a validated policy in force.
pub(crate) fn activate_policy(config: &Config, text: &str) -> Result<(), CommandError> {
    let file = active_policy(config);
    // Equal text is left alone: the workers would read it again for nothing.
    if file.text().is_ok_and(|old| old == text) { Ok(()) } else { write(&file.path, text.as_bytes(), 0o644) }
}

/// Whether the page keeps no policy and never did: then everybody is watched.
pub(crate) fn has_no_policy(config: &Config) -> bool {
    let is_nowhere = |file: &Path| fs::symlink_metadata(file).is_err_and(|error| is_absent(&error, file));
    config.policy.is_none() && is_nowhere(&page_policy(&config.data)) && is_nowhere(&active_policy(config).path)
}

/// Puts the policy in force that there is at the start. The owner's file has to be right; where the page's cannot be read,
/// the last good one stays, and where there is none of that either, nobody gets through.
pub(super) fn first_policy(config: &Config) -> Result<(), CommandError> {
    match (config.policy_file().read(), &config.policy) {
        (Ok((_, text)), _) => activate_policy(config, &text),
        (Err(error), Some(_)) => Err(CommandError::Input(error)),
        (Err(_), None) if has_no_policy(config) => Ok(()),
        (Err(error), None) if active_policy(config).read().is_ok() => {
            tracing::error!(error, "the page's policy is not used; the last good one stays in force");
            Ok(())
        }
        (Err(error), None) => {
            tracing::error!(error, "there is no policy that can be used: AI is refused until the page keeps another");
            activate_policy(config, NOBODY)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::{NOBODY, active_policy, first_policy, has_no_policy, page_policy};
    use crate::config::Config;

    const GOOD: &str = "version: 1\ndefault_mode: inspect\n";

    fn machine(policy: &str) -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let text =
            format!("data = 'data'\n{policy}[identity]\naddresses = ['192.0.2.53']\n[dns]\nupstreams = ['9.9.9.9']\n");
        let config = Config::of_text(&dir.path().join("n.toml"), &text).expect("settings");
        fs::create_dir_all(config.data.join("state/admin")).expect("fresh");
        (dir, config)
    }

    fn in_force(config: &Config) -> Option<String> {
        active_policy(config).text().ok()
    }

    #[test]
    fn a_policy_that_cannot_be_read_never_becomes_none() {
        let (_dir, config) = machine("");
        let page = page_policy(&config.data);
        first_policy(&config).expect("nobody wrote one");
        assert!(has_no_policy(&config) && in_force(&config).is_none());
        fs::write(&page, "version: 0").expect("written");
        first_policy(&config).expect("the daemon starts");
        assert_eq!(in_force(&config).as_deref(), Some(NOBODY), "a wrong one, and none before it");
        fs::write(&page, GOOD).expect("written");
        first_policy(&config).expect("a good one");
        assert_eq!(in_force(&config).as_deref(), Some(GOOD));
        let lost: [&dyn Fn(); 3] =
            [&|| fs::write(&page, "version: 0").expect("written"), &|| symlink(&page, &page).expect("a loop"), &|| {}];
        for lose in lost {
            let _ = fs::remove_file(&page);
            lose();
            first_policy(&config).expect("the daemon starts");
            assert_eq!(in_force(&config).as_deref(), Some(GOOD), "the last good one stays");
            assert!(!has_no_policy(&config));
        }
    }

    #[test]
    fn a_file_that_is_named_no_more_is_in_force_no_more() {
        let (dir, named) = machine("policy = 'p.yaml'\n");
        assert!(first_policy(&named).is_err(), "it has to be there");
        fs::write(dir.path().join("p.yaml"), GOOD).expect("written");
        first_policy(&named).expect("a good one");
        assert_eq!(in_force(&named).as_deref(), Some(GOOD));
        fs::remove_file(active_policy(&named).path).expect("there");
        assert!(!has_no_policy(&named), "what is lost is not what nobody wrote");
        let unnamed = Config { policy: None, ..named };
        first_policy(&unnamed).expect("nobody wrote one on the page");
        assert!(has_no_policy(&unnamed));
    }
}
