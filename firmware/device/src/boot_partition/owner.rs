//! What the owner wrote on a PC: split into its parts, held against what the daemon knows, kept on `/data`; or refused, with
//! the reason and without what nobody else should read.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use toml::{Table, Value};

use crate::{network, settings};

/// No settings are longer.
pub(super) const LONGEST: u64 = 64 * 1024;
/// How a hash begins; what it is worth the daemon says, which takes it in and scrubs it at its next start.
const HASH: &str = "$argon2id$";
/// What a line with a secret in it has.
const SECRETS: [&str; 6] = ["password", "hash", "secret", "token", "key", "$argon2"];
/// What is told of a refusal; the daemon lists every key that it knows.
const LONGEST_REASON: usize = 300;
/// The watchdog is fed before and not meanwhile. A daemon that takes longer is not asked: one that does not start says why, too.
const PATIENCE: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(10);

/// Where each part of the owner's file lives from then on.
pub(super) struct Taken<P> {
    pub(super) owner: P,
    pub(super) network: P,
    pub(super) password: P,
}

/// The part that says who the owner is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setup {
    /// As `nanogate password` prints it.
    password_hash: Option<String>,
}

/// The file's parts, each as the text that is kept of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// A file that is only about the password leaves the settings as they are.
    owner: Option<String>,
    network: Option<String>,
    password: Option<String>,
}

/// The text of the file, as editors leave it; why it is none.
pub(super) fn read(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    opened.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LONGEST {
        return Err("it is too long".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is no plain text (UTF-8)".to_owned())?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Splits the owner's file into the daemon's settings, the network's and the password's hash.
pub(super) fn split(text: &str) -> Result<Parts, String> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        line.map_or(error.message().to_owned(), |line| format!("line {line}: {}", error.message()))
    })?;
    settings::refuse_the_images(&table)?;
    let network = table.remove("network");
    let setup = table.remove("setup").map(Value::try_into::<Setup>).transpose();
    let setup = setup.map_err(|error| format!("[setup] {}", error.message()))?;
    let password = setup.and_then(|setup| setup.password_hash);
    if password.as_ref().is_some_and(|hash| !hash.starts_with(HASH)) {
        return Err("setup.password_hash is no hash as `nanogate password` prints it".to_owned());
    }
    let text = |table: &Table| toml::to_string(table).map_err(|error| error.to_string());
    let network = match network {
        Some(Value::Table(part)) => Some(text(&part)?),
        Some(_) => return Err("network is no table".to_owned()),
        None => None,
    };
    if let Some(part) = &network {
        network::parse(part).map_err(|error| format!("[network] {error}"))?;
    }
    let owner = if table.is_empty() { None } else { Some(text(&table)?) };
    Ok(Parts { owner, network, password })
}

/// Asks the daemon whether it knows every key and can start with what they say; it reads what it would read.
pub(super) fn check(parts: &Parts) -> Result<(), String> {
    let Some(owner) = &parts.owner else { return Ok(()) };
    let trial = settings::trial(owner).map_err(|error| error.to_string())?;
    let answer = ask(&["check", "--config", settings::TRIAL], PATIENCE);
    drop(trial);
    answer.map_err(|said| reason(&said, settings::TRIAL))
}

/// Asks the daemon, for so long; what it says where that is no.
pub(super) fn ask(words: &[&str], patience: Duration) -> Result<(), String> {
    let command = Command::new("/usr/bin/nanogate")
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let outcome = command.and_then(|mut child| {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = child.try_wait()? {
                let mut said = String::new();
                if let Some(output) = child.stderr.take() {
                    let _ = output.take(LONGEST).read_to_string(&mut said);
                }
                return Ok((!status.success()).then_some(said));
            }
            std::thread::sleep(POLL);
        }
        child.kill()?;
        child.wait().map(|_| None)
    });
    match outcome {
        Ok(Some(said)) => Err(said),
        // Whether it starts shows when it starts.
        Ok(None) | Err(_) => Ok(()),
    }
}

/// What the daemon said last, without the name of the file, which the owner never saw.
pub(super) fn reason(said: &str, file: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("the daemon does not take it");
    let line = line.split_once(file).map_or(line, |(_, rest)| rest);
    line.trim_start_matches(|sign: char| ":, ".contains(sign) || sign.is_ascii_digit()).trim().to_owned()
}

/// Keeps the parts; on return they are on the card. Settings without a word of the network are those of a puck that asks
/// the office's DHCP, whatever was said before; a file that is about the password alone leaves the network as it is.
pub(super) fn store<P: AsRef<Path>>(parts: &Parts, into: &Taken<P>) -> io::Result<()> {
    let places = [(&parts.password, &into.password), (&parts.network, &into.network), (&parts.owner, &into.owner)];
    for (part, file) in places {
        if let Some(text) = part {
            keep(file.as_ref(), text, 0o600)?;
        }
    }
    if parts.owner.is_some() && parts.network.is_none() {
        forget(into.network.as_ref())?;
    }
    Ok(())
}

fn forget(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Ok(()) => file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Keeps a text; on return it is on the card. The folder may be another user's: what lies there is never opened.
pub(super) fn keep(file: &Path, text: &str, mode: u32) -> io::Result<()> {
    let (new, folder) = (file.with_extension("new"), file.parent().unwrap_or(Path::new("/")));
    fs::create_dir_all(folder)?;
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(new, file)?;
    // The names are on the card only after this; the folder itself may be new, too.
    File::open(folder)?.sync_all()?;
    folder.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
}

/// What the owner finds in the place of a file that was refused: why, and the file again, for another try.
pub(super) fn refusal(name: &str, reason: &str, text: &str) -> String {
    let mut told = format!("# {name} was not taken in, and nothing of it is in force:\r\n# {}\r\n", shorten(reason));
    told += "# Mend it, and put it here again under that name. What may be secret was taken out.\r\n\r\n";
    // A value that goes over lines cannot be told from what is no secret.
    if text.contains("\"\"\"") || text.contains("'''") {
        return told;
    }
    for line in text.lines() {
        let lower = line.to_ascii_lowercase();
        let line = if SECRETS.iter().any(|word| lower.contains(word)) { "# (taken out)" } else { line.trim_end() };
        let _ = write!(told, "{line}\r\n");
    }
    told
}

/// One line, of a length that fits a line of the log.
pub(super) fn shorten(reason: &str) -> String {
    let plain: String = reason.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let end = plain.floor_char_boundary(LONGEST_REASON);
    if end < plain.len() { format!("{}…", &plain[..end]) } else { plain }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::{LONGEST_REASON, Parts, Taken, keep, read, reason, refusal, shorten, split, store};

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";

    fn places(folder: &Path) -> Taken<PathBuf> {
        let [owner, network, password] = ["config/nanogate.toml", "n.toml", "hash"].map(|name| folder.join(name));
        Taken { owner, network, password }
    }

    #[test]
    fn the_owners_file_is_split_into_daemon_network_and_password() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let into = places(folder.path());
        let text =
            format!("mode = \"dns\"\n[setup]\npassword_hash = \"{HASH}\"\n[network]\naddress = \"192.0.2.7/24\"\n");
        store(&split(&text).expect("settings"), &into).expect("kept");
        let read = |file: &PathBuf| std::fs::read_to_string(file).expect("there");
        assert_eq!(read(&into.owner), "mode = \"dns\"\n");
        assert_eq!(read(&into.network), "address = \"192.0.2.7/24\"\n");
        assert_eq!(read(&into.password), HASH);
        let mode = std::fs::metadata(&into.password).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }

    #[test]
    fn what_another_user_left_in_the_folder_is_not_opened() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let [file, new, other] = ["policy.yaml", "policy.new", "other"].map(|name| folder.path().join(name));
        std::fs::write(&other, "the journal").expect("fresh");
        std::os::unix::fs::symlink(&other, &new).expect("a link");
        keep(&file, "version: 1\n", 0o644).expect("kept");
        assert_eq!(std::fs::read_to_string(&other).expect("there"), "the journal");
        let meta = std::fs::symlink_metadata(&file).expect("there");
        assert!(meta.is_file() && meta.permissions().mode() & 0o777 == 0o644, "{meta:?}");
        // Nobody reads from that pipe: opened for writing, it would wait for ever.
        mknodat(CWD, &new, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        keep(&file, "version: 1 # again\n", 0o600).expect("kept");
        assert!(std::fs::read_to_string(&file).expect("there").contains("again"));
    }

    #[test]
    fn settings_without_a_network_give_a_fixed_address_up_and_a_password_alone_does_not() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let into = places(folder.path());
        let taken = |text: &str| store(&split(text).expect("settings"), &into).expect("kept");
        taken("mode = \"dns\"\n[network]\naddress = \"192.0.2.7/24\"\n");
        taken(&format!("[setup]\npassword_hash = \"{HASH}\"\n"));
        assert!(into.network.exists());
        for _ in 0..2 {
            taken("mode = \"dns\"\n");
            assert!(!into.network.exists());
        }
    }

    #[test]
    fn a_file_about_the_password_alone_leaves_the_settings() {
        let parts = split(&format!("[setup]\npassword_hash = \"{HASH}\"\n")).expect("settings");
        assert_eq!(parts, Parts { password: Some(HASH.to_owned()), ..Parts::default() });
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused_and_its_secret_is_not_told() {
        for (text, told) in [
            ("a = 1\nmode = \n", "line 2"),
            ("\u{0}\u{0}", "line 1"),
            ("mode = \"dns\"\n[setup]\npassword_hash = \"correct horse\"\n", "setup.password_hash"),
            ("[setup]\npassword = \"correct horse\"\n", "unknown field `password`"),
            ("[network]\naddress = \"192.0.2.7\"\n", "[network] address"),
            ("[network]\nadress = \"192.0.2.7/24\"\n", "adress"),
            ("network = 7\n", "no table"),
        ] {
            let error = split(text).expect_err(text);
            assert!(error.contains(told) && !error.contains("correct horse"), "{error}");
        }
    }

    #[test]
    fn text_is_taken_as_editors_leave_it_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("CONFIG.txt");
        let read = |bytes: &[u8]| {
            std::fs::write(&file, bytes).expect("written");
            read(&file)
        };
        assert_eq!(read(b"\xef\xbb\xbfmode = \"dns\"\r\n").as_deref(), Ok("mode = \"dns\"\r\n"));
        assert!(split("mode = \"dns\"\r\n[network]\r\naddress = \"192.0.2.7/24\"\r\n").is_ok());
        assert!(read(b"\xff\xfem\0o\0").expect_err("UTF-16").contains("UTF-8"));
        assert!(read(&[b'#'; 70_000]).expect_err("long").contains("too long"));
    }

    #[test]
    fn what_was_refused_is_given_back_without_its_secrets() {
        let text = format!("# mine\nupstreems = 1\n[setup]\npassword_hash = \"{HASH}\"\nPassword correct horse\n");
        let told = refusal("CONFIG", "unknown field `upstreems`\nand more", &text);
        assert!(told.contains("# unknown field `upstreems` and more\r\n") && told.contains("\r\nupstreems = 1\r\n"));
        assert!(!told.contains("argon2") && !told.contains("correct horse"), "{told}");
        assert!(!refusal("CONFIG", "x", "a = \"\"\"\ncorrect horse\n\"\"\"\n").contains("correct horse"));
        assert!(shorten(&"ä".repeat(1000)).len() <= LONGEST_REASON + "…".len());
    }

    #[test]
    fn the_daemons_reason_names_the_key_and_not_a_file_that_the_owner_never_saw() {
        let said = "nanogate: /run/nanogate/trial.toml:2: dns.upstreems: unknown field `upstreems`, expected one of\n";
        assert_eq!(reason(said, crate::settings::TRIAL), "dns.upstreems: unknown field `upstreems`, expected one of");
        let said = "nanogate: /run/trial.yaml, line 2: default_mode: unknown variant\n";
        assert_eq!(reason(said, "/run/trial.yaml"), "line 2: default_mode: unknown variant");
        assert!(!reason("", crate::settings::TRIAL).is_empty());
    }
}
