//! Which pack a scan runs with, compiled.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use gate_scrub::{MAX_PACK_BYTES, OfficeWord, Pack, PackSource, Scanner};
use tokio_util::sync::CancellationToken;

use super::active::active_file;
use super::signed::PackFile;
use crate::CommandError;
use crate::cli::ScanArgs;
use crate::config::Config;
use crate::papers::{Papers, is_absent};
use crate::worker::{Stamp, follow_file, scanner_with, stamp};

/// The scanner of the pack that the supervisor put in force, or else the built-in one.
fn scanner_in_force(config: &Config) -> Result<Scanner, CommandError> {
    in_force(config).or_else(|error| built_in(config, &error))
}

fn built_in(config: &Config, error: &CommandError) -> Result<Scanner, CommandError> {
    tracing::error!(%error, "the installed pack is not used; the built-in rules are in force");
    scanner_with(&config.scan.code_words)
}

/// The scanner of `nanogate scan`.
pub(crate) fn scanner_for(args: &ScanArgs) -> Result<Scanner, CommandError> {
    let config = args.config.as_deref().map(Config::load).transpose().map_err(CommandError::input)?;
    let words = config.as_ref().map_or([].as_slice(), |config| &config.scan.code_words);
    match (&args.pack, &config) {
        (Some(file), _) => {
            let pack = compile(file, words).map_err(CommandError::Input)?;
            Ok(Scanner::new(Arc::new(pack)))
        }
        (None, Some(config)) => scanner_in_force(config),
        (None, None) => scanner_with(words),
    }
}

/// Compiles the pack in a file, whoever signed it.
pub(crate) fn compile(file: &Path, words: &[OfficeWord]) -> Result<Pack, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let source = PackFile::read(file).map_err(|error| named(&error))?.source().map_err(|error| named(&error))?;
    source.compile(words).map_err(|error| named(&error))
}

/// The pack that the supervisor put in force, in its own form, or `last` where it is out of reach.
pub(crate) fn read_in_force(config: &Config, last: Option<Vec<u8>>) -> Option<Vec<u8>> {
    read(&active_file(&config.data)).unwrap_or_else(|error| {
        tracing::error!(error, "the pack in force is the one that was");
        last
    })
}

/// The scanner of such a pack, or the built-in one where there is none or it is of no use.
pub(crate) fn scanner_of_last(config: &Config, pack: Option<&[u8]>) -> Result<Scanner, CommandError> {
    let pack = pack.map_or_else(|| scanner_with(&config.scan.code_words), |pack| scanner_of(config, pack));
    pack.or_else(|error| built_in(config, &error))
}

fn in_force(config: &Config) -> Result<Scanner, CommandError> {
    let file = active_file(&config.data);
    let bytes = read(&file).map_err(CommandError::Input)?;
    bytes.map_or_else(|| scanner_with(&config.scan.code_words), |bytes| scanner_of(config, &bytes))
}

fn scanner_of(config: &Config, bytes: &[u8]) -> Result<Scanner, CommandError> {
    let pack = Pack::from_bytes(bytes, &config.scan.code_words)
        .map_err(|error| CommandError::Input(format!("{}: {error}", active_file(&config.data).display())))?;
    Ok(Scanner::new(Arc::new(pack)))
}

/// The sources of such a pack, which are enough to tell what its rules are.
pub(crate) fn source_of_last(config: &Config, pack: Option<&[u8]>) -> PackSource {
    let source = pack.map(PackSource::from_bytes).transpose();
    match source.map_err(|error| format!("{}: {error}", active_file(&config.data).display())) {
        Ok(source) => source.unwrap_or_else(PackSource::builtin),
        Err(error) => {
            tracing::error!(error, "the installed pack is not used; the built-in rules are in force");
            PackSource::builtin()
        }
    }
}

/// The pack that the supervisor put in force; none if it is the built-in one.
fn read(file: &Path) -> Result<Option<Vec<u8>>, String> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(MAX_PACK_BYTES as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if is_absent(&error, file) => Ok(None),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// The rules of a worker at its start, and what they were read from.
pub(crate) struct Rules {
    pub(crate) scanner: Scanner,
    pub(crate) seen: Option<Stamp>,
}

impl Rules {
    pub(crate) fn in_force(config: &Config, papers: &Papers) -> Result<Self, CommandError> {
        let file = active_file(&config.data);
        // Looked at before it is read, so that a pack that arrives between is noticed.
        let seen = stamp(&file);
        // Where the disk is gone, the pack that was in force stays so.
        let kept = |error| papers.kept(&file).map_or(Err(error), |bytes| scanner_of(config, bytes));
        let scanner = in_force(config).or_else(kept).or_else(|error| built_in(config, &error))?;
        Ok(Self { scanner, seen })
    }
}

/// Calls `apply` with a new scanner whenever the supervisor puts another pack in force than the worker began with.
pub(crate) async fn follow_pack(
    config: &Config,
    mut seen: Option<Stamp>,
    stop: CancellationToken,
    apply: impl Fn(Scanner),
) {
    let file = active_file(&config.data);
    follow_file(Some(&file), stop, async || {
        let now = stamp(&file);
        if now == seen {
            return;
        }
        seen = now;
        let config = config.clone();
        // A card that was pulled out takes no rules back that are in force.
        match tokio::task::spawn_blocking(move || in_force(&config)).await {
            Ok(Ok(scanner)) => {
                let info = scanner.pack().info();
                tracing::info!(pack = info.name, version = %info.version, "another pack is in force");
                apply(scanner);
            }
            Ok(Err(error)) => tracing::error!(%error, "the new pack is not used; the last one stays in force"),
            Err(error) => tracing::error!(%error, "the new pack could not be compiled; the last one stays in force"),
        }
    })
    .await;
}
