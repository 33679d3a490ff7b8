//! `nanogate audit`: the journal offline, from its files alone.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_audit::{Follower, Records, export};
use gate_core::{Position, Record};
use gate_seal::DevicePublic;
use serde_json::json;

use crate::cli::{ExportFormat, JournalArgs};
use crate::config::Config;
use crate::{CommandError, Outcome, provision};

/// How often `tail --follow` looks for more.
const LOOK: Duration = Duration::from_millis(200);

/// One chain of the journal.
struct Chain {
    process: String,
    dir: PathBuf,
}

fn root(args: &JournalArgs) -> Result<PathBuf, CommandError> {
    match (&args.config, &args.dir) {
        (Some(file), _) => Ok(Config::load(file).map_err(CommandError::input)?.data.join("journal")),
        (None, Some(dir)) => Ok(dir.clone()),
        (None, None) => Err(CommandError::Input("either --config or --dir is needed".to_owned())),
    }
}

/// The chains that the arguments name, in the order of their names.
fn chains(args: &JournalArgs) -> Result<Vec<Chain>, CommandError> {
    let root = root(args)?;
    let unreadable = |error: io::Error| CommandError::Input(format!("{}: {error}", root.display()));
    let mut chains = Vec::new();
    for entry in std::fs::read_dir(&root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let process = entry.file_name().to_string_lossy().into_owned();
        let wanted = args.process.as_ref().is_none_or(|only| *only == process);
        if wanted && entry.file_type().map_err(unreadable)?.is_dir() && has_segments(&entry.path()) {
            chains.push(Chain { process, dir: entry.path() });
        }
    }
    chains.sort_by(|a, b| a.process.cmp(&b.process));
    if chains.is_empty() {
        let which = args.process.as_deref().unwrap_or("any process");
        return Err(CommandError::Input(format!("{}: there is no journal of {which}", root.display())));
    }
    Ok(chains)
}

/// A process that never ran has a folder and nothing in it.
fn has_segments(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|kind| kind == "seg")))
    })
}

/// The key to check signatures with: the one given, or the one beside the chains.
fn verifying_key(args: &JournalArgs) -> Result<Option<DevicePublic>, CommandError> {
    let file = match &args.key {
        Some(file) => file.clone(),
        None => root(args)?.join(provision::DEVICE_PUBLIC),
    };
    if args.key.is_none() && !file.exists() {
        return Ok(None);
    }
    let named = |error: &dyn std::fmt::Display| CommandError::Input(format!("{}: {error}", file.display()));
    let pem = std::fs::read_to_string(&file).map_err(|error| named(&error))?;
    DevicePublic::from_pem(&pem).map(Some).map_err(|error| named(&error))
}

/// Checks every chain; exit 1 names the first bad record of each that is bad.
pub(crate) fn audit_verify(args: &JournalArgs) -> Result<Outcome, CommandError> {
    let key = verifying_key(args)?;
    let mut outcome = Outcome::Done;
    for Chain { process, dir } in chains(args)? {
        match gate_audit::verify(&dir, key.as_ref()) {
            Ok(report) if args.json => {
                println!("{}", json!({"process": process, "ok": true, "report": report}));
            }
            Ok(report) => {
                let torn = if report.torn_tail.is_some() { ", a torn write at the end" } else { "" };
                println!(
                    "{process}: ok, {} records in {} segments, {} signed heads{torn}",
                    report.records, report.segments, report.heads_verified
                );
            }
            Err(error) => {
                outcome = Outcome::No;
                if args.json {
                    println!("{}", json!({"process": process, "ok": false, "error": error.to_string()}));
                } else {
                    println!("{process}: BAD, {error}");
                }
            }
        }
    }
    Ok(outcome)
}

/// The newest signed head of each chain.
pub(crate) fn audit_head(args: &JournalArgs) -> Result<Outcome, CommandError> {
    let mut outcome = Outcome::Done;
    for Chain { process, dir } in chains(args)? {
        match gate_audit::read_head(&dir).map_err(CommandError::internal)? {
            Some(head) if args.json => println!("{}", json!({"process": process, "head": head})),
            Some(head) => println!("{process}: {} records, {} by {}", head.seq, head.hash, head.signer),
            None => {
                outcome = Outcome::No;
                eprintln!("{process}: no head is signed yet");
            }
        }
    }
    Ok(outcome)
}

/// The last records of all chains in the order of time, and with `follow` those that come.
pub(crate) fn audit_tail(args: &JournalArgs, count: usize, follow: bool) -> Result<Outcome, CommandError> {
    let mut followers = Vec::new();
    for Chain { process, dir } in chains(args)? {
        let last = u64::try_from(count).unwrap_or(u64::MAX);
        let follower = Follower::at_end(&dir, last).map_err(CommandError::internal)?;
        followers.push((process, follower));
    }
    let mut rows = gather(&mut followers, usize::MAX)?;
    let newest = rows.split_off(rows.len().saturating_sub(count));
    print_rows(&newest, args.json)?;
    if !follow {
        return Ok(Outcome::Done);
    }
    loop {
        let more = gather(&mut followers, 1000)?;
        print_rows(&more, args.json)?;
        if more.is_empty() {
            std::thread::park_timeout(LOOK);
        }
    }
}

type Row = (String, Position, Record);

fn gather(followers: &mut [(String, Follower)], max: usize) -> Result<Vec<Row>, CommandError> {
    let mut rows = Vec::new();
    for (process, follower) in followers {
        let batch = follower.poll(max).map_err(CommandError::internal)?;
        rows.extend(batch.into_iter().map(|(position, record)| (process.clone(), position, record)));
    }
    rows.sort_by_key(|(_, _, record)| record.at);
    Ok(rows)
}

fn print_rows(rows: &[Row], json: bool) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    for (process, position, record) in rows {
        let written = if json {
            writeln!(out, "{}", export::json_row(process, *position, record))
        } else {
            writeln!(out, "{}  {process:<10} {}", export::rfc3339(record.at), super::words::of(&record.event))
        };
        match written {
            // `audit tail | head` is not a failure.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(CommandError::internal)?,
        }
    }
    Ok(())
}

/// Every record of every chain.
pub(crate) fn audit_export(args: &JournalArgs, format: ExportFormat) -> Result<Outcome, CommandError> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if format == ExportFormat::Csv {
        export::csv_header(&mut out).map_err(CommandError::internal)?;
    }
    for Chain { process, dir } in chains(args)? {
        let records = Records::open(dir, Position(0));
        match format {
            ExportFormat::Jsonl => export::jsonl(&mut out, &process, records),
            ExportFormat::Csv => export::csv(&mut out, &process, records),
        }
        .map_err(CommandError::internal)?;
    }
    Ok(Outcome::Done)
}
