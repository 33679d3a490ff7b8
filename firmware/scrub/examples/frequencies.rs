//! Counts which four bytes occur how often in what people write, for the prefilter to look for literals by their rarest
//! parts: `cargo run --release -p gate-scrub --example frequencies -- OUT DIR…`
//!
//! Every folder has the same weight, however much it holds, up to 32 MiB: one of prose, one of code in many languages, one of JSON, say.
//! `OUT` (`src/pack/anchors/frequencies.bin`) holds four bits for each slot of windows: the logarithm to
//! the base 2 of how often it occurs, 0 for less than once in four million places. No text can be read back from it.

use std::error::Error;
use std::path::Path;

use gate_scrub::frequency_slot;

/// Bytes that are counted of one folder.
const ENOUGH: usize = 32 << 20;

/// The logarithm of the share that is written as 0.
const FLOOR: f64 = -22.0;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [out, folders @ ..] = &args[..] else { return Err("frequencies OUT DIR…".into()) };
    let mut shares = vec![0.0; 1 << 17];
    for folder in folders {
        let (mut counts, mut bytes) = (vec![0_u64; 1 << 17], 0);
        count(Path::new(folder), &mut counts, &mut bytes)?;
        println!("{folder}: {bytes} bytes");
        for (share, count) in shares.iter_mut().zip(counts) {
            *share += count as f64 / bytes.max(1) as f64 / folders.len() as f64;
        }
    }
    let level = |share: &f64| (share.max(1e-9).log2() - FLOOR).round().clamp(0.0, 15.0) as u8;
    let packed: Vec<u8> = shares.chunks(2).map(|pair| level(&pair[0]) | level(&pair[1]) << 4).collect();
    Ok(std::fs::write(out, packed)?)
}

/// Counts the windows of all UTF-8 files below `path`, in the order of their names.
fn count(path: &Path, counts: &mut [u64], bytes: &mut usize) -> Result<(), Box<dyn Error>> {
    if path.is_symlink() || *bytes >= ENOUGH {
        return Ok(());
    }
    if path.is_dir() {
        let mut entries: Vec<_> =
            std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        entries.sort_unstable();
        return entries.iter().try_for_each(|entry| count(entry, counts, bytes));
    }
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(()) };
    *bytes += text.len();
    text.as_bytes().array_windows().for_each(|window| counts[frequency_slot(*window)] += 1);
    Ok(())
}
