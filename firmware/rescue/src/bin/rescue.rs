//! `rescue`: looks for a signed image where it is told to, and writes the first good one onto the slot that is its standard
//! input. It says in one line each what it refuses and why; its exit code is 0 if one was taken, 1 if none was, 2 if it was
//! called wrongly.
//!
//! ```text
//!   rescue BOARD FLOOR FAILED KEYS FOLDER|URL [RESOLVER…]   < slot
//! ```

use std::cmp::Reverse;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use gate_rescue::{InstallError, Keys, Manifest, Place, Stick, Url, Web, install, sequence};

/// A list of keys has some hundred bytes.
const LONGEST_KEYS: u64 = 16 << 10;
/// Files of a stick that are read whole.
const MOST: usize = 64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [board, floor, failed, keys, from, resolvers @ ..] = &words[..] else {
        return wrong("usage: rescue BOARD FLOOR FAILED KEYS FOLDER|URL [RESOLVER…] < slot");
    };
    let numbers = failed.split(',').filter(|number| !number.is_empty()).map(str::parse).collect();
    let (Ok(floor), Ok(failed)) = (floor.parse(), numbers) else {
        return wrong("FLOOR is a number, and FAILED none, one or more with commas");
    };
    let keys = match read_keys(Path::new(keys)) {
        Ok(keys) => keys,
        Err(error) => return wrong(&format!("{keys}: {error}")),
    };
    let slot = match slot() {
        Ok(slot) => slot,
        Err(error) => return wrong(&format!("standard input is no slot: {error}")),
    };
    let place = Place { board: board.clone(), floor, failed, capacity: slot.1 };
    let resolvers = resolvers.iter().filter_map(|resolver| resolver.parse().ok()).collect();
    let taken = if from.starts_with("http:") {
        web(from, resolvers, &keys, &place, &slot.0)
    } else {
        stick(from, &keys, &place, &slot.0)
    };
    if taken { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn web(url: &str, resolvers: Vec<Ipv4Addr>, keys: &Keys, place: &Place, slot: &File) -> bool {
    match url.parse::<Url>() {
        Ok(parsed) => tell(url, install(&Web::new(parsed, resolvers), keys, place, slot)),
        Err(error) => {
            println!("{error}");
            false
        }
    }
}

fn stick(folder: &str, keys: &Keys, place: &Place, slot: &File) -> bool {
    match Stick::list(Path::new(folder)) {
        Ok(files) => newest_first(files, |file| sequence(file, keys).ok()).iter().any(|file| {
            let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            tell(&name, install(file, keys, place, slot))
        }),
        Err(error) => {
            println!("{folder} cannot be read: {error}");
            false
        }
    }
}

/// The newest files, and after them those that have no number; files of one number stay in their order.
fn newest_first<T>(files: Vec<T>, number: impl Fn(&T) -> Option<u64>) -> Vec<T> {
    let mut ranked: Vec<_> = files.into_iter().map(|file| (Reverse(number(&file)), file)).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    if ranked.len() > MOST {
        println!("{} files are left out", ranked.len() - MOST);
    }
    ranked.into_iter().take(MOST).map(|(_, file)| file).collect()
}

/// Says what became of a file; the name is somebody else's and shown without what could be mistaken for more.
fn tell(name: &str, result: Result<Manifest, InstallError>) -> bool {
    let name = name.escape_debug();
    match result {
        Ok(manifest) => {
            println!("taken {} {} from {name}", manifest.sequence, manifest.version);
            true
        }
        Err(error) => {
            println!("{name} is refused: {error}");
            false
        }
    }
}

fn read_keys(file: &Path) -> Result<Keys, Box<dyn std::error::Error>> {
    let text = std::io::read_to_string(std::io::Read::take(File::open(file)?, LONGEST_KEYS))?;
    Ok(Keys::parse(&text)?)
}

/// The slot and its size in bytes.
fn slot() -> std::io::Result<(File, u64)> {
    let mut slot = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let size = std::io::Seek::seek(&mut slot, std::io::SeekFrom::End(0))?;
    Ok((slot, size))
}

fn wrong(message: &str) -> ExitCode {
    println!("{message}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::{MOST, newest_first};

    #[test]
    fn the_newest_is_taken_however_many_there_are() {
        let files = (0..200).map(|number| (number != 7).then_some(number % 150)).collect();
        let ranked = newest_first(files, |number| *number);
        assert_eq!((ranked.len(), ranked[0], ranked[1]), (MOST, Some(149), Some(148)));
        assert_eq!(newest_first(vec![None, Some(3), None, Some(4)], |number| *number), [Some(4), Some(3), None, None]);
    }
}
