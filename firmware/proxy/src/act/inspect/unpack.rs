//! Answers without their content coding, as they come.

use std::io::{self, Write};

use brotli::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};

use super::decode::Coding;

/// RFC 9659 section 3: zstd on the web needs no window above 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// A brotli decoder's own buffer, in bytes.
const BROTLI_BUFFER: usize = 4096;

/// Who takes the decoded bytes.
pub(super) trait Sink {
    fn take(&mut self, decoded: &[u8]);
}

/// One answer on its way out of its coding.
pub(super) enum Unpacker<S: Sink> {
    Plain(S),
    Gzip(MultiGzDecoder<Capped<S>>),
    Deflate(ZlibDecoder<Capped<S>>),
    Brotli(Box<DecompressorWriter<Capped<S>>>),
    Zstd(zstd::stream::write::Decoder<'static, Capped<S>>),
}

/// Takes decoded bytes, up to a cap for each frame.
pub(super) struct Capped<S> {
    sink: Option<S>,
    cap: usize,
    left: usize,
}

impl<S: Sink> Unpacker<S> {
    /// For an answer with this coding, each frame of which may unfold to `cap` bytes.
    pub(super) fn new(coding: Coding, sink: S, cap: usize) -> io::Result<Self> {
        let capped = |sink| Capped { sink: Some(sink), cap, left: 0 };
        Ok(match coding {
            Coding::Identity => Self::Plain(sink),
            Coding::Gzip => Self::Gzip(MultiGzDecoder::new(capped(sink))),
            Coding::Deflate => Self::Deflate(ZlibDecoder::new(capped(sink))),
            Coding::Brotli => Self::Brotli(Box::new(DecompressorWriter::new(capped(sink), BROTLI_BUFFER))),
            Coding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(capped(sink))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Self::Zstd(decoder)
            }
        })
    }

    /// Decodes one frame as far as it goes.
    pub(super) fn push(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(sink) => sink.take(data),
            Self::Gzip(decoder) => feed(decoder, data, |decoder| decoder.get_mut())?,
            Self::Deflate(decoder) => feed(decoder, data, |decoder| decoder.get_mut())?,
            Self::Brotli(decoder) => feed(decoder.as_mut(), data, |decoder| decoder.get_mut())?,
            Self::Zstd(decoder) => feed(decoder, data, |decoder| decoder.get_mut())?,
        }
        Ok(())
    }

    /// Nothing follows; an error where the coding says that something should. Deflate and zstd do not tell.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Brotli(decoder) => decoder.close(),
            Self::Plain(_) | Self::Deflate(_) | Self::Zstd(_) => Ok(()),
        }
    }

    pub(super) fn sink(&self) -> Option<&S> {
        match self {
            Self::Plain(sink) => Some(sink),
            Self::Gzip(decoder) => decoder.get_ref().sink.as_ref(),
            Self::Deflate(decoder) => decoder.get_ref().sink.as_ref(),
            Self::Brotli(decoder) => decoder.get_ref().sink.as_ref(),
            Self::Zstd(decoder) => decoder.get_ref().sink.as_ref(),
        }
    }

    pub(super) fn sink_mut(&mut self) -> Option<&mut S> {
        match self {
            Self::Plain(sink) => Some(sink),
            Self::Gzip(decoder) => decoder.get_mut().sink.as_mut(),
            Self::Deflate(decoder) => decoder.get_mut().sink.as_mut(),
            Self::Brotli(decoder) => decoder.get_mut().sink.as_mut(),
            Self::Zstd(decoder) => decoder.get_mut().sink.as_mut(),
        }
    }

    pub(super) fn into_sink(self) -> Option<S> {
        match self {
            Self::Plain(sink) => Some(sink),
            Self::Gzip(mut decoder) => decoder.get_mut().sink.take(),
            Self::Deflate(mut decoder) => decoder.get_mut().sink.take(),
            Self::Brotli(mut decoder) => decoder.get_mut().sink.take(),
            Self::Zstd(mut decoder) => decoder.get_mut().sink.take(),
        }
    }
}

/// A flush makes decoders give what they already understand.
fn feed<W: Write, S>(decoder: &mut W, data: &[u8], sink: impl Fn(&mut W) -> &mut Capped<S>) -> io::Result<()> {
    let capped = sink(decoder);
    capped.left = capped.cap;
    decoder.write_all(data)?;
    decoder.flush()
}

impl<S: Sink> Write for Capped<S> {
    fn write(&mut self, decoded: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(decoded.len()) else {
            return Err(io::Error::other("the frame unfolds too far"));
        };
        self.left = left;
        if let Some(sink) = &mut self.sink {
            sink.take(decoded);
        }
        Ok(decoded.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
