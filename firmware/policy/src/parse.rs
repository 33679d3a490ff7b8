//! From YAML to a [`Policy`]: every value is checked here, so that deciding cannot fail.

mod document;
mod line;
mod values;

use gate_core::HostError;
use thiserror::Error;

use self::document::Document;
use self::line::{Step, line_of};
pub(crate) use self::values::{Clients, HostPattern, ModelPattern};
use crate::Policy;

/// The most bytes a policy file may have.
pub const FILE_CAP: usize = 256 * 1024;
/// The most entries in each list of the file, and in each list of an entry.
pub(crate) const ENTRIES_CAP: usize = 1024;
/// How deep brackets may be nested; a policy needs three levels. The YAML reader's time grows with depth times length.
const FLOW_CAP: usize = 32;

/// Why a policy file is not used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    #[error("{file}: {size} bytes are more than the {cap} a policy may have")]
    TooLarge { file: String, size: usize, cap: usize },
    /// Not YAML, or a key or value that is not known; `what` names the key.
    #[error("{file}, line {line}: {what}")]
    Yaml { file: String, line: usize, what: String },
    /// A value that is understood but makes no sense.
    #[error("{file}, line {line}: {key}: {why}")]
    Value { file: String, line: usize, key: String, why: String },
}

/// Why a word of the file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum WordError {
    #[error("`{0}` is neither an address nor a network such as 192.0.2.0/24")]
    Network(String),
    #[error("`{0}` has bits beyond its prefix; write {1}")]
    HostBits(String, String),
    #[error("`{name}` is not a host name: {source}")]
    Host { name: String, source: HostError },
    #[error("`{0}` is not a model name: 1 to 128 printable characters, `*` for any")]
    Model(String),
}

/// What is wrong with which entry.
pub(crate) struct Complaint {
    pub(crate) path: Vec<Step>,
    pub(crate) why: String,
}

impl Policy {
    /// Reads a policy. `file` is only for errors.
    pub fn from_yaml(file: &str, text: &str) -> Result<Self, PolicyError> {
        if text.len() > FILE_CAP {
            return Err(PolicyError::TooLarge { file: file.to_owned(), size: text.len(), cap: FILE_CAP });
        }
        if let Some(line) = too_deep(text) {
            let what = format!("brackets are nested deeper than {FLOW_CAP}");
            return Err(PolicyError::Yaml { file: file.to_owned(), line, what });
        }
        let document: Document = serde_yaml_ng::from_str(text).map_err(|error| yaml_error(file, &error))?;
        document.into_policy().map_err(|complaint| PolicyError::Value {
            file: file.to_owned(),
            line: line_of(text, &complaint.path),
            key: line::key(&complaint.path),
            why: complaint.why,
        })
    }
}

/// The line on which brackets are nested too deep. Brackets in words and comments are counted, too; there are never so
/// many more opening than closing ones in those that it matters.
fn too_deep(text: &str) -> Option<usize> {
    let (mut line, mut depth) = (1, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            b'[' | b'{' if depth == FLOW_CAP => return Some(line),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn yaml_error(file: &str, error: &serde_yaml_ng::Error) -> PolicyError {
    let line = error.location().map_or(1, |location| location.line());
    let said = error.to_string();
    // The place stands in front already.
    let what = said.find(" at line ").map_or(said.as_str(), |at| &said[..at]);
    PolicyError::Yaml { file: file.to_owned(), line, what: what.to_owned() }
}

#[cfg(test)]
mod tests;
