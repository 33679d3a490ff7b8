//! A pack as one file.
//!
//! ```text
//!   8 bytes   NANOPACK
//!   2 bytes   format, little endian
//!   4 bytes   length of the body, little endian
//!   body      PackSource in postcard
//!   …         what the file's owner adds: signatures
//! ```
//!
//! A pack carries its rules as checked sources and not as automata. Automata belong to one version of one engine and one
//! byte order; sources say what they mean in words, so that a pack built today is either understood by the engine of
//! tomorrow or refused with the file and line that it does not know. Compiling them is what a start costs anyway.
//!
//! **Invariant:** equal sources give equal bytes, on any machine. There is exactly one encoding of a pack; another one of
//! the same sources is not read.
//!
//! **Invariant:** reading a hostile file neither panics nor takes more memory than the caps below allow.

use gate_core::{KnowledgeBase, ZoneKey};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::builtin::{BUILTIN, BUILTIN_MODEL, BUILTIN_ROOT};
use super::version::PackInfo;
use super::{ALLOW_LIST, MANIFEST, OfficeWord, Pack, PackError, ZONE_KEYS, keys};

/// First bytes of the file.
const MAGIC: &[u8; 8] = b"NANOPACK";

/// Raised when older engines must not read what newer ones write.
const FORMAT: u16 = 1;

/// Bytes before the body.
const HEADER: usize = MAGIC.len() + 2 + 4;

/// Largest pack, without signatures. All rules with their examples have half a megabyte.
pub const MAX_PACK_BYTES: usize = 16 << 20;

/// Most files of rules.
const MAX_FILES: usize = 512;

/// Largest file of rules.
const MAX_FILE_BYTES: usize = 2 << 20;

/// Longest path of a file.
const MAX_PATH: usize = 200;

/// Largest model.
const MAX_MODEL_BYTES: usize = 4 << 20;

/// As much of a file of rules as it takes to count them.
#[derive(Deserialize)]
struct RuleCount {
    kb: KnowledgeBase,
    #[serde(default, rename = "rule")]
    rules: Vec<IgnoredAny>,
}

/// What a pack is built from, checked for size and names; [`PackSource::compile`] checks the rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackSource {
    info: PackInfo,
    /// By path, so that the order in which a folder is read does not matter.
    files: Vec<SourceFile>,
    /// The model that scores attacks; empty when there is none.
    model: Vec<u8>,
}

/// One file of rules or of public values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct SourceFile {
    path: String,
    text: String,
}

/// Why bytes are no pack.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormatError {
    #[error("is no pack")]
    Magic,
    #[error("has format {0}, and this version reads {FORMAT}")]
    Format(u16),
    #[error("is damaged: {0}")]
    Damaged(&'static str),
    #[error("{what} {actual} is more than {limit}")]
    TooLarge { what: &'static str, actual: usize, limit: usize },
    #[error("the path `{0}` is not made of lower case letters, digits, `-`, `_`, `.` and `/`")]
    Path(String),
    #[error("two files have the path `{0}`")]
    SamePath(String),
    #[error("{0}")]
    Info(&'static str),
}

impl PackSource {
    /// The pack that this program carries.
    pub fn builtin() -> Self {
        let file = |(path, text): &(&str, &str)| {
            (path.strip_prefix(BUILTIN_ROOT).unwrap_or(path).to_owned(), (*text).to_owned())
        };
        Self::from_files(BUILTIN.iter().map(file), BUILTIN_MODEL.to_vec()).expect("the tests build it")
    }

    /// Puts a pack together from files (path, text), `pack.toml` among them, and the attack model. Paths are relative to
    /// the folder of all packs.
    pub fn from_files(files: impl IntoIterator<Item = (String, String)>, model: Vec<u8>) -> Result<Self, PackError> {
        let (manifests, mut files): (Vec<SourceFile>, Vec<SourceFile>) =
            files.into_iter().map(|(path, text)| SourceFile { path, text }).partition(|file| file.path == MANIFEST);
        let manifest = manifests.first().ok_or(PackError::NoManifest)?;
        files.sort();
        let source = Self { info: super::draft::manifest(&manifest.path, &manifest.text)?, files, model };
        source.check()?;
        Ok(source)
    }

    /// Name and version.
    pub fn info(&self) -> &PackInfo {
        &self.info
    }

    /// How many rules each knowledge base has, by its order in the pack; read from the sources, without compiling them.
    pub fn rules(&self) -> Result<Vec<(KnowledgeBase, u32)>, PackError> {
        let mut counts: Vec<(KnowledgeBase, u32)> = Vec::new();
        let no_rules = |path: &str| path.ends_with(ALLOW_LIST) || path.ends_with(ZONE_KEYS);
        for SourceFile { path, text } in self.files.iter().filter(|file| !no_rules(&file.path)) {
            let RuleCount { kb, rules } =
                toml::from_str(text).map_err(|error| super::draft::toml_error(path, text, &error))?;
            let more = u32::try_from(rules.len()).unwrap_or(u32::MAX);
            match counts.iter_mut().find(|(known, _)| *known == kb) {
                Some((_, count)) => *count += more,
                None => counts.push((kb, more)),
            }
        }
        Ok(counts)
    }

    /// The keys that DNSSEC starts from, by the pack; nothing where it says nothing of them. What they are worth is for
    /// another room to check.
    pub fn zone_keys(&self) -> Result<Option<Vec<ZoneKey>>, PackError> {
        let file = self.files.iter().find(|file| file.path == ZONE_KEYS);
        file.map(|SourceFile { path, text }| keys::read(path, text)).transpose()
    }

    /// Compiles the rules together with the office's own words.
    pub fn compile(&self, words: &[OfficeWord]) -> Result<Pack, PackError> {
        self.compile_all(words).map_err(|mut errors| errors.remove(0))
    }

    /// Compiles the rules and names every mistake there is, at least one.
    pub fn compile_all(&self, words: &[OfficeWord]) -> Result<Pack, Vec<PackError>> {
        let files = self.files.iter().map(|file| (file.path.as_str(), file.text.as_str()));
        Pack::build(self.info.clone(), files, &self.model, words)
    }

    /// The file without signatures. Equal sources give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let body = postcard::to_stdvec(self).expect("strings and bytes always encode into a vector that grows");
        let len = u32::try_from(body.len()).expect("the size was checked when the sources were put together");
        [MAGIC.as_slice(), &FORMAT.to_le_bytes(), &len.to_le_bytes(), &body].concat()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing behind it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let (pack, rest) = Self::split(bytes)?;
        if !rest.is_empty() {
            return Err(FormatError::Damaged("bytes follow its end"));
        }
        let (source, rest) = postcard::take_from_bytes::<Self>(&pack[HEADER..])
            .map_err(|_| FormatError::Damaged("its body cannot be read"))?;
        if !rest.is_empty() {
            return Err(FormatError::Damaged("bytes follow its body"));
        }
        source.check()?;
        if source.to_bytes() == pack { Ok(source) } else { Err(FormatError::Damaged("it is not in its one form")) }
    }

    /// Divides a file into the pack and what its owner put behind it. Looks at the header only.
    pub fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), FormatError> {
        let header = bytes.strip_prefix(MAGIC).ok_or(FormatError::Magic)?;
        let [f0, f1, l0, l1, l2, l3, ..] = *header else { return Err(FormatError::Damaged("it ends early")) };
        let format = u16::from_le_bytes([f0, f1]);
        if format != FORMAT {
            return Err(FormatError::Format(format));
        }
        let end = HEADER.saturating_add(u32::from_le_bytes([l0, l1, l2, l3]) as usize);
        if end > MAX_PACK_BYTES {
            return Err(FormatError::TooLarge { what: "its size of", actual: end, limit: MAX_PACK_BYTES });
        }
        bytes.split_at_checked(end).ok_or(FormatError::Damaged("it ends early"))
    }

    fn check(&self) -> Result<(), FormatError> {
        let cap = |what, actual, limit| {
            if actual > limit { Err(FormatError::TooLarge { what, actual, limit }) } else { Ok(()) }
        };
        self.info.check().map_err(FormatError::Info)?;
        cap("its number of files of", self.files.len(), MAX_FILES)?;
        cap("its model's size of", self.model.len(), MAX_MODEL_BYTES)?;
        let mut total = HEADER + self.model.len();
        for file in &self.files {
            cap("a file's size of", file.text.len(), MAX_FILE_BYTES)?;
            // What the lengths themselves take is less than this.
            total += file.path.len() + file.text.len() + 16;
            let allowed = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.' | b'/')
            };
            if file.path.is_empty() || file.path.len() > MAX_PATH || !file.path.bytes().all(allowed) {
                return Err(FormatError::Path(
                    file.path.chars().take(MAX_PATH).flat_map(char::escape_default).collect(),
                ));
            }
        }
        cap("its size of", total + 256, MAX_PACK_BYTES)?;
        match self.files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
            Some(pair) if pair[0].path == pair[1].path => Err(FormatError::SamePath(pair[0].path.clone())),
            Some(_) => Err(FormatError::Damaged("its files are not in order")),
            None => Ok(()),
        }
    }
}

impl Pack {
    /// Reads a pack without signatures and compiles it with the office's own words.
    pub fn from_bytes(bytes: &[u8], words: &[OfficeWord]) -> Result<Self, PackError> {
        PackSource::from_bytes(bytes)?.compile(words)
    }
}

#[cfg(test)]
mod tests;
