use std::io::Write;
use std::sync::Arc;

use gate_core::Usage;
use gate_dialect::Dialect;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::Semaphore;

use super::Side;

const STREAM: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n\
data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7}}\n\ndata: [DONE]\n\n";

fn compressed(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(plain).unwrap();
            out
        }
        "zstd" => zstd::encode_all(plain, 3).unwrap(),
        _ => plain.to_vec(),
    }
}

fn read(coding: &str, frames: &[&[u8]], decoders: &Arc<Semaphore>) -> Option<Usage> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_str(coding).unwrap());
    let mut side = Side::new(Dialect::OpenAi, &headers, decoders);
    for frame in frames {
        side.push(frame);
    }
    side.finish().counted
}

#[test]
fn tokens_are_read_through_every_coding_in_any_cut() {
    let decoders = Arc::new(Semaphore::new(1));
    for coding in ["identity", "gzip", "deflate", "br", "zstd"] {
        let bytes = compressed(coding, STREAM);
        for size in [1, 7, bytes.len()] {
            let frames: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(
                read(coding, &frames, &decoders),
                Some(Usage { input: 12, output: 7, ..Usage::default() }),
                "{coding} by {size}"
            );
        }
    }
    assert_eq!(decoders.available_permits(), 1);
}

#[test]
fn bombs_nonsense_and_unknown_codings_are_let_be() {
    let decoders = Arc::new(Semaphore::new(1));
    let bomb = vec![b' '; 8 << 20];
    for coding in ["gzip", "deflate", "br", "zstd"] {
        assert_eq!(read(coding, &[&compressed(coding, &bomb)], &decoders), None, "{coding} bomb");
        assert_eq!(read(coding, &[b"no such stream", STREAM], &decoders), None, "{coding} nonsense");
    }
    assert_eq!(read("gzip, br", &[STREAM], &decoders), None);
}

#[test]
fn only_so_many_decoders_run_at_once() {
    let decoders = Arc::new(Semaphore::new(0));
    assert_eq!(read("gzip", &[&compressed("gzip", STREAM)], &decoders), None);
    assert_eq!(read("identity", &[STREAM], &decoders), Some(Usage { input: 12, output: 7, ..Usage::default() }));
}
