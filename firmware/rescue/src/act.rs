//! From a file that somebody offers to a slot that starts.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::parse::fill;
use crate::{CHUNK, FormatError, Keys, Manifest, Place, Refusal, Signed, Source, SourceError, Verified};

const SECTOR: usize = 512;

/// Why an image was not taken.
#[derive(Debug, Error)]
pub enum InstallError {
    #[error("{0}")]
    Source(#[from] SourceError),
    #[error("{0}")]
    Format(#[from] FormatError),
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("piece {0} is not what was signed")]
    Piece(usize),
    #[error("it is another file than the first time it was read")]
    Changed,
    #[error("the slot cannot be written: {0}")]
    Slot(#[source] io::Error),
    #[error("piece {0} reads back otherwise than it was written")]
    ReadBack(usize),
}

/// Checks a file and writes it onto a slot; what was taken. Nothing is written unless the whole file is good.
pub fn install(source: &impl Source, keys: &Keys, place: &Place, slot: &File) -> Result<Manifest, InstallError> {
    let (head, verified, mut reader) = open(source, keys)?;
    let manifest = verified.manifest();
    place.judge(manifest)?;
    let mut buffer = vec![0; CHUNK];
    for number in 0..manifest.chunks.len() {
        take_piece(&mut reader, manifest, number, &mut buffer)?;
    }
    let (again, _, mut reader) = open(source, keys)?;
    if again != head {
        return Err(InstallError::Changed);
    }
    write(&mut reader, manifest, slot, &mut buffer)?;
    read_back(manifest, slot, &mut buffer)?;
    Ok(manifest.clone())
}

/// The number of the image in a file, as its signed head says.
pub fn sequence(source: &impl Source, keys: &Keys) -> Result<u64, InstallError> {
    open(source, keys).map(|(_, verified, _)| verified.manifest().sequence)
}

fn open<S: Source>(source: &S, keys: &Keys) -> Result<(Signed, Verified, S::Reader), InstallError> {
    let (mut reader, actual) = source.open()?;
    let head = Signed::read(&mut reader)?;
    let verified = head.verify(keys)?;
    if verified.length() != actual {
        return Err(Refusal::Length { actual, expected: verified.length() }.into());
    }
    Ok((head, verified, reader))
}

/// Reads the next piece into the buffer's front and holds it against its hash.
fn take_piece<'a>(
    reader: &mut impl Read,
    manifest: &Manifest,
    number: usize,
    buffer: &'a mut [u8],
) -> Result<&'a [u8], InstallError> {
    let piece = &mut buffer[..manifest.piece(number)];
    fill(reader, piece)?;
    if Sha256::digest(&*piece)[..] != manifest.chunks[number] {
        return Err(InstallError::Piece(number));
    }
    Ok(piece)
}

/// The first sector says that there is a file system at all: it is wiped first and written last.
fn write(reader: &mut impl Read, manifest: &Manifest, slot: &File, buffer: &mut [u8]) -> Result<(), InstallError> {
    let mut first = Vec::new();
    for number in 0..manifest.chunks.len() {
        let piece = take_piece(reader, manifest, number, buffer)?;
        let mut at = (number * CHUNK) as u64;
        let mut piece = piece;
        if number == 0 {
            first.extend_from_slice(&piece[..SECTOR]);
            slot.write_all_at(&[0; SECTOR], 0).and_then(|()| slot.sync_all()).map_err(InstallError::Slot)?;
            (piece, at) = (&piece[SECTOR..], SECTOR as u64);
        }
        slot.write_all_at(piece, at).map_err(InstallError::Slot)?;
    }
    slot.sync_all().map_err(InstallError::Slot)?;
    slot.write_all_at(&first, 0).and_then(|()| slot.sync_all()).map_err(InstallError::Slot)
}

/// What the card holds now, not what the kernel remembers of it.
fn read_back(manifest: &Manifest, slot: &File, buffer: &mut [u8]) -> Result<(), InstallError> {
    fadvise(slot, 0, None, Advice::DontNeed).map_err(|error| InstallError::Slot(error.into()))?;
    for number in 0..manifest.chunks.len() {
        let piece = &mut buffer[..manifest.piece(number)];
        slot.read_exact_at(piece, (number * CHUNK) as u64).map_err(InstallError::Slot)?;
        if Sha256::digest(&*piece)[..] != manifest.chunks[number] {
            return Err(InstallError::ReadBack(number));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
