//! The console: a socket on which the person at the machine, and the device's own program, tell the running daemon what to
//! do. One line of JSON each way; only the daemon's own user and root can open it.
//!
//! ```text
//!   {"freeze":true}   {"bypass":900}   "reset_password"   "claim_by_button"   "status"
//!   {"note":{"what":"slot_good","ok":true,"detail":"A"}}
//!   {"ok":true,"error":null,"switch":"bypassed","bypass_seconds":899,"claimed":true}
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// The longest line, in bytes.
const LONGEST: u64 = 4096;
/// Who has connected says what they want within this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is noted is a word; what is said of it is a line.
const LONGEST_WORD: usize = 32;
const LONGEST_DETAIL: usize = 200;

/// What may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Order {
    Freeze(bool),
    /// Seconds; 0 ends one.
    Bypass(u64),
    /// Forgets password and tokens, for a new claim.
    ResetPassword,
    /// Nobody has claimed the device yet: its page takes a first password without the code for a while.
    ClaimByButton,
    Status,
    /// Something that happened to the device, for the journal.
    Note(Note),
}

/// One event of the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Such as `slot_good`.
    pub(crate) what: String,
    pub(crate) ok: bool,
    pub(crate) detail: Option<String>,
}

impl Note {
    /// Whether it can stand in the journal.
    pub(crate) fn is_plain(&self) -> bool {
        let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        (1..=LONGEST_WORD).contains(&self.what.len())
            && self.what.bytes().all(word)
            && self
                .detail
                .as_ref()
                .is_none_or(|text| text.len() <= LONGEST_DETAIL && !text.chars().any(char::is_control))
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    pub(crate) ok: bool,
    pub(crate) error: Option<String>,
    /// `normal`, `frozen` or `bypassed`.
    pub(crate) switch: String,
    /// What is left of a bypass.
    pub(crate) bypass_seconds: u64,
    /// Whether somebody has set the page's password.
    pub(crate) claimed: bool,
}

/// The daemon's side.
#[derive(Debug)]
pub(crate) struct Console(UnixListener);

/// Somebody who waits for a reply.
#[derive(Debug)]
pub(crate) struct Asker(UnixStream);

impl Console {
    /// Opens the socket. Called inside a runtime, by the one daemon that holds the journal: a socket that is there already
    /// was left by one that died.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(file) {
            Ok(there) if there.file_type().is_socket() => std::fs::remove_file(file)?,
            Ok(_) => return Err(io::Error::other("something else is there")),
            Err(_) => {}
        }
        let listener = UnixListener::bind(file)?;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self(listener))
    }

    /// The next order that can be read, with who waits for the reply.
    pub(crate) async fn next(&self) -> (Order, Asker) {
        loop {
            match self.0.accept().await {
                Ok((stream, _)) => match timeout(PATIENCE, read(stream)).await {
                    Ok(Ok(asked)) => return asked,
                    Ok(Err(error)) => tracing::warn!(%error, "an order at the console cannot be read"),
                    Err(_) => tracing::warn!("somebody at the console says nothing"),
                },
                Err(error) => {
                    tracing::warn!(%error, "the console takes nobody");
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }
}

async fn read(stream: UnixStream) -> io::Result<(Order, Asker)> {
    let mut line = String::new();
    let mut bounded = tokio::io::BufReader::new(stream.take(LONGEST));
    bounded.read_line(&mut line).await?;
    let order = serde_json::from_str(&line)?;
    Ok((order, Asker(bounded.into_inner().into_inner())))
}

impl Asker {
    pub(crate) async fn reply(mut self, reply: Reply) {
        let Ok(mut line) = serde_json::to_vec(&reply) else { return };
        line.push(b'\n');
        let _ = timeout(PATIENCE, self.0.write_all(&line)).await;
    }
}

/// Why the daemon could not be told.
#[derive(Debug, Error)]
pub(crate) enum TellError {
    #[error("the daemon cannot be reached at {0}: {1}")]
    Reach(String, #[source] io::Error),
    #[error("the daemon answers something that cannot be read")]
    Reply,
}

/// Tells the running daemon something, and waits for what it says.
pub(crate) fn tell(file: &Path, order: &Order) -> Result<Reply, TellError> {
    let reach = |error| TellError::Reach(file.display().to_string(), error);
    let mut stream = StdStream::connect(file).map_err(reach)?;
    let mut line = serde_json::to_vec(order).map_err(|_| TellError::Reply)?;
    line.push(b'\n');
    stream.set_read_timeout(Some(PATIENCE * 5)).and_then(|()| stream.write_all(&line)).map_err(reach)?;
    let mut answer = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut answer).map_err(reach)?;
    serde_json::from_str(&answer).map_err(|_| TellError::Reply)
}

#[cfg(test)]
mod tests {
    use super::{Console, LONGEST, Note, Order, Reply, tell};
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    fn reply() -> Reply {
        Reply { ok: true, error: None, switch: "frozen".to_owned(), bypass_seconds: 0, claimed: true }
    }

    #[tokio::test]
    async fn an_order_arrives_and_its_reply_returns() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("console.sock");
        let console = Console::open(&file).expect("bound");
        assert_eq!(std::fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        let asked = std::thread::spawn(move || tell(&file, &Order::Freeze(true)));
        let (order, asker) = console.next().await;
        assert_eq!(order, Order::Freeze(true));
        asker.reply(reply()).await;
        assert_eq!(asked.join().expect("no panic").expect("a reply"), reply());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_passed_over() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("console.sock");
        let console = Console::open(&file).expect("bound");
        for line in ["", "{}\n", "\"melt\"\n", "{\"freeze\":1}\n", &"x".repeat(LONGEST as usize + 10)] {
            let mut stream = UnixStream::connect(&file).expect("listening");
            let _ = stream.write_all(line.as_bytes());
        }
        let mut last = UnixStream::connect(&file).expect("listening");
        last.write_all(b"\"status\"\n").expect("sent");
        let (order, asker) = console.next().await;
        assert_eq!(order, Order::Status);
        drop(asker);
        let mut nothing = String::new();
        last.read_to_string(&mut nothing).expect("closed");
        assert_eq!(nothing, "");
    }

    #[tokio::test]
    async fn a_socket_of_a_dead_daemon_is_replaced_and_a_file_is_not() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("console.sock");
        drop(Console::open(&file).expect("bound"));
        assert!(Console::open(&file).is_ok());
        std::fs::remove_file(&file).expect("there");
        std::fs::write(&file, "mine").expect("fresh");
        assert!(Console::open(&file).is_err());
    }

    #[test]
    fn notes_are_words_and_lines() {
        let note = |what: &str, detail: Option<&str>| {
            Note { what: what.to_owned(), ok: true, detail: detail.map(str::to_owned) }.is_plain()
        };
        assert!(note("slot_good", Some("slot A")) && note("button", None));
        for (what, detail) in [("", None), ("Slot", None), ("a b", None), ("x", Some("a\nb")), ("x", Some("\u{1b}[2J"))]
        {
            assert!(!note(what, detail), "{what:?} {detail:?}");
        }
        assert!(!note(&"a".repeat(33), None) && !note("a", Some(&"a".repeat(201))));
    }
}
