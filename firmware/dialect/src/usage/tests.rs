use gate_core::Usage;
use proptest::prelude::{any, prop, proptest};
use proptest::sample::Index;

use super::capture::OBJECT_CAP;
use super::{Reading, UsageReader};
use crate::Dialect::{self, Anthropic, Gemini, Generic, OpenAi};

const JSON: Option<&str> = Some("application/json; charset=UTF-8");
const SSE: Option<&str> = Some("text/event-stream; charset=utf-8");

const LINES: Option<&str> = Some("application/x-ndjson");
const FRAMES: Option<&str> = Some("application/vnd.amazon.eventstream");

/// Answer, content type, dialect; tokens of input and output; of these cached, written, reasoning.
type Row = (&'static [u8], Option<&'static str>, Dialect, [u64; 2], [u64; 3]);

fn usage([input, output]: [u64; 2], [cached, written, reasoning]: [u64; 3]) -> Usage {
    Usage { input, output, cached, written, reasoning, estimated: false }
}

fn rows() -> Vec<Row> {
    macro_rules! data {
        ($name:literal) => {
            include_bytes!(concat!("../../testdata/", $name))
        };
    }
    vec![
        (data!("chat-answer.json"), JSON, OpenAi, [19, 10], [0, 0, 4]),
        (data!("chat-answer.json"), None, OpenAi, [19, 10], [0, 0, 4]),
        (data!("chat-answer.json"), JSON, Generic, [19, 10], [0, 0, 4]),
        (data!("chat-answer.sse"), SSE, OpenAi, [21, 9], [0; 3]),
        (data!("chat-answer.sse"), None, OpenAi, [21, 9], [0; 3]),
        (data!("chat-answer-crlf.sse"), SSE, OpenAi, [21, 9], [0; 3]),
        (data!("responses-answer.sse"), SSE, OpenAi, [37, 11], [30, 0, 0]),
        (data!("messages-answer.json"), JSON, Anthropic, [2200, 503], [5, 100, 0]),
        (data!("messages-answer.json"), JSON, Generic, [2200, 503], [5, 100, 0]),
        (data!("messages-answer.sse"), SSE, Anthropic, [32, 15], [7, 0, 0]),
        (data!("generate-answer.sse"), SSE, Gemini, [7, 27], [0, 0, 20]),
        // Without `alt=sse` Gemini streams one JSON array.
        (data!("generate-answer.json"), JSON, Gemini, [7, 27], [0, 0, 20]),
        (data!("generate-answer.json"), JSON, Generic, [7, 27], [0, 0, 20]),
        // What the model thought is no part of the completion where the total says so.
        (data!("chat-answer-apart.json"), JSON, OpenAi, [37, 190], [6, 0, 180]),
        (data!("chat-answer-apart.json"), JSON, Generic, [37, 190], [6, 0, 180]),
        (data!("chat-answer-silent.json"), JSON, OpenAi, [37, 190], [0, 0, 180]),
        (data!("embeddings-answer.json"), JSON, OpenAi, [8, 0], [0; 3]),
        (data!("realtime-done.json"), JSON, OpenAi, [127, 148], [64, 0, 0]),
        (data!("ollama-chat-answer.ndjson"), LINES, Generic, [26, 282], [0; 3]),
        (data!("ollama-chat-answer.ndjson"), None, Generic, [26, 282], [0; 3]),
        (data!("ollama-generate-answer.json"), JSON, Generic, [26, 259], [0; 3]),
        (data!("cohere-answer.json"), JSON, Generic, [71, 418], [0; 3]),
        (data!("cohere-v1-answer.json"), JSON, Generic, [215, 12], [0; 3]),
        (data!("cohere-answer.sse"), SSE, Generic, [215, 12], [0; 3]),
        (data!("converse-answer.json"), JSON, Generic, [57, 7], [20, 6, 0]),
        (data!("converse-answer.frames"), FRAMES, Generic, [51, 7], [20, 0, 0]),
        (data!("invoke-answer.frames"), FRAMES, Anthropic, [32, 15], [7, 0, 0]),
        (data!("invoke-answer.frames"), FRAMES, Generic, [32, 15], [7, 0, 0]),
        (data!("invoke-llama-answer.frames"), FRAMES, Generic, [18, 4], [0; 3]),
    ]
}

fn read(dialect: Dialect, content_type: Option<&str>, pieces: &[&[u8]]) -> Option<Usage> {
    let mut reader = UsageReader::new(dialect, content_type);
    pieces.iter().for_each(|piece| reader.push(piece));
    reader.finish().counted
}

#[test]
fn reads_every_answer_whole_and_in_pieces_of_any_size() {
    for (answer, content_type, dialect, whole, parts) in rows() {
        let expected = Some(usage(whole, parts));
        for size in (1..64).chain([answer.len()]) {
            let pieces: Vec<_> = answer.chunks(size).collect();
            assert_eq!(read(dialect, content_type, &pieces), expected, "{dialect:?} {content_type:?} by {size}");
        }
    }
}

#[test]
fn every_name_of_a_count_is_known() {
    let live = r#"{"usageMetadata":{"promptTokenCount":100,"responseTokenCount":50,"thoughtsTokenCount":7}}"#;
    let usage_of = |counts: &str| format!(r#"{{"usage":{{{counts}}}}}"#);
    let chat = |counts: &str| usage_of(&format!(r#""prompt_tokens":100,"completion_tokens":50,{counts}"#));
    let realtime = usage_of(r#""input_tokens":100,"output_tokens":50,"input_token_details":{"cached_tokens":64}"#);
    let both: &[Dialect] = &[OpenAi, Generic];
    let rows = [
        (live.to_owned(), &[Gemini, Generic][..], 57, [0, 0, 7]),
        (chat(r#""cached_tokens":64"#), both, 50, [64, 0, 0]),
        (chat(r#""prompt_cache_hit_tokens":64,"prompt_cache_miss_tokens":36"#), both, 50, [64, 0, 0]),
        (chat(r#""prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":30}"#), both, 50, [64, 30, 0]),
        (realtime, both, 50, [64, 0, 0]),
    ];
    for (answer, dialects, output, parts) in rows {
        for dialect in dialects {
            let found = read(*dialect, JSON, &[answer.as_bytes()]);
            assert_eq!(found, Some(usage([100, output], parts)), "{dialect:?} {answer}");
        }
    }
}

#[test]
fn an_answer_broken_off_tells_what_it_told() {
    let (answer, ..) = rows()[9];
    let head = &answer[..answer.windows(8).position(|window| window == b"\"delta\":").unwrap()];
    assert_eq!(read(Anthropic, SSE, &[head]), Some(usage([32, 1], [7, 0, 0])));
}

#[test]
fn what_tells_nothing_is_none() {
    let rows: &[(Option<&str>, &[u8])] = &[
        (JSON, b""),
        (JSON, br#"{"choices":[]}"#),
        (JSON, br#"{"usage":{}}"#),
        (JSON, br#"{"usage":{"prompt_tokens":-1,"completion_tokens":"many"}}"#),
        (JSON, br#"{"usage":{"prompt_tokens":1"#),
        (JSON, b"<html>{\"usage\":{\"prompt_tokens\":1}}"),
        (SSE, b"data: [DONE]\n\n"),
        // Not data: comments, other fields, a name that only begins like it.
        (SSE, b": {\"usage\":{\"prompt_tokens\":1}}\n\n"),
        (SSE, b"event: {\"usage\":{\"prompt_tokens\":1}}\n\n"),
        (SSE, b"dat: {\"usage\":{\"prompt_tokens\":1}}\n\n"),
        (SSE, b"data-x: {\"usage\":{\"prompt_tokens\":1}}\n\n"),
        // Not read at all.
        (Some("application/octet-stream"), br#"{"usage":{"prompt_tokens":1}}"#),
        (FRAMES, br#"{"usage":{"prompt_tokens":1}}"#),
        (None, b"   "),
    ];
    for (content_type, answer) in rows {
        let text = String::from_utf8_lossy(answer);
        assert_eq!(read(OpenAi, *content_type, &[answer]), None, "{content_type:?} {text}");
    }
}

#[test]
fn events_are_told_apart() {
    let rows: &[(&[u8], u64)] = &[
        // An event broken off or not JSON does not hide the next one.
        (b"data: {\"a\":[\"x\n\ndata: {\"usage\":{\"prompt_tokens\":1}}\n\n", 1),
        (b"data: ~~~{\"usage\":{\"prompt_tokens\":9}}\n\ndata: {\"usage\":{\"prompt_tokens\":1}}\n\n", 1),
        // An event of several lines; without a space; closed by a bare return; with a last line that no newline ends.
        (b"data: {\"usage\":\ndata: {\"prompt_tokens\":\ndata: 1}}\n\n", 1),
        (b"data:{\"usage\":{\"prompt_tokens\":1}}\n\n", 1),
        (b"data: [\r\rdata: {\"usage\":{\"prompt_tokens\":1}}\r\r", 1),
        (b"data: {\"usage\":{\"prompt_tokens\":1}}", 1),
        // The largest count wins, not the last.
        (b"data: {\"usage\":{\"prompt_tokens\":5}}\n\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\n", 5),
    ];
    for (answer, input) in rows {
        for size in 1..=answer.len() {
            let pieces: Vec<_> = answer.chunks(size).collect();
            let expected = Some(usage([*input, 0], [0; 3]));
            assert_eq!(read(OpenAi, SSE, &pieces), expected, "{} by {size}", String::from_utf8_lossy(answer));
        }
    }
}

#[test]
fn a_long_event_costs_no_memory_and_hides_nothing() {
    let mut reader = UsageReader::new(OpenAi, SSE);
    reader.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"");
    for _ in 0..1000 {
        reader.push(&[b'x'; 1000]);
    }
    assert!(reader.capture.held() <= 2 * OBJECT_CAP);
    reader.push(b"\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n");
    assert_eq!(reader.finish().counted, Some(usage([3, 4], [0; 3])));
}

#[test]
fn counts_never_overflow() {
    let answer = br#"{"usage":{"input_tokens":18446744073709551615,"cache_read_input_tokens":1,"output_tokens":2}}"#;
    assert_eq!(read(Anthropic, JSON, &[answer]), Some(usage([u64::MAX, 2], [1, 0, 0])));
}

#[test]
fn messages_count_one_by_one() {
    let mut reader = UsageReader::of_messages(OpenAi);
    let done = include_bytes!("../../testdata/realtime-done.json");
    for message in [&done[..], br#"{"type":"session.updated"}"#, b"no JSON", b"{\"a\":[", done] {
        reader.push(message);
        reader.message_ends();
    }
    assert_eq!(reader.finish().counted, Some(usage([254, 296], [128, 0, 0])));
}

#[test]
fn what_is_not_counted_is_estimated_from_what_was_said() {
    let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"seventeen letters\"}}]}\n\ndata: [DONE]\n\n";
    let mut reader = UsageReader::new(OpenAi, SSE);
    reader.push(stream);
    let reading = reader.finish();
    assert_eq!(reading, Reading { counted: None, text_bytes: Some(17) });
    let estimated = Usage { input: 3, output: 5, estimated: true, ..Usage::default() };
    assert_eq!((reading.usage(Some(9)), reading.usage(None)), (Some(estimated), None));
    let counted = Reading { counted: Some(usage([1, 2], [0; 3])), text_bytes: Some(400) };
    assert_eq!(counted.usage(Some(9)), counted.counted);
    let mut image = UsageReader::new(OpenAi, Some("image/png"));
    image.push(b"\x89PNG");
    assert_eq!(image.finish().usage(Some(9)), None, "nobody knows what it said");
}

#[test]
fn frames_that_are_none_end_the_reading_and_long_ones_are_skipped() {
    let frame = |payload: &[u8]| {
        let total = u32::try_from(payload.len() + 16).unwrap();
        [&total.to_be_bytes()[..], &[0; 8], payload, &[0; 4]].concat()
    };
    let counts = frame(br#"{"usage":{"inputTokens":1,"outputTokens":2}}"#);
    let long = frame(&vec![b' '; super::frames::PAYLOAD_CAP + 1]);
    let fits = [&long[..], &counts].concat();
    assert_eq!(read(Generic, FRAMES, &[&fits]), Some(usage([1, 2], [0; 3])));
    let none: [&[u8]; 5] = [
        &[[0, 0, 0, 15].as_slice(), &[0; 8]].concat(),
        &[[0, 0, 0, 16, 0, 0, 0, 1].as_slice(), &[0; 4]].concat(),
        &[&[0xFF; 4][..], &[0; 8]].concat(),
        &frame(br#"{"bytes":"no base64"}"#),
        &frame(b"no JSON"),
    ];
    for bytes in &none[..3] {
        assert_eq!(read(Generic, FRAMES, &[bytes, &counts]), None, "{bytes:?}");
    }
    for bytes in &none[3..] {
        assert_eq!(read(Generic, FRAMES, &[bytes, &counts]), Some(usage([1, 2], [0; 3])), "{bytes:?}");
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same(row in any::<Index>(), cuts in prop::collection::vec(any::<Index>(), 0..12)) {
        let rows = rows();
        let (answer, content_type, dialect, whole, parts) = *row.get(&rows);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(answer.len() + 1)).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|ends| &answer[ends[0]..ends[1]]).collect();
        assert_eq!(read(dialect, content_type, &pieces), Some(usage(whole, parts)));
    }

    #[test]
    fn any_bytes_are_read_alike_whole_and_in_two(bytes in "[\\[\\]{}:, \r\n\"\\\\adtsuge01]{0,80}", cut in any::<Index>(), sse in any::<bool>()) {
        let content_type = if sse { SSE } else { JSON };
        let (head, tail) = bytes.as_bytes().split_at(cut.index(bytes.len() + 1));
        assert_eq!(read(Generic, content_type, &[bytes.as_bytes()]), read(Generic, content_type, &[head, tail]));
    }
}

#[test]
fn a_stream_says_when_it_is_over_however_it_is_cut() {
    let rows = [
        ("data: {}\n\ndata: [DONE]\n\n", true),
        ("data:[DONE]\r\n", true),
        ("event: message_stop\ndata: {}\n\n", true),
        ("event: response.completed\n", true),
        ("data: [DONE]", false),
        ("data: [DONE] and more\n", false),
        ("data: \"[DONE]\"\n", false),
        ("event: message_stop_and_something_that_is_longer_than_any\n", false),
        (": data: [DONE]\n", false),
    ];
    for (stream, over) in rows {
        for size in [1, 3, 100] {
            let mut reader = UsageReader::new(OpenAi, Some("text/event-stream"));
            stream.as_bytes().chunks(size).for_each(|piece| reader.push(piece));
            assert_eq!(reader.has_ended(), over, "{stream:?} by {size}");
        }
    }
}
