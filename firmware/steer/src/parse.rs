//! From the kernel's table back to a rule set. Shares nothing with the code that writes, so that each checks the other.

use std::io;

use thiserror::Error;

use crate::netlink::{Answer, Attribute, Socket, answer, attributes, push, request, text};
use crate::ruleset::{Chain, Elements, Rule, RuleSet, Set};

mod expressions;
mod objects;

/// A list that changes while it is read is read again, this often.
const ATTEMPTS: usize = 5;

/// Why the kernel's table cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    #[error("table {table}: needs CAP_NET_ADMIN")]
    Permission { table: String },
    #[error("the kernel lacks nf_tables (module nf_tables)")]
    NoNfTables,
    #[error("there is no table {table}")]
    NoTable { table: String },
    #[error("table {table}: somebody else keeps changing it")]
    Torn { table: String },
    #[error("table {table}: the kernel's {what} cannot be read")]
    Malformed { table: String, what: &'static str },
    #[error("table {table}: reading its {what}: {source}")]
    Kernel { table: String, what: &'static str, source: io::Error },
}

/// What can be listed: the request's number within nf_tables, the answers' (one less), the words for errors.
#[derive(Clone, Copy)]
struct List {
    get: u16,
    what: &'static str,
}

const TABLE: List = List { get: 1, what: "table" };
const CHAINS: List = List { get: 4, what: "chains" };
const RULES: List = List { get: 7, what: "rules" };
const SETS: List = List { get: 10, what: "sets" };
const ELEMENTS: List = List { get: 13, what: "set elements" };

/// In all of these objects the first attribute names the table; in lists of elements the second one names the set.
const NFTA_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;

/// Reads the live `inet` table of this name.
pub fn list(table: &str) -> Result<RuleSet, ReadError> {
    for _ in 0..ATTEMPTS {
        // A new socket each time: what is left of a torn list dies with the old one.
        let socket = Socket::open(0).map_err(|source| opening(table, source))?;
        match (Reader { socket, table, sequence: 0 }).read() {
            Err(ReadError::Torn { .. }) => {}
            outcome => return outcome,
        }
    }
    Err(ReadError::Torn { table: table.to_owned() })
}

fn opening(table: &str, source: io::Error) -> ReadError {
    match source.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
        // EPROTONOSUPPORT: no netfilter netlink at all.
        Some(rustix::io::Errno::PROTONOSUPPORT) => ReadError::NoNfTables,
        _ => ReadError::Kernel { table: table.to_owned(), what: "socket", source },
    }
}

struct Reader<'a> {
    socket: Socket,
    table: &'a str,
    sequence: u32,
}

impl Reader<'_> {
    fn read(mut self) -> Result<RuleSet, ReadError> {
        let flags = self.ask(TABLE, false, &[], objects::table_flags)?;
        let dormant = flags.iter().any(|flags| flags & objects::NFT_TABLE_F_DORMANT != 0);
        let mut chains = self.ask(CHAINS, true, &[], objects::chain)?;
        self.rules(&mut chains)?;
        let mut sets = self.ask(SETS, true, &[], objects::set)?;
        sets.iter_mut().try_for_each(|set| self.elements(set))?;
        Ok(RuleSet { table: self.table.to_owned(), dormant, sets, chains })
    }

    fn rules(&mut self, chains: &mut [Chain]) -> Result<(), ReadError> {
        for (name, rule) in self.ask(RULES, true, &[], objects::rule)? {
            match chains.iter_mut().find(|chain| chain.name == name) {
                Some(chain) => chain.rules.push(rule),
                // The chain came after its list was read.
                None => return Err(ReadError::Torn { table: self.table.to_owned() }),
            }
        }
        Ok(())
    }

    fn elements(&mut self, set: &mut Set) -> Result<(), ReadError> {
        let Set { name, elements } = set;
        let filter = [(NFTA_SET_ELEM_LIST_SET, name.as_str())];
        self.ask(ELEMENTS, true, &filter, |object| objects::add_elements(elements, object)).map(drop)
    }

    /// Asks for objects of the table and reads each; `read` says `None` where it cannot.
    fn ask<T>(
        &mut self,
        list: List,
        dump: bool,
        filter: &[(u16, &str)],
        mut read: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Vec<T>, ReadError> {
        let mut wanted = Vec::new();
        push(&mut wanted, NFTA_TABLE, self.table);
        filter.iter().for_each(|(kind, value)| push(&mut wanted, *kind, value));
        self.sequence += 1;
        let (table, sequence) = (self.table, self.sequence);
        let sent = self.socket.send(&request(list.get, dump, sequence, &wanted));
        sent.map_err(|source| self.failed(list, source))?;
        let (mut objects, mut done) = (Vec::new(), false);
        while !done {
            let received = self.socket.receive(|message| match answer(message) {
                Some(Answer::Object { kind, attributes }) if kind + 1 == list.get && of_table(attributes, table) => {
                    objects.push(read(attributes).ok_or(Broken::Malformed)?);
                    Ok(())
                }
                Some(Answer::Done { sequence: of }) if of == sequence => {
                    done = true;
                    Ok(())
                }
                Some(Answer::Failed { sequence: of, error }) if of == sequence => Err(Broken::Failed(error)),
                Some(Answer::Torn) => Err(Broken::Torn),
                _ => Ok(()),
            });
            received.map_err(|broken| self.broken(list, broken))?;
        }
        Ok(objects)
    }

    fn broken(&self, list: List, broken: Broken) -> ReadError {
        let table = self.table.to_owned();
        match broken {
            Broken::Torn => ReadError::Torn { table },
            Broken::Malformed => ReadError::Malformed { table, what: list.what },
            Broken::Failed(source) => self.failed(list, source),
        }
    }

    fn failed(&self, list: List, source: io::Error) -> ReadError {
        use rustix::io::Errno;

        let table = self.table.to_owned();
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::PERM) => ReadError::Permission { table },
            Some(Errno::NOENT) => ReadError::NoTable { table },
            Some(Errno::OPNOTSUPP | Errno::INVAL) if list.get == TABLE.get => ReadError::NoNfTables,
            _ => ReadError::Kernel { table, what: list.what, source },
        }
    }
}

/// Why an answer ended early.
enum Broken {
    Torn,
    Malformed,
    Failed(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// Some lists cannot be filtered by the kernel: they hold other tables' objects.
fn of_table(object: &[u8], table: &str) -> bool {
    let named = |attribute: Attribute<'_>| text(attribute.value).is_some_and(|name| name == table);
    attributes(object).find(|attribute| attribute.kind == NFTA_TABLE).is_some_and(named)
}
