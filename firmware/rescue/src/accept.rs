//! Where a file comes from: a folder on a stick, or a web server. Each can be opened twice.

mod name;
mod stick;
mod web;

use std::io::{self, Read};

use thiserror::Error;

pub use self::name::NameError;
pub use self::stick::Stick;
pub use self::web::{Body, Url, UrlError, Web};

/// Why a file could not be had.
#[derive(Debug, Error)]
pub enum SourceError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the server says {0}")]
    Status(u16),
    #[error("the server's answer is no HTTP/1.1, or does not say how long the file is")]
    Answer,
}

/// A place that has a file.
pub trait Source {
    /// What is read from.
    type Reader: Read;

    /// Opens it from the beginning; the reader and how many bytes it should give.
    fn open(&self) -> Result<(Self::Reader, u64), SourceError>;
}
