//! Lists the data of `firmware/packs/kb8-providers/` so that the binary carries it. The rules of the other knowledge bases
//! are carried by gate-scrub.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../packs/kb8-providers").canonicalize()?;
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    // Sorted, so that two builds give the same bytes.
    files.sort();
    let mut list = String::new();
    for file in files {
        println!("cargo:rerun-if-changed={}", file.display());
        let name = file.strip_prefix(&folder)?.display().to_string();
        writeln!(list, "    ({name:?}, include_str!({:?})),", file.display().to_string())?;
    }
    let code = format!("pub(crate) const PROVIDERS: &[(&str, &str)] = &[\n{list}];\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("packs.rs"), code)?;
    Ok(())
}
