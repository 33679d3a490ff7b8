//! Measures the scanner with the built-in rules: `cargo run --release -p gate-scrub --example speed -- [--json]`.
//!
//! Bodies are generated from a fixed seed: prose, source code, and chat requests that carry both. All times but
//! that of loading are processor time of the one thread, which a busy machine disturbs least. `--rounds text|code|json|PIECE
//! NUMBER` scans one such corpus, or a body that repeats the piece, so many times and prints its bytes, for a profiler: of two
//! such runs the difference is the scanning alone.
//! `--tries [FILE…]` counts how often such clean bodies, or those files, call for each rule, and by which literal.
//! `--quick` leaves the hostile inputs out, `--worst` lists the dearest of them, `--search SECONDS [SEED]` looks for dearer
//! ones, and `--work FILE…` says
//! how many steps a byte of each file takes. `--corpus DIR` writes the three corpora as `{"text"}` lines, for other scanners to be measured on the same bytes.

mod corpus;
mod search;
mod tries;
mod worst;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_scrub::{BUILTIN, BodyKind, Limits, Pack, ScanError, Scanner};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

use corpus::{Body, Kind};

/// Bytes of one corpus.
const CORPUS: usize = 4 << 20;

/// Bytes of a body that throughput is measured with: a long conversation.
const BODY: usize = 64 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, rounds] = &args[..]
        && flag == "--rounds"
    {
        return repeat(name, rounds.parse()?);
    }
    let before = resident();
    // Several threads compile, so that what counts is how long a daemon waits.
    let started = Instant::now();
    let pack = Arc::new(Pack::compile(BUILTIN.iter().copied())?);
    let load = started.elapsed();
    let loaded = resident().saturating_sub(before);
    let scanner = Scanner::new(Arc::clone(&pack));
    if let [flag, folder] = &args[..]
        && flag == "--corpus"
    {
        return write_corpora(Path::new(folder));
    }
    if let [flag, files @ ..] = &args[..]
        && flag == "--tries"
    {
        return tries::report(&pack, files);
    }
    if let [flag, files @ ..] = &args[..]
        && flag == "--work"
    {
        return Ok(worst::work(&scanner, files)?);
    }
    if args.iter().any(|arg| arg == "--worst") {
        worst::report(&scanner, 1e3 / speed(&scanner, Kind::Text)?);
        return Ok(());
    }
    if let [flag, seconds, seed @ ..] = &args[..]
        && flag == "--search"
    {
        let seed = seed.first().map_or(Ok(1), |seed| seed.parse())?;
        search::report(&scanner, Duration::from_secs(seconds.parse()?), seed);
        return Ok(());
    }
    let speeds = [Kind::Text, Kind::Code, Kind::Json].map(|kind| speed(&scanner, kind));
    let [text, code, chat] = speeds;
    let (text, code, chat) = (text?, code?, chat?);
    let small = latencies(&scanner, 8 << 10, 2000)?;
    let large = latencies(&scanner, 64 << 10, 400)?;
    let mut figures = json!({
        "text_mbs": text.round(), "code_mbs": code.round(), "json_mbs": chat.round(),
        "p50_8k_us": small.0, "p99_8k_us": small.1, "p50_64k_us": large.0, "p99_64k_us": large.1,
        "load_ms": millis(load), "pack_bytes": pack.memory(), "loaded_bytes": loaded, "rules": pack.rules().count(),
    });
    if !args.iter().any(|arg| arg == "--quick") {
        let worst = worst::worst(&scanner, 1e3 / text);
        figures["worst_ratio"] = ((worst.ratio * 10.0).round() / 10.0).into();
        figures["worst_name"] = worst.name.into();
        figures["worst_refused"] = worst.refused.into();
    }
    if args.iter().any(|arg| arg == "--json") {
        println!("{figures}");
    } else {
        let figures = figures.as_object().expect("it was just built as one");
        figures.iter().for_each(|(name, value)| println!("{name:>14}  {value}"));
    }
    Ok(())
}

/// Scans a corpus, or a piece over and over, so many times, however much work it is. No clock is read: reading one as rustix
/// does is more than valgrind can follow.
fn repeat(what: &str, rounds: usize) -> Result<(), Box<dyn Error>> {
    let scanner = Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied())?));
    let hostile = || vec![Body { kind: BodyKind::Text, bytes: worst::body(what, worst::SIZE) }];
    let bodies = Kind::named(what).map_or_else(hostile, |kind| corpus::bodies(kind, CORPUS / 4, BODY));
    let limits = Limits { max_work: usize::MAX, ..Limits::default() };
    for body in (0..rounds).flat_map(|_| &bodies) {
        scanner.body(body.kind, &body.bytes, &limits)?;
    }
    println!("{}", bodies.iter().map(|body| body.bytes.len()).sum::<usize>());
    Ok(())
}

fn write_corpora(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (name, kind) in [("text", Kind::Text), ("code", Kind::Code), ("json", Kind::Json)] {
        let line = |body: &Body| format!("{}\n", json!({ "text": String::from_utf8_lossy(&body.bytes) }));
        let lines: String = corpus::bodies(kind, CORPUS, BODY).iter().map(line).collect();
        std::fs::write(folder.join(format!("{name}.jsonl")), lines)?;
    }
    Ok(())
}

/// Scans every body and counts the findings: few, since words that were thrown say something by accident only.
fn scan_all(scanner: &Scanner, bodies: &[Body]) -> Result<usize, ScanError> {
    let count = |body: &Body| Ok(scanner.body(body.kind, &body.bytes, &Limits::default())?.len());
    bodies.iter().map(count).sum()
}

/// Megabytes a second, the best of several rounds.
fn speed(scanner: &Scanner, kind: Kind) -> Result<f64, Box<dyn Error>> {
    let bodies = corpus::bodies(kind, CORPUS, BODY);
    let bytes: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    let findings = scan_all(scanner, &bodies)?;
    if findings > bodies.len() {
        return Err(
            format!("{findings} findings in {} clean bodies: this would measure something else", bodies.len()).into()
        );
    }
    let best = (0..7).map(|_| timed(|| scan_all(scanner, &bodies)).0).min().expect("there are rounds");
    Ok(bytes as f64 / best.as_secs_f64() / 1e6)
}

/// The median and the 99th percentile of chat requests of one size, each scanned once, in microseconds.
fn latencies(scanner: &Scanner, size: usize, count: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let bodies = corpus::bodies(Kind::Json, size * count, size);
    scan_all(scanner, &bodies[..bodies.len() / 10])?;
    let scan = |body: &Body| timed(|| scanner.body(body.kind, &body.bytes, &Limits::default())).0;
    let mut times: Vec<Duration> = bodies.iter().map(scan).collect();
    times.sort_unstable();
    let at = |share: usize| (times[times.len() * share / 100].as_secs_f64() * 1e7).round() / 10.0;
    Ok((at(50), at(99)))
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let started = clock_gettime(ClockId::ThreadCPUTime);
    let result = run();
    let spent = clock_gettime(ClockId::ThreadCPUTime) - started;
    (Duration::try_from(spent).expect("processor time never falls"), result)
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e4).round() / 10.0
}

/// Bytes of this process in memory, 0 where the kernel does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<usize>().ok()).unwrap_or(0) << 10
}
