//! The one transaction that replaces the kernel's table, and the check that it did.

use std::ffi::CString;
use std::io;

use nftnl::{Batch, FinalizedBatch, MsgType, ProtoFamily, Table};
use rustix::io::Errno;
use thiserror::Error;

use crate::decide::{CHAINS, is_table};
use crate::netlink::{Answer, Socket, answer};
use crate::parse::{ReadError, list};
use crate::record::Applied;
use crate::ruleset::{Chain, RuleSet, Set};

mod expr;
mod write;

/// The whole transaction is one datagram: the kernel takes nothing less for one. `DESTINATIONS_CAP` IPv6 addresses need a
/// quarter of it; libnftnl would start a second page, and so a second datagram, past it.
const BATCH_BYTES: u32 = 1024 * 1024;

/// Why the kernel's table is not what it should be.
#[derive(Debug, Error)]
pub enum ApplyError {
    #[error("table {table}: needs CAP_NET_ADMIN")]
    Permission { table: String },
    #[error("the kernel lacks the module {module}, needed to {step}")]
    MissingModule { module: &'static str, step: String },
    #[error("table {table} holds the chain `{chain}`, which is not ours: name another table in steer.table")]
    NotOurs { table: String, chain: String },
    #[error("`{0}` is not the name of a table of ours")]
    Name(String),
    #[error("table {table}: the rules make a message of more than one page")]
    TooLarge { table: String },
    #[error("table {table}: cannot {step}: {source}")]
    Kernel { table: String, step: String, source: io::Error },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("table {table} is not what was sent: expected `{expected}`, the kernel holds `{found}`")]
    Differs { table: String, expected: String, found: String },
}

/// Replaces the table by this rule set, reads it back and compares.
pub fn apply(set: &RuleSet) -> Result<Applied, ApplyError> {
    check_owner(&set.table)?;
    let mut transaction = Transaction::new();
    transaction.replace(set)?;
    transaction.send(&set.table)?;
    verify(set, &list(&set.table)?)?;
    tracing::info!(table = set.table, rules = set.rules(), "the kernel's rules are in place");
    Ok(Applied::of(set))
}

/// Takes the table away. A table that is not there is fine.
pub fn remove(table: &str) -> Result<(), ApplyError> {
    check_owner(table)?;
    let mut transaction = Transaction::new();
    transaction.clear(table)?;
    transaction.send(table)
}

/// A table of this name may be somebody else's: ours has our chains only. Rules that somebody added to ours are replaced.
fn check_owner(table: &str) -> Result<(), ApplyError> {
    if !is_table(table) {
        return Err(ApplyError::Name(table.to_owned()));
    }
    let live = match list(table) {
        Ok(live) => live,
        Err(ReadError::NoTable { .. }) => return Ok(()),
        Err(ReadError::Permission { table }) => return Err(ApplyError::Permission { table }),
        Err(error) => return Err(error.into()),
    };
    match live.chains.into_iter().find(|chain| !CHAINS.contains(&&*chain.name)) {
        Some(chain) => Err(ApplyError::NotOurs { table: table.to_owned(), chain: chain.name }),
        None => Ok(()),
    }
}

/// Compares what was sent with what the kernel holds; the error names the first line that differs.
fn verify(sent: &RuleSet, live: &RuleSet) -> Result<(), ApplyError> {
    if sent == live {
        return Ok(());
    }
    let (wanted, held) = (sent.to_nft(), live.to_nft());
    let (mut wanted, mut held) = (wanted.lines(), held.lines());
    let trimmed = |line: Option<&str>| line.unwrap_or_default().trim().to_owned();
    loop {
        match (wanted.next(), held.next()) {
            (Some(one), Some(other)) if one == other => {}
            (one, other) => {
                let (expected, found) = (trimmed(one), trimmed(other));
                return Err(ApplyError::Differs { table: sent.table.clone(), expected, found });
            }
        }
    }
}

/// A batch of changes with the words for each, to say which one failed.
struct Transaction {
    batch: Batch,
    steps: Vec<Step>,
}

/// One message of the batch.
struct Step {
    words: String,
    /// The module that the kernel needs for it.
    module: &'static str,
}

impl Transaction {
    fn new() -> Self {
        Self { batch: Batch::with_page_size(BATCH_BYTES), steps: Vec::new() }
    }

    fn add<T: nftnl::NlMsg>(&mut self, message: &T, kind: MsgType, words: String, module: &'static str) {
        self.batch.add(message, kind);
        self.steps.push(Step { words, module });
    }

    /// Removes the table whether it is there or not: adding one that is there changes nothing.
    fn clear(&mut self, name: &str) -> Result<Table, ApplyError> {
        let table = Table::new(c_string(name)?, ProtoFamily::Inet);
        self.add(&table, MsgType::Add, format!("add table {name}"), "nf_tables");
        self.add(&table, MsgType::Del, format!("delete table {name}"), "nf_tables");
        Ok(table)
    }

    fn replace(&mut self, set: &RuleSet) -> Result<(), ApplyError> {
        let table = self.clear(&set.table)?;
        self.add(&table, MsgType::Add, format!("add table {}", set.table), "nf_tables");
        for (place, set) in set.sets.iter().enumerate() {
            self.set(&table, set, place)?;
        }
        set.chains.iter().try_for_each(|chain| self.chain(&table, chain))
    }

    fn set(&mut self, table: &Table, set: &Set, place: usize) -> Result<(), ApplyError> {
        let id = u32::try_from(place + 1).expect("there are a few sets");
        write::set(table, set, id, &c_string(&set.name)?, self);
        Ok(())
    }

    fn chain(&mut self, table: &Table, chain: &Chain) -> Result<(), ApplyError> {
        let name = c_string(&chain.name)?;
        write::chain(table, chain, &name, self)
    }

    /// Sends all changes at once: the kernel makes all of them or none.
    fn send(self, table: &str) -> Result<(), ApplyError> {
        let Self { batch, steps } = self;
        let batch = batch.finalize();
        let mut pages = batch.iter();
        let (Some(page), None) = (pages.next(), pages.next()) else {
            return Err(ApplyError::TooLarge { table: table.to_owned() });
        };
        let unnamed = |source: io::Error| explain(table, None, source);
        let mut socket = Socket::open(page.len()).map_err(unnamed)?;
        socket.send(page).map_err(unnamed)?;
        await_answers(&mut socket, &batch, steps.len())
            .map_err(|Failure { step, source }| explain(table, step.and_then(|step| steps.get(step)), source))
    }
}

/// What the kernel said no to: the place of the message among the batch's, where it named one of them.
struct Failure {
    step: Option<usize>,
    source: io::Error,
}

impl From<io::Error> for Failure {
    fn from(source: io::Error) -> Self {
        Self { step: None, source }
    }
}

/// Waits until each message of the batch is answered. The first failure is the one that tells.
fn await_answers(socket: &mut Socket, batch: &FinalizedBatch, messages: usize) -> Result<(), Failure> {
    let numbers = batch.sequence_numbers();
    // Kernels before 6.10 do not answer the messages that open and close a batch; nftnl numbers them only where they do.
    let first = numbers.start + (numbers.len().saturating_sub(messages) / 2) as u32;
    let mut waiting = numbers.len();
    while waiting > 0 {
        socket.receive(|message| match answer(message) {
            Some(Answer::Done { .. }) => {
                waiting = waiting.saturating_sub(1);
                Ok(())
            }
            Some(Answer::Failed { sequence, error }) => {
                let step = sequence.checked_sub(first).map(|step| step as usize);
                Err(Failure { step, source: error })
            }
            _ => Ok(()),
        })?;
    }
    Ok(())
}

fn explain(table: &str, step: Option<&Step>, source: io::Error) -> ApplyError {
    let words = step.map_or_else(|| "change the rules".to_owned(), |step| step.words.clone());
    let module = step.map_or("nfnetlink", |step| step.module);
    match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM | Errno::ACCESS) => ApplyError::Permission { table: table.to_owned() },
        Some(Errno::NOENT | Errno::OPNOTSUPP | Errno::PROTONOSUPPORT | Errno::AFNOSUPPORT) => {
            ApplyError::MissingModule { module, step: words }
        }
        _ => ApplyError::Kernel { table: table.to_owned(), step: words, source },
    }
}

fn c_string(name: &str) -> Result<CString, ApplyError> {
    CString::new(name).map_err(|_| ApplyError::Name(name.to_owned()))
}

#[cfg(test)]
mod tests;
