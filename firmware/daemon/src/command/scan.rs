//! `nanogate scan`: the proxy's scanner for files, folders, standard input and rows.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use gate_core::{Action, Finding};
use gate_scrub::{BodyKind, Edit, Limits, ScanError, Scanner, edit, placeholder};
use serde::{Deserialize, Serialize};

use super::sarif;
use crate::cli::{ScanArgs, ScanFormat};
use crate::{CommandError, Outcome, print, worker};

/// Larger files are not source, configuration or prompts; they are counted as skipped.
const FILE_CAP: u64 = 16 * 1024 * 1024;
/// A row is one prompt; the proxy's own body cap is the measure.
const ROW_CAP: u64 = 64 * 1024 * 1024;
/// As git does it: a NUL in the first 8000 bytes means binary.
const BINARY_PROBE: usize = 8000;

/// One file with what was found in it.
pub(super) struct Scanned {
    pub(super) name: String,
    pub(super) found: Vec<Located>,
}

/// A finding with the line and column that people look for.
#[derive(Serialize)]
pub(super) struct Located {
    pub(super) line: usize,
    pub(super) column: usize,
    #[serde(flatten)]
    pub(super) finding: Finding,
}

#[derive(Deserialize)]
struct Row {
    id: serde_json::Value,
    text: String,
}

#[derive(Serialize)]
struct Judged<'a> {
    id: &'a serde_json::Value,
    verdict: Action,
    findings: Vec<Finding>,
    redacted: String,
}

/// What was not scanned. Binary and large files inside a folder are expected there; whatever was named itself, or could
/// not be read, must not pass for clean.
#[derive(Default)]
struct Skipped {
    binary: usize,
    large: usize,
    failed: Vec<String>,
}

/// Why a file was not scanned.
enum Skip {
    Binary,
    Large,
    Failed(String),
}

/// Scans what the arguments name; exit 1 when something was found.
pub(crate) fn scan(args: &ScanArgs) -> Result<Outcome, CommandError> {
    let scanner = worker::scanner_with(&[])?;
    if args.jsonl {
        return scan_rows(&scanner, io::stdin().lock(), io::stdout().lock());
    }
    let mut skipped = Skipped::default();
    let files = if args.paths.is_empty() {
        let mut bytes = Vec::new();
        io::stdin().lock().take(FILE_CAP + 1).read_to_end(&mut bytes).map_err(CommandError::internal)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_CAP {
            return Err(CommandError::Input(format!("<stdin>: more than {FILE_CAP} bytes")));
        }
        vec![scan_bytes(&scanner, "<stdin>".to_owned(), &bytes)?]
    } else {
        scan_paths(&scanner, &args.paths, &mut skipped)?
    };
    print::checked(report(&files, args.format))?;
    if skipped.binary + skipped.large > 0 {
        eprintln!("skipped {} binary and {} larger than {} MiB", skipped.binary, skipped.large, FILE_CAP >> 20);
    }
    for failed in &skipped.failed {
        eprintln!("nanogate: not scanned: {failed}");
    }
    if files.iter().any(|file| !file.found.is_empty()) {
        return Ok(Outcome::No);
    }
    match skipped.failed.len() {
        0 => Ok(Outcome::Done),
        count => Err(CommandError::Input(format!("nothing found, but {count} could not be scanned"))),
    }
}

fn scan_paths(scanner: &Scanner, paths: &[PathBuf], skipped: &mut Skipped) -> Result<Vec<Scanned>, CommandError> {
    let mut scanned = Vec::new();
    for path in paths {
        let meta =
            std::fs::metadata(path).map_err(|error| CommandError::Input(format!("{}: {error}", path.display())))?;
        if !meta.is_dir() {
            match scan_file(scanner, path) {
                Ok(file) => scanned.push(file),
                Err(Skip::Binary) => skipped.failed.push(format!("{}: a binary file", path.display())),
                Err(Skip::Large) => {
                    skipped.failed.push(format!("{}: larger than {} MiB", path.display(), FILE_CAP >> 20));
                }
                Err(Skip::Failed(why)) => skipped.failed.push(why),
            }
            continue;
        }
        // Dot files hold the most secrets (.env, .netrc, .npmrc); what git ignores stays ignored.
        for entry in ignore::WalkBuilder::new(path).hidden(false).require_git(false).sort_by_file_name(Ord::cmp).build()
        {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    skipped.failed.push(error.to_string());
                    continue;
                }
            };
            if !entry.file_type().is_some_and(|kind| kind.is_file()) || within_git(entry.path(), path) {
                continue;
            }
            match scan_file(scanner, entry.path()) {
                Ok(file) => scanned.push(file),
                Err(Skip::Binary) => skipped.binary += 1,
                Err(Skip::Large) => skipped.large += 1,
                Err(Skip::Failed(why)) => skipped.failed.push(why),
            }
        }
    }
    Ok(scanned)
}

fn scan_file(scanner: &Scanner, file: &Path) -> Result<Scanned, Skip> {
    let bytes = read_text(file)?;
    scan_bytes(scanner, file.display().to_string(), &bytes).map_err(|error| Skip::Failed(error.to_string()))
}

fn within_git(file: &Path, root: &Path) -> bool {
    file.strip_prefix(root).is_ok_and(|rest| rest.components().any(|part| part.as_os_str() == ".git"))
}

fn read_text(file: &Path) -> Result<Vec<u8>, Skip> {
    let failed = |error: io::Error| Skip::Failed(format!("{}: {error}", file.display()));
    let opened = File::open(file).map_err(failed)?;
    let mut bytes = Vec::new();
    // A pipe has no length to ask for.
    opened.take(FILE_CAP + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_CAP {
        return Err(Skip::Large);
    }
    let probe = &bytes[..bytes.len().min(BINARY_PROBE)];
    // UTF-16 is text, and every second byte of it may be NUL.
    let utf16 = probe.starts_with(b"\xff\xfe") || probe.starts_with(b"\xfe\xff");
    if probe.contains(&0) && !utf16 { Err(Skip::Binary) } else { Ok(bytes) }
}

fn scan_bytes(scanner: &Scanner, name: String, bytes: &[u8]) -> Result<Scanned, CommandError> {
    let kind = match Path::new(&name).extension().and_then(|extension| extension.to_str()) {
        Some("json") => BodyKind::Json,
        Some("jsonl" | "ndjson") => BodyKind::Ndjson,
        _ => BodyKind::Text,
    };
    let findings = scanner
        .body(kind, bytes, &Limits { max_bytes: bytes.len(), ..Limits::default() })
        .map_err(|error| CommandError::Input(format!("{name}: {error}")))?;
    let mut found = Vec::with_capacity(findings.len());
    let (mut line, mut line_start, mut at) = (1, 0, 0);
    for finding in findings {
        // Findings come in the order of their start, so each byte is looked at once.
        for (offset, _) in bytes[at..finding.start].iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            line += 1;
            line_start = at + offset + 1;
        }
        at = finding.start;
        let column = String::from_utf8_lossy(&bytes[line_start..finding.start]).chars().count() + 1;
        found.push(Located { line, column, finding });
    }
    Ok(Scanned { name, found })
}

fn report(files: &[Scanned], format: ScanFormat) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        ScanFormat::Text => text_report(&mut out, files),
        ScanFormat::Json => {
            for file in files {
                for located in &file.found {
                    let mut row = serde_json::to_value(located)?;
                    row["file"] = file.name.clone().into();
                    writeln!(out, "{row}")?;
                }
            }
            Ok(())
        }
        ScanFormat::Sarif => writeln!(out, "{}", sarif::document(files)),
    }
}

fn text_report(out: &mut impl Write, files: &[Scanned]) -> io::Result<()> {
    let colour = io::stdout().is_terminal();
    for file in files {
        for Located { line, column, finding } in &file.found {
            let (on, off) = match (colour, finding.action) {
                (false, _) => ("", ""),
                (true, Action::Deny) => ("\x1b[31m", "\x1b[0m"),
                (true, _) => ("\x1b[33m", "\x1b[0m"),
            };
            let Finding { rule, kind, action, confidence, .. } = finding;
            writeln!(out, "{}:{line}:{column}: {on}{action}{off} {kind} ({rule}, confidence {confidence})", file.name)?;
        }
    }
    let count: usize = files.iter().map(|file| file.found.len()).sum();
    let plural = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    writeln!(out, "{} in {} scanned", plural(count, "finding"), plural(files.len(), "file"))
}

/// `--jsonl`: one verdict row for each row, in the same order.
fn scan_rows(scanner: &Scanner, mut input: impl BufRead, output: impl Write) -> Result<Outcome, CommandError> {
    let mut out = io::BufWriter::new(output);
    let (mut number, mut clean, mut line) = (0_usize, true, Vec::new());
    loop {
        number += 1;
        line.clear();
        let read = (&mut input).take(ROW_CAP).read_until(b'\n', &mut line).map_err(CommandError::internal)?;
        if read == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let row: Row = serde_json::from_slice(&line).map_err(|error| {
            CommandError::Input(format!("<stdin>:{number}: not a row {{\"id\",\"text\"}}: {error}"))
        })?;
        let judged =
            judge_row(scanner, &row).map_err(|error| CommandError::Input(format!("<stdin>:{number}: {error}")))?;
        clean &= judged.findings.is_empty();
        serde_json::to_writer(&mut out, &judged).map_err(CommandError::internal)?;
        out.write_all(b"\n").map_err(CommandError::internal)?;
        // A caller may wait for each answer before it sends the next row.
        if !input.fill_buf().is_ok_and(|rest| rest.contains(&b'\n')) {
            out.flush().map_err(CommandError::internal)?;
        }
    }
    out.flush().map_err(CommandError::internal)?;
    Ok(if clean { Outcome::Done } else { Outcome::No })
}

fn judge_row<'a>(scanner: &Scanner, row: &'a Row) -> Result<Judged<'a>, ScanError> {
    let text = row.text.as_bytes();
    let findings = scanner.text(text, &Limits { max_bytes: text.len(), ..Limits::default() })?;
    let verdict = findings.iter().map(|finding| finding.action).max().unwrap_or(Action::Allow);
    let edits: Vec<Edit> = findings
        .iter()
        .filter(|finding| finding.action >= Action::Redact)
        .map(|finding| Edit { start: finding.start, end: finding.end, replacement: placeholder(&finding.kind) })
        .collect();
    let redacted = String::from_utf8_lossy(&edit(text, &edits)).into_owned();
    Ok(Judged { id: &row.id, verdict, findings, redacted })
}

#[cfg(test)]
mod tests;
