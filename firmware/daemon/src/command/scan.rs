//! `nanogate scan`: the proxy's scanner for files, folders, standard input and rows.
//!
//! ```text
//!   input ──► workers (file) ──► ordered ──► report
//!   walk      read, scan, place   in turn     text, JSON, SARIF
//! ```
//!
//! All cores work, what is printed does not depend on how many there are, and memory does not depend on how much there is
//! to scan: files are streamed, findings are printed as they come, and every queue between has a cap.

mod file;
mod filter;
mod input;
mod ordered;
mod place;
mod progress;
mod report;
mod rows;
mod sarif;

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use gate_scrub::{BodyKind, Scanner};

use self::file::{FileScanner, Located, Skip};
use self::filter::Filter;
use self::input::{Item, Items};
use self::ordered::{Event, Gone, Outlet, Stopped, ordered};
use self::report::{Report, Totals, plural, printable};
use crate::cli::{Colour, ScanArgs, ScanFormat};
use crate::{CommandError, Outcome, packs, print};

/// What a worker says of an item.
enum Said {
    Found(Arc<str>, Vec<Located>),
    Scanned,
    Skipped { name: String, named: bool, why: Skip },
}

/// Scans what the arguments name; exit 1 when something was found.
pub(crate) fn scan(args: &ScanArgs) -> Result<Outcome, CommandError> {
    let scanner = packs::scanner_for(args)?;
    let filter = Filter::of(args, scanner.pack())?;
    let cores = args.threads.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    if args.jsonl {
        return rows::scan_rows(&scanner, &filter, cores, io::stdin(), io::stdout());
    }
    let mut totals = Totals::default();
    scan_items(args, scanner, filter, cores, &mut totals)?;
    for (count, what) in [(totals.binary, "binary file"), (totals.large, "large UTF-16 file")] {
        if count > 0 {
            eprintln!("skipped {}", plural(count, what));
        }
    }
    for failed in &totals.failed {
        eprintln!("nanogate: not scanned: {failed}");
    }
    match (totals.findings, totals.failed.len()) {
        (0, 0) => Ok(Outcome::Done),
        (0, count) => Err(CommandError::Input(format!("nothing found, but {count} could not be scanned"))),
        _ => Ok(Outcome::No),
    }
}

fn scan_items(
    args: &ScanArgs,
    scanner: Scanner,
    filter: Filter,
    cores: usize,
    totals: &mut Totals,
) -> Result<(), CommandError> {
    // Looked at before anything is printed: a path that is not there is wrong usage.
    let paths = Items::of(args)?;
    let bar = progress::bar(|| Items::of(args).ok());
    let out = io::BufWriter::new(io::stdout());
    let mut report = print::checked(Report::begin(out, args.format, is_coloured(args), scanner.pack()))?;
    let shared = Arc::new(FileScanner { scanner, filter, progress: bar.clone(), large: Mutex::new(()) });
    let worker = || {
        let shared = shared.clone();
        move |item: Item, outlet: &Outlet<Said>| work(&shared, item, outlet)
    };
    // Both on one terminal would write into each other.
    let apart = io::stdout().is_terminal();
    let read = |event| {
        let shown = apart && !bar.is_hidden() && matches!(event, Event::Message(Said::Found(..)));
        let tell = || {
            tell(&mut report, totals, event)?;
            if shown { report.flush() } else { Ok(()) }
        };
        print::checked(if shown { bar.suspend(tell) } else { tell() })
    };
    let stdin = args.paths.is_empty().then_some(Item::Stdin);
    let ended = ordered(cores, stdin.into_iter().chain(paths), worker, read);
    bar.finish_and_clear();
    match ended {
        Ok(()) => print::checked(report.end(totals)),
        Err(Stopped::Reader(error)) => Err(error),
        Err(Stopped::Worker) => Err(CommandError::internal("a thread of the scan ended early")),
    }
}

/// One item from its bytes to its findings.
fn work(shared: &FileScanner, item: Item, outlet: &Outlet<Said>) -> Result<(), Gone> {
    let (name, named) = match &item {
        Item::Stdin => ("<stdin>".to_owned(), true),
        Item::Named(path) => (path.display().to_string(), true),
        Item::Found(path) => (path.display().to_string(), false),
        Item::Failed(_) => (String::new(), true),
    };
    let file: Arc<str> = name.as_str().into();
    let mut gone = false;
    let mut take = |found| {
        gone |= outlet.put(Said::Found(file.clone(), found)).is_err();
        if gone { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let scanned = match item {
        Item::Stdin => shared.input(BodyKind::Text, io::stdin(), &mut take),
        Item::Named(path) | Item::Found(path) => shared.file(&path, &mut take),
        Item::Failed(why) => Err(Skip::Failed(why)),
    };
    match scanned {
        _ if gone => Err(Gone),
        Ok(()) => outlet.put(Said::Scanned),
        Err(why) => outlet.put(Said::Skipped { name, named, why }),
    }
}

/// Puts what a worker said into the report and the totals.
fn tell(report: &mut Report<impl Write>, totals: &mut Totals, event: Event<Said>) -> io::Result<()> {
    match event {
        Event::Message(Said::Found(name, found)) => {
            totals.findings += found.len();
            return report.found(&name, &found);
        }
        Event::Message(Said::Scanned) => totals.files += 1,
        Event::Message(Said::Skipped { named: false, why: Skip::Binary, .. }) => totals.binary += 1,
        Event::Message(Said::Skipped { named: false, why: Skip::Large, .. }) => totals.large += 1,
        Event::Message(Said::Skipped { name, why, .. }) => totals.failed.push(reason(&name, &why)),
        Event::Idle => return report.flush(),
    }
    Ok(())
}

fn reason(name: &str, why: &Skip) -> String {
    let name = printable(name);
    match why {
        Skip::Binary => format!("{name}: a binary file"),
        Skip::Large => format!("{name}: UTF-16 of more than 16 MiB"),
        // What went wrong before there was a file names it itself.
        Skip::Failed(why) if name.is_empty() => printable(why),
        Skip::Failed(why) => format!("{name}: {why}"),
    }
}

/// What was asked for; else on a terminal that shows colours, unless somebody wants none (no-color.org).
fn is_coloured(args: &ScanArgs) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match args.color {
        _ if args.format != ScanFormat::Text => false,
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            io::stdout().is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

#[cfg(test)]
mod tests;
