//! `nanogate audit`: the journal offline, from its files alone.

mod chains;
mod verify;

use std::io::{self, Write};
use std::time::Duration;

use gate_audit::{FollowError, Follower, Records, VerifyError, export};
use gate_core::{Position, Record};
use serde_json::json;

use self::chains::{Chain, chains, unreadable};
pub(crate) use self::verify::audit_verify;
use crate::cli::{ExportFormat, JournalArgs};
use crate::{CommandError, Outcome, print};

/// How often `tail --follow` looks for more.
const LOOK: Duration = Duration::from_millis(200);

/// The newest signed head of each chain.
pub(crate) fn audit_head(args: &JournalArgs) -> Result<Outcome, CommandError> {
    let mut outcome = Outcome::Done;
    for Chain { process, dir } in chains(args)? {
        let said = match gate_audit::read_head(&dir) {
            Ok(Some(head)) if args.json => print::line(json!({"process": process, "head": head})),
            Ok(Some(head)) => {
                print::line(format_args!("{process}: {} records, {} by {}", head.seq, head.hash, head.signer))
            }
            Ok(None) => no(&mut outcome, &format!("{process}: no head is signed yet")),
            Err(VerifyError::Io { path, source }) => return Err(unreadable(&path, &source)),
            Err(error) => no(&mut outcome, &format!("{process}: {error}")),
        };
        said?;
    }
    Ok(outcome)
}

/// What makes the answer no goes to standard error: the rows may be somebody's input.
fn no(outcome: &mut Outcome, why: &str) -> Result<(), CommandError> {
    *outcome = Outcome::No;
    eprintln!("nanogate: {why}");
    Ok(())
}

/// The last records of all chains in the order of time, and with `follow` those that come. Exit 1 says that something
/// between them could not be read, or is of a newer program.
pub(crate) fn audit_tail(args: &JournalArgs, count: usize, follow: bool) -> Result<Outcome, CommandError> {
    let mut outcome = Outcome::Done;
    let mut followers = Vec::new();
    for Chain { process, dir } in chains(args)? {
        let last = u64::try_from(count).unwrap_or(u64::MAX);
        let follower = Follower::at_end(&dir, last).map_err(|error| match error {
            FollowError::Io { path, source } => unreadable(&path, &source),
            other => CommandError::internal(other),
        });
        followers.push((process, follower?));
    }
    let mut rows = gather(&mut followers, usize::MAX, &mut outcome)?;
    for damage in followers.iter().filter_map(|(_, follower)| follower.damaged_end()) {
        step_over(&mut outcome, damage)?;
    }
    let newest = rows.split_off(rows.len().saturating_sub(count));
    print_rows(&newest, args.json)?;
    let mut told = vec![0; followers.len()];
    left_out_since(&followers, &mut told, &mut outcome)?;
    if !follow {
        return Ok(outcome);
    }
    loop {
        let more = gather(&mut followers, 1000, &mut outcome)?;
        print_rows(&more, args.json)?;
        left_out_since(&followers, &mut told, &mut outcome)?;
        if more.is_empty() {
            std::thread::park_timeout(LOOK);
        }
    }
}

type Row = (String, Position, Record);

/// What each chain has, up to about `max` records of each, in the order of time.
fn gather(followers: &mut [(String, Follower)], max: usize, outcome: &mut Outcome) -> Result<Vec<Row>, CommandError> {
    let mut rows = Vec::new();
    for (process, follower) in followers {
        let mut left = max;
        while left > 0 {
            match follower.poll(left) {
                Ok(batch) if batch.is_empty() => break,
                Ok(batch) => {
                    left -= batch.len();
                    rows.extend(batch.into_iter().map(|(position, record)| (process.clone(), position, record)));
                }
                Err(error) => step_over(outcome, error)?,
            }
        }
    }
    rows.sort_by_key(|(_, _, record)| record.at);
    Ok(rows)
}

/// A line for each chain of which more was left out than it was `told`.
fn left_out_since(
    followers: &[(String, Follower)],
    told: &mut [u64],
    outcome: &mut Outcome,
) -> Result<(), CommandError> {
    for ((process, follower), told) in followers.iter().zip(told) {
        left_out(outcome, process, follower.newer() - *told)?;
        *told = follower.newer();
    }
    Ok(())
}

/// One line about records that are in the chain and for which this program has no words: the one that wrote them shows them.
fn left_out(outcome: &mut Outcome, process: &str, newer: u64) -> Result<(), CommandError> {
    match newer {
        0 => Ok(()),
        1 => no(outcome, &format!("{process}: 1 record of a newer program is left out")),
        _ => no(outcome, &format!("{process}: {newer} records of a newer program are left out")),
    }
}

/// One line about a bad place, and on; a file that cannot be read ends the command.
fn step_over(outcome: &mut Outcome, error: FollowError) -> Result<(), CommandError> {
    match error {
        FollowError::Damaged { .. } => no(outcome, &format!("{error}; stepped over")),
        FollowError::Io { path, source } => Err(unreadable(&path, &source)),
    }
}

fn print_rows(rows: &[Row], json: bool) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    for (process, position, record) in rows {
        print::checked(if json {
            writeln!(out, "{}", export::json_row(process, *position, record))
        } else {
            writeln!(out, "{}  {process:<10} {}", export::rfc3339(record.at), super::words::of(&record.event))
        })?;
    }
    Ok(())
}

/// Every record of every chain. Exit 1 says that something between them could not be read, or is of a newer program.
pub(crate) fn audit_export(args: &JournalArgs, format: ExportFormat) -> Result<Outcome, CommandError> {
    let mut outcome = Outcome::Done;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if format == ExportFormat::Csv {
        export::csv_header(&mut out).map_err(failed)?;
    }
    for Chain { process, dir } in chains(args)? {
        let mut records = Records::open(dir, Position(0));
        let readable = records.by_ref().filter(|read| match read {
            Err(error @ FollowError::Damaged { .. }) => no(&mut outcome, &format!("{error}; stepped over")).is_err(),
            _ => true,
        });
        match format {
            ExportFormat::Jsonl => export::jsonl(&mut out, &process, readable),
            ExportFormat::Csv => export::csv(&mut out, &process, readable),
        }
        .map_err(failed)?;
        left_out(&mut outcome, &process, records.newer())?;
    }
    Ok(outcome)
}

/// Why an export ended early.
fn failed(error: export::ExportError) -> CommandError {
    match error {
        export::ExportError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => CommandError::ClosedPipe,
        export::ExportError::Read(FollowError::Io { path, source }) => unreadable(&path, &source),
        other => CommandError::internal(other),
    }
}

#[cfg(test)]
mod tests;
