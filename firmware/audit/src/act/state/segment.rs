//! The segment that is being written: found again or begun, and written again where a sync failed.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use super::Batch;
use crate::accept::{SegmentName, create_segment};
use crate::decide::Chain;
use crate::parse::{HEADER_LEN, Hash, Header};

/// A segment is written again in pieces of this size.
const PIECE: usize = 64 * 1024;

/// The segment being written.
pub(super) struct Newest {
    pub(super) name: SegmentName,
    pub(super) previous: Hash,
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
}

impl Newest {
    /// The segment to go on in, or a new one.
    pub(super) fn resume(
        dir: &Path,
        found: Option<(SegmentName, File, u64)>,
        chain: &Chain,
        pending: &mut Batch,
    ) -> io::Result<Self> {
        let Some((name, file, bytes)) = found else { return begin_segment(dir, chain, pending) };
        Ok(Self { name, previous: segment_start(&file)?, file: Arc::new(file), bytes })
    }
}

pub(super) fn begin_segment(dir: &Path, chain: &Chain, pending: &mut Batch) -> io::Result<Newest> {
    let name = SegmentName(chain.next_seq);
    let file = Arc::new(create_segment(dir, name)?);
    file.write_all_at(&chain.header().encode(), 0)?;
    pending.files.push(Arc::clone(&file));
    pending.names = true;
    Ok(Newest { name, previous: chain.hash, file, bytes: HEADER_LEN as u64 })
}

/// The hash to which an existing segment is linked.
fn segment_start(file: &File) -> io::Result<Hash> {
    let mut bytes = [0; HEADER_LEN];
    file.read_exact_at(&mut bytes, 0)?;
    let header = Header::decode(&bytes).map_err(io::Error::other)?;
    Ok(header.previous)
}

/// Writes a file's bytes where they are. After a failed sync the kernel takes pages for clean that never reached the
/// disk; this has it try them again.
pub(super) fn write_again(file: &File) -> io::Result<()> {
    let (mut piece, mut at) = (vec![0; PIECE], 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if read == 0 {
            return Ok(());
        }
        file.write_all_at(&piece[..read], at)?;
        at += read as u64;
    }
}

pub(super) fn is_same(one: &File, other: &File) -> bool {
    let id = |file: &File| file.metadata().map(|data| (data.dev(), data.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}
