//! Which chains there are, and which there should be.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use gate_audit::Records;
use gate_core::{Event, Position, ProcessState};

use super::super::settings;
use crate::CommandError;
use crate::cli::{JournalArgs, ProcessName};
use crate::config::Config;
use crate::provision::SUPERVISOR;
use crate::run_state::RunState;

/// One chain of the journal.
pub(super) struct Chain {
    pub(super) process: String,
    pub(super) dir: PathBuf,
}

/// A journal folder, and the configuration that it was named by.
pub(super) struct Journal {
    pub(super) root: PathBuf,
    config: Option<Config>,
}

impl Journal {
    pub(super) fn of(args: &JournalArgs) -> Result<Self, CommandError> {
        match (&args.config, &args.dir) {
            (Some(file), _) => {
                let config = settings(file)?;
                Ok(Self { root: config.data.join("journal"), config: Some(config) })
            }
            (None, Some(dir)) => Ok(Self { root: dir.clone(), config: None }),
            (None, None) => Err(CommandError::Input("either --config or --dir is needed".to_owned())),
        }
    }

    /// The chains that are there, in the order of their names.
    pub(super) fn present(&self) -> Result<Vec<Chain>, CommandError> {
        let entries = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_some() => return Ok(Vec::new()),
            entries => entries.map_err(|error| unreadable(&self.root, &error))?,
        };
        let mut chains = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&self.root, &error))?;
            let is_dir = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?.is_dir();
            if is_dir && holds_chain(&entry.path()) {
                chains.push(Chain { process: entry.file_name().to_string_lossy().into_owned(), dir: entry.path() });
            }
        }
        chains.sort_by(|a, b| a.process.cmp(&b.process));
        Ok(chains)
    }

    /// The chains that are not there although their process ran. The supervisor's own chain names whoever it started;
    /// where that is gone or begins later, the configuration does.
    pub(super) fn missing(&self, present: &[Chain]) -> Vec<Chain> {
        let supervisor = present.iter().find(|chain| chain.process == SUPERVISOR);
        let (mut ran, complete) = supervisor.map(|chain| started(&chain.dir)).unwrap_or_default();
        if !complete && let Some(config) = self.config.as_ref().filter(|config| self.has_run(config, present)) {
            ran.insert(SUPERVISOR.to_owned());
            let configured = |name: &ProcessName| *name != ProcessName::Steer || config.steer.enabled;
            ran.extend(ProcessName::ALL.into_iter().filter(configured).map(|name| name.as_str().to_owned()));
        }
        ran.retain(|process| !present.iter().any(|chain| chain.process == *process));
        ran.into_iter().map(|process| Chain { dir: self.root.join(&process), process }).collect()
    }

    fn has_run(&self, config: &Config, present: &[Chain]) -> bool {
        !present.is_empty() || RunState::file(&config.data).exists()
    }

    pub(super) fn nothing(&self, args: &JournalArgs) -> CommandError {
        let which = args.process.as_deref().unwrap_or("any process");
        CommandError::Input(format!("{}: there is no journal of {which}", self.root.display()))
    }
}

/// The chains that the arguments name; at least one.
pub(super) fn chains(args: &JournalArgs) -> Result<Vec<Chain>, CommandError> {
    let journal = Journal::of(args)?;
    let chains = wanted(args, journal.present()?);
    if chains.is_empty() { Err(journal.nothing(args)) } else { Ok(chains) }
}

pub(super) fn wanted(args: &JournalArgs, mut chains: Vec<Chain>) -> Vec<Chain> {
    chains.retain(|chain| args.process.as_ref().is_none_or(|only| *only == chain.process));
    chains
}

/// A file or folder of the journal that cannot be read: the caller's rights, not the journal's fault.
pub(super) fn unreadable(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Input(format!("the journal cannot be read: {}: {error}", path.display()))
}

/// A process that never ran has a folder and nothing in it. A head without segments is a chain that lost them, and what
/// cannot be looked into may be one.
fn holds_chain(dir: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(dir) else { return true };
    entries.flatten().any(|entry| {
        entry.file_name() == "head" || entry.path().extension().is_some_and(|kind| kind == "seg" || kind == "damaged")
    })
}

/// The processes that the supervisor started, and whether its records go back to the first. A start counts once a head
/// is signed after it in the same run: until then a power cut may have left the record of it and not the chain that began
/// with it, and whoever takes that chain away could as well take the record.
fn started(dir: &Path) -> (BTreeSet<String>, bool) {
    let heads = gate_audit::heads(dir).unwrap_or_default();
    let (mut names, mut complete) = (BTreeSet::new(), false);
    // The starts of the run that is being read.
    let mut run: Vec<(Position, String)> = Vec::new();
    let mut end_run = |run: &mut Vec<(Position, String)>, end: Position| {
        let last = heads[..heads.partition_point(|head| *head <= end)].last().copied();
        names.extend(run.drain(..).filter(|(position, _)| last > Some(*position)).map(|(_, process)| process));
    };
    for (position, record) in Records::open(dir, Position(0)).map_while(readable).flatten() {
        complete |= position == Position(0);
        let Event::Process(process) = record.event else { continue };
        if process.state == ProcessState::Started {
            if process.process == SUPERVISOR {
                end_run(&mut run, position);
            }
            run.push((position, process.process));
        }
    }
    end_run(&mut run, Position(u64::MAX));
    (names, complete)
}

type Read = Result<(Position, gate_core::Record), gate_audit::FollowError>;

/// Damage is stepped over, here without a word: checking the chain names it. A file that cannot be read ends it.
fn readable(read: Read) -> Option<Option<(Position, gate_core::Record)>> {
    match read {
        Ok(row) => Some(Some(row)),
        Err(gate_audit::FollowError::Damaged { .. }) => Some(None),
        Err(gate_audit::FollowError::Io { .. }) => None,
    }
}
