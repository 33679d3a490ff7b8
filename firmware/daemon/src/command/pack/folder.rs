//! The sources of a pack as they lie in a folder.

use std::fs;
use std::path::{Path, PathBuf};

use gate_scrub::PackSource;

/// The knowledge bases that hold rules; the eighth is the catalogue of providers, which is no part of a pack.
const RULES: [&str; 7] = ["kb1-", "kb2-", "kb3-", "kb4-", "kb5-", "kb6-", "kb7-"];

/// Files of the folder itself that belong to the pack.
const OWN_FILES: [&str; 3] = ["pack.toml", "allow.toml", "dnssec.toml"];

/// The attack model, in the folder of the seventh knowledge base.
const MODEL: &str = "model.bin";

/// A source file has some kilobytes.
const MAX_BYTES: u64 = 16 << 20;

/// Reads `pack.toml`, `allow.toml`, `dnssec.toml`, the rules of `kb1-…` to `kb7-…` and the attack model.
pub(super) fn read(dir: &Path) -> Result<PackSource, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", dir.display());
    let mut files = Vec::new();
    let mut model = Vec::new();
    for entry in entries(dir)? {
        let name = name_of(&entry)?;
        if OWN_FILES.contains(&name) {
            files.push((name.to_owned(), text(&entry)?));
        } else if entry.is_dir() && RULES.iter().any(|prefix| name.starts_with(prefix)) {
            for file in entries(&entry)? {
                let file_name = name_of(&file)?;
                match file_name.rsplit_once('.') {
                    Some((_, "toml")) => files.push((format!("{name}/{file_name}"), text(&file)?)),
                    _ if file_name == MODEL => model = bytes(&file)?,
                    // Notes, and what a model is trained on.
                    Some((_, "md")) => {}
                    _ if file.is_dir() || file_name.starts_with('.') => {}
                    // A rule file that is misnamed would be left out, and nobody would miss it.
                    _ => return Err(format!("{}: is no rule file (*.toml)", file.display())),
                }
            }
        }
    }
    PackSource::from_files(files, model).map_err(|error| named(&error))
}

/// What is in a folder, by name.
fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let named = |error: std::io::Error| format!("{}: {error}", dir.display());
    let listed: Result<Vec<PathBuf>, _> =
        fs::read_dir(dir).map_err(named)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = listed.map_err(named)?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> Result<&str, String> {
    path.file_name().and_then(|name| name.to_str()).ok_or_else(|| format!("{}: its name is no UTF-8", path.display()))
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    if fs::metadata(path).map_err(named)?.len() > MAX_BYTES {
        return Err(format!("{}: more than {MAX_BYTES} bytes", path.display()));
    }
    fs::read(path).map_err(named)
}

fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|_| format!("{}: is no UTF-8", path.display()))
}
