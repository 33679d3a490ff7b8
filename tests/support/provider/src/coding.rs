//! Content codings of answers, flushed after every event so that a stream stays a stream.

use std::io::{self, Write};

use brotli::CompressorWriter;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use zstd::stream::write::Encoder as ZstdEncoder;

/// A content coding by its name in HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
    Br,
    Zstd,
}

/// Bytes in, coded bytes out, whole after each `push`.
pub(crate) enum Encoder {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
    Br(Box<CompressorWriter<Vec<u8>>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Coding {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "identity" => Self::Identity,
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "br" => Self::Br,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// The value of `Content-Encoding`; identity has none.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
            Self::Br => Some("br"),
            Self::Zstd => Some("zstd"),
        }
    }

    pub(crate) fn encoder(self) -> io::Result<Encoder> {
        Ok(match self {
            Self::Identity => Encoder::Identity,
            Self::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Self::Deflate => Encoder::Deflate(ZlibEncoder::new(Vec::new(), Compression::default())),
            Self::Br => Encoder::Br(Box::new(CompressorWriter::new(Vec::new(), 4096, 5, 20))),
            Self::Zstd => Encoder::Zstd(ZstdEncoder::new(Vec::new(), 3)?),
        })
    }

    /// Undoes the coding of a request, the way a provider's front door does before its JSON parser.
    pub(crate) fn decode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        match self {
            Self::Identity => out.extend_from_slice(body),
            Self::Gzip => io::copy(&mut flate2::read::MultiGzDecoder::new(body), &mut out).map(drop)?,
            Self::Deflate => io::copy(&mut flate2::read::ZlibDecoder::new(body), &mut out).map(drop)?,
            Self::Br => io::copy(&mut brotli::Decompressor::new(body, 4096), &mut out).map(drop)?,
            Self::Zstd => out = zstd::decode_all(body)?,
        }
        Ok(out)
    }
}

impl Encoder {
    pub(crate) fn push(&mut self, plain: &[u8]) -> io::Result<Vec<u8>> {
        fn through<W: Write>(writer: &mut W, plain: &[u8]) -> io::Result<()> {
            writer.write_all(plain)?;
            writer.flush()
        }
        Ok(match self {
            Self::Identity => plain.to_vec(),
            Self::Gzip(gzip) => through(gzip, plain).map(|()| std::mem::take(gzip.get_mut()))?,
            Self::Deflate(zlib) => through(zlib, plain).map(|()| std::mem::take(zlib.get_mut()))?,
            Self::Br(brotli) => through(brotli, plain).map(|()| std::mem::take(brotli.get_mut()))?,
            Self::Zstd(zstd) => through(zstd, plain).map(|()| std::mem::take(zstd.get_mut()))?,
        })
    }

    /// The coding's own end mark.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(Vec::new()),
            Self::Gzip(gzip) => gzip.finish(),
            Self::Deflate(zlib) => zlib.finish(),
            Self::Br(brotli) => Ok(brotli.into_inner()),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Coding;

    #[test]
    fn every_coding_is_readable_after_each_push_and_whole_at_the_end() {
        for name in ["identity", "gzip", "deflate", "br", "zstd"] {
            let coding = Coding::parse(name).unwrap();
            let mut encoder = coding.encoder().unwrap();
            let mut coded = Vec::new();
            for part in ["data: one\n\n", "data: two\n\n"] {
                let piece = encoder.push(part.as_bytes()).unwrap();
                assert!(!piece.is_empty(), "{name} held an event back");
                coded.extend(piece);
            }
            coded.extend(encoder.finish().unwrap());
            assert_eq!(coding.decode(&coded).unwrap(), b"data: one\n\ndata: two\n\n", "{name}");
        }
    }
}
