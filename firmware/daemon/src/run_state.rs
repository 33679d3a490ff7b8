//! Who runs: a small file that the supervisor keeps and `nanogate status` and the admin page read.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use gate_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize};
use tokio::net::UnixListener;

use crate::config::Config;
use crate::provision;
use crate::worker::resident;

/// The file's content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) version: String,
    pub(crate) mode: String,
    /// Microseconds since 1970.
    pub(crate) started_at: u64,
    pub(crate) supervisor: u32,
    pub(crate) processes: Vec<RunningProcess>,
}

/// One worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunningProcess {
    pub(crate) name: String,
    pub(crate) pid: u32,
    pub(crate) restarts: u32,
    /// It is there and does nothing.
    pub(crate) stalled: bool,
    /// Its journal takes no records.
    #[serde(default)]
    pub(crate) unrecorded: bool,
}

/// Longest file about the resolver that is read; a less trusted process wrote it.
const DNS_CAP: u64 = 256 << 10;

/// How the resolver does: a small file that the `dns` worker keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsState {
    pub(crate) upstreams: Vec<DnsUpstream>,
    pub(crate) groups: Vec<DnsGroup>,
    pub(crate) lists: Vec<DnsList>,
    /// Where the keys that DNSSEC starts from come from, and their zones and tags; absent: nothing is checked.
    #[serde(default)]
    pub(crate) keys: Option<DnsKeys>,
    /// Devices that are on the wire and never ask.
    pub(crate) silent_devices: Vec<IpAddr>,
    /// What becomes of questions for public resolvers that take encrypted ones: `report` or `refuse`.
    #[serde(default)]
    pub(crate) encrypted_dns: String,
}

/// One resolver that questions are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsUpstream {
    pub(crate) upstream: String,
    /// A group, or the office's zones; absent: everybody's.
    pub(crate) whose: Option<String>,
    pub(crate) working: bool,
    /// Why not.
    pub(crate) failure: Option<String>,
    pub(crate) strips_signatures: bool,
    pub(crate) tcp_only: bool,
    pub(crate) asks_us: bool,
    pub(crate) makes_up: bool,
}

/// One group of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsGroup {
    pub(crate) name: String,
    pub(crate) clients: Vec<String>,
    pub(crate) steering: bool,
    pub(crate) silent: bool,
    pub(crate) block_lists: Option<Vec<String>>,
}

/// The keys that DNSSEC starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsKeys {
    /// `settings`, or the pack's name.
    pub(crate) from: String,
    pub(crate) keys: Vec<String>,
}

/// One block list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsList {
    pub(crate) list: String,
    pub(crate) names: usize,
    /// Lines that were not understood.
    #[serde(default)]
    pub(crate) foreign_lines: usize,
    pub(crate) error: Option<String>,
}

impl DnsState {
    /// What the worker wrote last; nothing where there is none.
    pub(crate) fn read(file: &Path) -> Self {
        let read = || {
            let mut bytes = Vec::new();
            fs::File::open(file).ok()?.take(DNS_CAP).read_to_end(&mut bytes).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        read().unwrap_or_default()
    }
}

/// What the processes think a person should mend or know; none where they said nothing.
pub(crate) fn warnings(data: &Path) -> Vec<String> {
    let read = |file: PathBuf| {
        let mut bytes = Vec::new();
        fs::File::open(file).ok()?.take(DNS_CAP).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice::<Vec<String>>(&bytes).ok()
    };
    let files = [provision::warnings_file(data), provision::waiting_file(data), provision::locked_file(data)];
    files.into_iter().filter_map(read).flatten().collect()
}

/// The supervisor's side.
pub(crate) struct RunState {
    file: PathBuf,
    running: Mutex<Running>,
}

impl RunState {
    pub(crate) fn file(data: &Path) -> PathBuf {
        data.join("state/running.json")
    }

    /// Writes the file of a supervisor that has no workers yet.
    pub(crate) fn start(config: &Config) -> io::Result<Self> {
        let running = Running {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: config.mode.as_str().to_owned(),
            started_at: SystemClock.now().0,
            supervisor: std::process::id(),
            processes: Vec::new(),
        };
        let file = Self::file(&config.data);
        replace(&file, &serde_json::to_vec(&running)?, 0o644)?;
        Ok(Self { file, running: Mutex::new(running) })
    }

    /// A worker has a new process.
    pub(crate) fn started(&self, name: &str, pid: u32) {
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match running.processes.iter_mut().find(|process| process.name == name) {
            Some(process) => {
                process.pid = pid;
                process.restarts += 1;
                (process.stalled, process.unrecorded) = (false, false);
            }
            None => running.processes.push(RunningProcess {
                name: name.to_owned(),
                pid,
                restarts: 0,
                stalled: false,
                unrecorded: false,
            }),
        }
        self.write(&running);
    }

    /// A worker fell silent, or goes on.
    pub(crate) fn stalled(&self, name: &str, stalled: bool) {
        self.change(name, |process| std::mem::replace(&mut process.stalled, stalled) != stalled);
    }

    /// A worker's journal takes no records, or takes them again.
    pub(crate) fn unrecorded(&self, name: &str, unrecorded: bool) {
        self.change(name, |process| std::mem::replace(&mut process.unrecorded, unrecorded) != unrecorded);
    }

    /// Writes the file if `change` says that there was anything to change.
    fn change(&self, name: &str, change: impl FnOnce(&mut RunningProcess) -> bool) {
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if running.processes.iter_mut().find(|process| process.name == name).is_some_and(change) {
            self.write(&running);
        }
    }

    fn write(&self, running: &Running) {
        let written = serde_json::to_vec(running).map_err(io::Error::from);
        // A full disk takes no new file.
        let write = |bytes: Vec<u8>| replace(&self.file, &bytes, 0o644).or_else(|_| overwrite(&self.file, &bytes));
        if let Err(error) = written.and_then(write) {
            tracing::error!(%error, "the list of running processes could not be written");
        }
    }
}

impl Running {
    pub(crate) fn read(data: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(RunState::file(data))?)?)
    }

    /// The file of a daemon that lives; one that was killed leaves its own behind.
    pub(crate) fn alive(data: &Path) -> Option<Self> {
        Self::read(data).ok().filter(|running| resident(running.supervisor).is_some())
    }
}

/// A socket in the place of a file, which an earlier process may have left; `mode` says who may open it.
pub(crate) fn listen(file: &Path, mode: u32) -> io::Result<UnixListener> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(file)?;
    fs::set_permissions(file, fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Writes a file whole: its readers see the old content or the new, also after a power cut.
pub(crate) fn replace(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_with(file, mode, |out| out.write_all(bytes))
}

/// The same for what is written piece by piece.
pub(crate) fn replace_with(
    file: &Path,
    mode: u32,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let (out, new) = beside(file, mode, write)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    fs::File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes a file whole for other processes, before the disk has it: after a power cut there may be the old content, the new or
/// none. Returns the file, for who then waits for the disk.
pub(crate) fn replace_soon(file: &Path, bytes: &[u8], mode: u32) -> io::Result<fs::File> {
    let (out, new) = beside(file, mode, |out| out.write_all(bytes))?;
    fs::rename(&new, file)?;
    Ok(out)
}

/// Writes a file anew in the room that it has: until that is done, its readers see what is no such file.
fn overwrite(file: &Path, bytes: &[u8]) -> io::Result<()> {
    // Cut off last: somebody else would take the room.
    let out = fs::OpenOptions::new().write(true).open(file)?;
    out.write_all_at(bytes, 0)?;
    out.set_len(bytes.len() as u64)
}

/// Writes a new file beside another one.
fn beside(
    file: &Path,
    mode: u32,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<(fs::File, PathBuf)> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    // A leftover of an earlier crash may belong to somebody else or have other permissions.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    write(&mut out)?;
    Ok((out, new))
}

#[cfg(test)]
mod tests {
    use super::{Config, RunState, Running, fs};

    #[test]
    fn what_has_changed_is_told_where_there_is_no_room_for_a_new_file() {
        let dir = tempfile::tempdir().unwrap();
        let text = "data = 'data'\n[identity]\naddresses = ['192.0.2.53']\n[dns]\nupstreams = ['9.9.9.9']\n";
        let config = Config::of_text(&dir.path().join("n.toml"), text).unwrap();
        fs::create_dir_all(config.data.join("state")).unwrap();
        let state = RunState::start(&config).unwrap();
        state.started("proxy", 7);
        let told = || Running::read(&config.data).unwrap().processes[0].unrecorded;
        assert!(!told());
        // A folder lies where the new file belongs: as with a full disk, there can be none.
        fs::create_dir(config.data.join("state/running.json.new")).unwrap();
        // Shorter than the text before it, and longer again.
        for unrecorded in [true, false, true] {
            state.unrecorded("proxy", unrecorded);
            assert_eq!(told(), unrecorded);
        }
    }
}
