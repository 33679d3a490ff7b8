//! Content codings of request bodies. One coding only, exactly one stream of it, capped in size and ratio.

use std::borrow::Cow;
use std::io::{self, Read};

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc, HuffmanCode};
use http::header::{self, HeaderMap, HeaderValue};
use thiserror::Error;

/// Decoded in steps of this size, so that a bomb is noticed at most one step past its cap.
const STEP: usize = 32 * 1024;

/// A body below this may have any ratio: a log of one line, again and again, packs a thousand to one, and what it unfolds
/// to is booked like any other body.
const RATIO_FLOOR: usize = 4 * 1024 * 1024;

/// RFC 9659 section 3: a zstd body on the web needs no window above 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A content coding this room reads (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// How far a body may unfold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecodeLimits {
    /// Decoded bytes.
    pub(crate) max_bytes: usize,
    /// Decoded bytes for each encoded one, above [`RATIO_FLOOR`].
    pub(crate) max_ratio: usize,
}

/// Why a body was not decoded.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum DecodeError {
    #[error("the content coding is unknown, or there is more than one")]
    Unknown,
    #[error("the {0:?} stream is broken or cut short")]
    Broken(Coding),
    #[error("bytes follow the {0:?} stream")]
    Trailing(Coding),
    #[error("the decoded body passes {0} bytes")]
    TooLarge(usize),
    #[error("the decoded body is more than {0} times the encoded one")]
    Ratio(usize),
    #[error("the budget for buffered bodies is used up")]
    OutOfBudget,
}

/// The content codings of a head as one list: two lines are one, and so two codings.
pub(crate) fn codings(headers: &HeaderMap) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(&b','))
}

impl Coding {
    /// The one coding of a head.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, DecodeError> {
        Self::parse(codings(headers).as_deref())
    }

    /// Reads the value of `Content-Encoding`; `None` is an absent header.
    pub(crate) fn parse(value: Option<&[u8]>) -> Result<Self, DecodeError> {
        let Some(value) = value else { return Ok(Self::Identity) };
        let word = value.trim_ascii().to_ascii_lowercase();
        match word.as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            b"br" => Ok(Self::Brotli),
            b"zstd" => Ok(Self::Zstd),
            _ => Err(DecodeError::Unknown),
        }
    }
}

/// Decodes a whole body. `take` is asked for every step of memory before it is used.
pub(crate) fn decode<'a>(
    coding: Coding,
    raw: &'a [u8],
    limits: DecodeLimits,
    take: &mut dyn FnMut(usize) -> bool,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    if raw.is_empty() {
        // An empty body under a coding is no valid stream, but every server reads it as empty.
        return Ok(Cow::Borrowed(raw));
    }
    let mut sink = Sink { out: Vec::new(), raw: raw.len(), limits, take };
    match coding {
        Coding::Identity => return Ok(Cow::Borrowed(raw)),
        Coding::Gzip => {
            let mut reader = flate2::bufread::GzDecoder::new(raw);
            sink.drain(coding, &mut reader)?;
            none_left(coding, reader.into_inner())?;
        }
        Coding::Deflate => {
            let mut reader = flate2::bufread::ZlibDecoder::new(raw);
            sink.drain(coding, &mut reader)?;
            none_left(coding, reader.into_inner())?;
        }
        Coding::Brotli => sink.brotli(raw)?,
        Coding::Zstd => {
            let broken = |_: io::Error| DecodeError::Broken(coding);
            let mut reader = zstd::stream::read::Decoder::with_buffer(raw).map_err(broken)?.single_frame();
            reader.window_log_max(ZSTD_WINDOW_LOG).map_err(broken)?;
            sink.drain(coding, &mut reader)?;
            none_left(coding, reader.finish())?;
        }
    }
    Ok(Cow::Owned(sink.out))
}

fn none_left(coding: Coding, rest: &[u8]) -> Result<(), DecodeError> {
    if rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(coding)) }
}

/// Grows in steps and checks every limit before the next one.
struct Sink<'t> {
    out: Vec<u8>,
    raw: usize,
    limits: DecodeLimits,
    take: &'t mut dyn FnMut(usize) -> bool,
}

impl Sink<'_> {
    fn drain(&mut self, coding: Coding, reader: &mut dyn Read) -> Result<(), DecodeError> {
        let mut step = vec![0; STEP];
        loop {
            match reader.read(&mut step) {
                Ok(0) => return Ok(()),
                Ok(n) => self.push(&step[..n])?,
                Err(_) => return Err(DecodeError::Broken(coding)),
            }
        }
    }

    fn brotli(&mut self, raw: &[u8]) -> Result<(), DecodeError> {
        // Strict: without the "large window" extension, which would let a stream ask for a gigabyte.
        let mut state = BrotliState::new_strict(
            HeapAlloc::<u8>::new(0),
            HeapAlloc::<u32>::new(0),
            HeapAlloc::<HuffmanCode>::new(HuffmanCode::default()),
        );
        let (mut available_in, mut at, mut total) = (raw.len(), 0, 0);
        let mut step = vec![0; STEP];
        loop {
            let (mut available_out, mut written) = (STEP, 0);
            let result = BrotliDecompressStream(
                &mut available_in,
                &mut at,
                raw,
                &mut available_out,
                &mut written,
                &mut step,
                &mut total,
                &mut state,
            );
            self.push(&step[..written])?;
            match result {
                BrotliResult::ResultSuccess => return none_left(Coding::Brotli, &raw[at..]),
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => {
                    return Err(DecodeError::Broken(Coding::Brotli));
                }
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        let len = self.out.len() + bytes.len();
        if len > self.limits.max_bytes {
            return Err(DecodeError::TooLarge(self.limits.max_bytes));
        }
        if len > RATIO_FLOOR && len / self.limits.max_ratio.max(1) > self.raw {
            return Err(DecodeError::Ratio(self.limits.max_ratio));
        }
        if !(self.take)(bytes.len()) {
            return Err(DecodeError::OutOfBudget);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
