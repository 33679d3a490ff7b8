//! `nanogate audit verify`: every chain that is there, and every one that should be.

use std::io::{self, Write};

use gate_audit::{Report, VerifyError};
use gate_seal::DevicePublic;
use serde_json::{Value, json};

use super::chains::{Chain, Journal, wanted};
use crate::cli::JournalArgs;
use crate::{CommandError, Outcome, print, provision};

/// Said where the signatures prove less than they seem to.
const OWN_KEY: &str = "the key came from the journal itself; --key FILE checks with one that was kept elsewhere";

/// Checks every chain; exit 1 names the first bad record of each that is bad, and each that is missing.
pub(crate) fn audit_verify(args: &JournalArgs) -> Result<Outcome, CommandError> {
    verify_to(io::stdout().lock(), args)
}

pub(super) fn verify_to(out: impl Write, args: &JournalArgs) -> Result<Outcome, CommandError> {
    let journal = Journal::of(args)?;
    let key = verifying_key(args, &journal)?;
    let present = journal.present()?;
    let missing = wanted(args, journal.missing(&present));
    let present = wanted(args, present);
    if present.is_empty() && missing.is_empty() {
        return Err(journal.nothing(args));
    }
    let mut answer = Answer { out: Out { to: out, open: true }, json: args.json, bad: false, unreadable: None };
    for chain in &present {
        let verified = gate_audit::verify(&chain.dir, key.as_ref());
        answer.chain(chain, trusted(verified, args.key.is_some()))?;
    }
    for chain in &missing {
        answer.missing(chain)?;
    }
    if args.key.is_none() && !args.json {
        answer.out.line(OWN_KEY)?;
    }
    match answer.unreadable {
        // One chain that is known to be bad is an answer, whatever the others are.
        Some(error) if !answer.bad => Err(CommandError::Input(error)),
        _ if answer.bad => Ok(Outcome::No),
        _ => Ok(Outcome::Done),
    }
}

/// The key to check signatures with: the one given, or the one beside the chains.
fn verifying_key(args: &JournalArgs, journal: &Journal) -> Result<Option<DevicePublic>, CommandError> {
    let file = args.key.clone().unwrap_or_else(|| journal.root.join(provision::DEVICE_PUBLIC));
    let named = |error: &dyn std::fmt::Display| CommandError::Input(format!("{}: {error}", file.display()));
    match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && args.key.is_none() => Ok(None),
        pem => {
            let pem = pem.map_err(|error| named(&error))?;
            DevicePublic::from_pem(&pem).map(Some).map_err(|error| named(&error))
        }
    }
}

/// Whoever can change the journal can change the key beside it: only one that was given is trusted.
fn trusted(verified: Result<Report, VerifyError>, given: bool) -> Result<Report, VerifyError> {
    match verified {
        Ok(report) => Ok(Report { trusted_key: given, ..report }),
        Err(VerifyError::Lost { file, seq, offset, lost, mut report }) => {
            report.trusted_key = given;
            Err(VerifyError::Lost { file, seq, offset, lost, report })
        }
        Err(other) => Err(other),
    }
}

/// What is printed, and what it comes to.
struct Answer<W> {
    out: Out<W>,
    json: bool,
    bad: bool,
    unreadable: Option<String>,
}

impl<W: Write> Answer<W> {
    fn chain(&mut self, chain: &Chain, verified: Result<Report, VerifyError>) -> Result<(), CommandError> {
        match verified {
            Ok(report) => self.say(chain, &format!("ok, {}", words(&report)), json!({"ok": true, "report": report})),
            Err(VerifyError::Io { path, source }) => {
                let error = format!("the journal cannot be read: {}: {source}", path.display());
                self.say(chain, &format!("UNREADABLE, {error}"), json!({"ok": false, "error": error}))?;
                self.unreadable.get_or_insert(error);
                Ok(())
            }
            Err(error) => {
                self.bad = true;
                let mut row = json!({"ok": false, "error": error.to_string()});
                let mut text = format!("BAD, {error}");
                if let VerifyError::Lost { report, .. } = &error {
                    row["report"] = json!(report);
                    text = format!("{text}; kept are {}", words(report));
                }
                self.say(chain, &text, row)
            }
        }
    }

    fn missing(&mut self, chain: &Chain) -> Result<(), CommandError> {
        self.bad = true;
        let error = format!("{}: missing, although the process has run", chain.dir.display());
        self.say(chain, &format!("BAD, {error}"), json!({"ok": false, "missing": true, "error": error}))
    }

    fn say(&mut self, chain: &Chain, text: &str, mut row: Value) -> Result<(), CommandError> {
        row["process"] = json!(chain.process);
        if self.json { self.out.line(&row.to_string()) } else { self.out.line(&format!("{}: {text}", chain.process)) }
    }
}

/// The report on one line: what is always so, then what is out of the ordinary.
pub(super) fn words(report: &Report) -> String {
    let mut words = vec![
        format!("{} in {}", count(report.records, "record"), count(report.segments, "segment")),
        count(report.heads_verified, "signed head"),
    ];
    let more = [
        (report.unsigned, " not signed yet"),
        (report.pruned, " pruned"),
        (report.lost, " lost"),
        (report.repairs, if report.repairs == 1 { " repair" } else { " repairs" }),
    ];
    words.extend(more.into_iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number}{what}")));
    words.extend((report.newer > 0).then(|| format!("{} of a newer program", count(report.newer, "record"))));
    words.extend(report.torn_tail.as_ref().map(|_| "a torn write at the end".to_owned()));
    words.join(", ")
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Lines for a reader that may have had enough: the exit code is still the answer about every chain.
struct Out<W> {
    to: W,
    open: bool,
}

impl<W: Write> Out<W> {
    fn line(&mut self, text: &str) -> Result<(), CommandError> {
        if !self.open {
            return Ok(());
        }
        match print::checked(writeln!(self.to, "{text}")) {
            Err(CommandError::ClosedPipe) => {
                self.open = false;
                Ok(())
            }
            printed => printed,
        }
    }
}
