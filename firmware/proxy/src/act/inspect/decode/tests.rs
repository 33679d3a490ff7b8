use std::io::Write;

use super::{Coding, DecodeError, DecodeLimits, decode};

const LIMITS: DecodeLimits = DecodeLimits { max_bytes: 1 << 20, max_ratio: 100 };

fn encode(coding: Coding, plain: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Identity => plain.to_vec(),
        Coding::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Coding::Deflate => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(plain).unwrap();
            out
        }
        Coding::Zstd => zstd::encode_all(plain, 3).unwrap(),
    }
}

const ENCODED: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

fn check(coding: Coding, raw: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode(coding, raw, LIMITS, &mut |_| true).map(std::borrow::Cow::into_owned)
}

#[test]
fn every_coding_gives_the_plain_bytes_back() {
    let plain = b"{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}".repeat(40);
    for coding in [Coding::Identity, Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd] {
        assert_eq!(check(coding, &encode(coding, &plain)).unwrap(), plain, "{coding:?}");
        assert_eq!(check(coding, b"").unwrap(), b"", "{coding:?}");
    }
}

#[test]
fn a_bomb_is_refused_by_ratio_and_by_size() {
    let ratio = vec![b' '; 6 << 20];
    let wide = DecodeLimits { max_bytes: 8 << 20, ..LIMITS };
    let size = vec![b' '; 3 << 20];
    for coding in ENCODED {
        let error = decode(coding, &encode(coding, &ratio), wide, &mut |_| true).unwrap_err();
        assert_eq!(error, DecodeError::Ratio(100), "{coding:?}");
        let log = vec![b' '; 900 * 1024];
        assert_eq!(check(coding, &encode(coding, &log)).unwrap(), log, "{coding:?}: a log packs well");
        let limits = DecodeLimits { max_ratio: usize::MAX, ..LIMITS };
        let raw = encode(coding, &size);
        let error = decode(coding, &raw, limits, &mut |_| true).unwrap_err();
        assert_eq!(error, DecodeError::TooLarge(1 << 20), "{coding:?}");
    }
}

#[test]
fn memory_is_asked_for_before_it_is_used() {
    for coding in ENCODED {
        let raw = encode(coding, &b"0123456789abcdef".repeat(12 * 1024));
        let mut left = 100 * 1024;
        let mut take = |n: usize| {
            left -= i64::try_from(n).unwrap();
            left >= 0
        };
        assert_eq!(decode(coding, &raw, LIMITS, &mut take).unwrap_err(), DecodeError::OutOfBudget, "{coding:?}");
    }
}

#[test]
fn broken_cut_and_trailing_streams_are_refused() {
    let plain = b"the quick brown fox jumps over the lazy dog".repeat(20);
    for coding in ENCODED {
        let whole = encode(coding, &plain);
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            assert_eq!(check(coding, &whole[..cut]), Err(DecodeError::Broken(coding)), "{coding:?} cut at {cut}");
        }
        for tail in [&b"\0"[..], b"{}", &whole] {
            let longer = [&whole, tail].concat();
            assert_eq!(check(coding, &longer), Err(DecodeError::Trailing(coding)), "{coding:?} + {tail:?}");
        }
        assert_eq!(check(coding, b"{\"plain\": \"json\"}"), Err(DecodeError::Broken(coding)), "{coding:?}");
    }
}

#[test]
fn unknown_and_stacked_codings_are_refused() {
    for value in ["gzip, br", "gzip,gzip", "compress", "aws-chunked", "gzip;q=1", "\u{e9}"] {
        assert_eq!(Coding::parse(Some(value.as_bytes())), Err(DecodeError::Unknown), "{value}");
    }
    for (value, coding) in [(" GZip ", Coding::Gzip), ("identity", Coding::Identity), ("BR", Coding::Brotli)] {
        assert_eq!(Coding::parse(Some(value.as_bytes())), Ok(coding));
    }
    assert_eq!(Coding::parse(None), Ok(Coding::Identity));
}

#[test]
fn brotli_with_a_large_window_is_refused() {
    // 0x11 opens the "large window" extension (not in RFC 7932); then a window of 2^30.
    assert_eq!(check(Coding::Brotli, &[0x11, 0x1e, 0x03]), Err(DecodeError::Broken(Coding::Brotli)));
}
