//! Fetched lists on disk: the list as it came, and beside it what the server calls that version.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::FetchError;
use crate::act::lists::LIST_MAX;
use crate::config::ListUrl;
use crate::decide::names_something;

/// Longest file of tags that is read.
const TAGS_MAX: u64 = 4 << 10;

/// What a server calls a version (RFC 9110 sections 8.8.2 and 8.8.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Tags {
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
}

/// Where a fetched list lies.
pub(in crate::act) fn kept_file(folder: &Path, url: &ListUrl) -> PathBuf {
    let mut hasher = SipHasher13::new();
    url.to_string().hash(&mut hasher);
    folder.join(format!("{:016x}.list", hasher.finish()))
}

fn tags_file(folder: &Path, url: &ListUrl) -> PathBuf {
    kept_file(folder, url).with_extension("tags")
}

/// What the server called the version that we have; nothing without one.
pub(super) fn read_tags(folder: &Path, url: &ListUrl) -> Tags {
    if !kept_file(folder, url).exists() {
        return Tags::default();
    }
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(tags_file(folder, url)).ok()?.take(TAGS_MAX).read_to_end(&mut bytes).ok()?;
        postcard::from_bytes(&bytes).ok()
    };
    read().unwrap_or_default()
}

/// A list that is being written. Dropped before it is kept, it leaves nothing in force.
pub(super) struct Draft {
    file: BufWriter<File>,
    path: PathBuf,
    kept: PathBuf,
    tags: PathBuf,
    length: u64,
}

impl Draft {
    pub(super) async fn open(folder: &Path, url: &ListUrl) -> Result<Self, FetchError> {
        let (kept, tags) = (kept_file(folder, url), tags_file(folder, url));
        let path = kept.with_extension("new");
        let file = BufWriter::new(File::create(&path).await?);
        Ok(Self { file, path, kept, tags, length: 0 })
    }

    pub(super) async fn write(&mut self, piece: &[u8]) -> Result<(), FetchError> {
        self.length += piece.len() as u64;
        if self.length > LIST_MAX {
            return Err(FetchError::TooLarge(LIST_MAX));
        }
        Ok(self.file.write_all(piece).await?)
    }

    /// Puts it in the place of the version before, if it is a list at all.
    pub(super) async fn keep(mut self, tags: Tags) -> Result<(), FetchError> {
        self.file.flush().await?;
        self.file.get_ref().sync_all().await?;
        let path = self.path.clone();
        let is_list =
            tokio::task::spawn_blocking(move || holds_names(&path)).await.map_err(std::io::Error::other)??;
        if !is_list {
            return Err(FetchError::Empty);
        }
        // In this order a power cut costs at most that the same version is fetched again.
        let _ = fs::remove_file(&self.tags);
        fs::rename(&self.path, &self.kept)?;
        let bytes = postcard::to_stdvec(&tags).expect("plain data in memory is always encoded");
        Ok(fs::write(&self.tags, bytes)?)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Where it was kept there is nothing to remove.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether any line names something: what is no list, such as a page that says sorry, must not empty one.
fn holds_names(path: &Path) -> std::io::Result<bool> {
    let mut reader = BufReader::new(fs::File::open(path)?);
    let mut line = Vec::new();
    while reader.by_ref().take(1024).read_until(b'\n', &mut line)? > 0 {
        if names_something(&String::from_utf8_lossy(&line)) {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}
