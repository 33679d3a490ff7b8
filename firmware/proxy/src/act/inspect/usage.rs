//! Reading the tokens of an answer that is already on its way. Whatever goes wrong here, the answer does not notice.

use std::io::{self, Write};
use std::sync::Arc;

use brotli::DecompressorWriter;
use flate2::write::{GzDecoder, ZlibDecoder};
use gate_core::Usage;
use gate_dialect::{Dialect, UsageReader};
use http::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::decode::Coding;

/// Compressed answers that are read at once; each may hold a window of some megabytes. Of further ones the usage stays
/// unknown.
pub(super) const DECODERS: usize = 8;

/// What one frame may unfold to. Honest frames are 16 KiB or less and unfold tenfold.
const FRAME_CAP: usize = 1024 * 1024;

/// Larger windows than 2 MiB are not read for the sake of two numbers.
const ZSTD_WINDOW_LOG: u32 = 21;

/// A brotli decoder's own buffer, in bytes.
const BROTLI_BUFFER: usize = 4096;

/// A reader beside the stream.
pub(super) struct Side {
    tap: Tap,
    /// Held while a decoder holds its window.
    permit: Option<OwnedSemaphorePermit>,
}

enum Tap {
    Plain(UsageReader),
    Gzip(GzDecoder<Decoded>),
    Deflate(ZlibDecoder<Decoded>),
    Brotli(Box<DecompressorWriter<Decoded>>),
    Zstd(zstd::stream::write::Decoder<'static, Decoded>),
    /// Unreadable or failed. What was read before a failure is kept.
    Off(Option<Usage>),
}

/// Takes decoded bytes, up to a cap for each frame.
struct Decoded {
    reader: Option<UsageReader>,
    left: usize,
}

impl Side {
    pub(super) fn new(dialect: Dialect, headers: &HeaderMap, decoders: &Arc<Semaphore>) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let reader = UsageReader::new(dialect, content_type);
        let coding = Coding::parse(headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes));
        if coding == Ok(Coding::Identity) {
            return Self { tap: Tap::Plain(reader), permit: None };
        }
        let permit = Arc::clone(decoders).try_acquire_owned().ok();
        let tap = if permit.is_some() { Tap::decoder(coding.ok(), reader) } else { Tap::Off(None) };
        Self { tap, permit }
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        let outcome = match &mut self.tap {
            Tap::Plain(reader) => {
                reader.push(data);
                return;
            }
            Tap::Off(_) => return,
            Tap::Gzip(decoder) => feed(decoder, data, |decoder| decoder.get_mut()),
            Tap::Deflate(decoder) => feed(decoder, data, |decoder| decoder.get_mut()),
            Tap::Brotli(decoder) => feed(decoder.as_mut(), data, |decoder| decoder.get_mut()),
            Tap::Zstd(decoder) => feed(decoder, data, |decoder| decoder.get_mut()),
        };
        if outcome.is_err() {
            let usage = std::mem::replace(&mut self.tap, Tap::Off(None)).finish();
            self.tap = Tap::Off(usage);
            self.permit = None;
        }
    }

    /// Whether the answer was not read to here: unknown or broken coding, or too many decoders already.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.tap, Tap::Off(_))
    }

    /// Whether the answer said that it is over: who leaves now has not broken it off.
    pub(super) fn has_ended(&self) -> bool {
        let reader = match &self.tap {
            Tap::Plain(reader) => Some(reader),
            Tap::Off(_) => None,
            Tap::Gzip(decoder) => decoder.get_ref().reader.as_ref(),
            Tap::Deflate(decoder) => decoder.get_ref().reader.as_ref(),
            Tap::Brotli(decoder) => decoder.get_ref().reader.as_ref(),
            Tap::Zstd(decoder) => decoder.get_ref().reader.as_ref(),
        };
        reader.is_some_and(UsageReader::has_ended)
    }

    pub(super) fn finish(self) -> Option<Usage> {
        self.tap.finish()
    }
}

impl Tap {
    fn decoder(coding: Option<Coding>, reader: UsageReader) -> Self {
        let decoded = Decoded { reader: Some(reader), left: 0 };
        match coding {
            Some(Coding::Gzip) => Self::Gzip(GzDecoder::new(decoded)),
            Some(Coding::Deflate) => Self::Deflate(ZlibDecoder::new(decoded)),
            Some(Coding::Brotli) => Self::Brotli(Box::new(DecompressorWriter::new(decoded, BROTLI_BUFFER))),
            Some(Coding::Zstd) => zstd_decoder(decoded).map_or(Self::Off(None), Self::Zstd),
            Some(Coding::Identity) | None => Self::Off(None),
        }
    }

    fn finish(self) -> Option<Usage> {
        let reader = match self {
            Self::Plain(reader) => Some(reader),
            Self::Off(usage) => return usage,
            Self::Gzip(mut decoder) => decoder.get_mut().reader.take(),
            Self::Deflate(mut decoder) => decoder.get_mut().reader.take(),
            Self::Brotli(mut decoder) => decoder.get_mut().reader.take(),
            Self::Zstd(mut decoder) => decoder.get_mut().reader.take(),
        };
        reader.and_then(UsageReader::finish)
    }
}

fn zstd_decoder(decoded: Decoded) -> io::Result<zstd::stream::write::Decoder<'static, Decoded>> {
    let mut decoder = zstd::stream::write::Decoder::new(decoded)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

/// Decodes one frame as far as it goes; a flush makes decoders give what they already understand.
fn feed<W: Write>(decoder: &mut W, data: &[u8], sink: impl Fn(&mut W) -> &mut Decoded) -> io::Result<()> {
    sink(decoder).left = FRAME_CAP;
    decoder.write_all(data)?;
    decoder.flush()
}

impl Write for Decoded {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(decoded.len()) else {
            return Err(io::Error::other("the frame unfolds too far"));
        };
        self.left = left;
        if let Some(reader) = &mut self.reader {
            reader.push(decoded);
        }
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
