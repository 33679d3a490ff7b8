use gate_core::HostName;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof, proptest};
use proptest::sample::Index;
use serde_json::{Value, json};

use super::frozen::RANGES_CAP;
use super::walk::DEPTH_CAP;
use super::{RequestFacts, read_request};
use crate::Dialect::{self, Anthropic, Gemini, OpenAi};

const CHAT: &str = include_str!("../../testdata/chat.json");
const RESPONSES: &str = include_str!("../../testdata/responses.json");
const MESSAGES: &str = include_str!("../../testdata/messages.json");
const GENERATE: &str = include_str!("../../testdata/generate.json");

fn read(path: &str, body: impl AsRef<[u8]>) -> RequestFacts {
    read_request("", &HostName::parse(b"llm.example").unwrap(), path, body.as_ref())
}

fn path(dialect: Dialect) -> &'static str {
    match dialect {
        OpenAi => "/v1/chat/completions?api-version=1",
        Anthropic => "/v1/messages",
        Gemini => "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
        Dialect::Generic => "/chat",
    }
}

/// The frozen pieces of a body as text.
fn frozen(body: &str) -> Vec<&str> {
    read("/v1/messages", body).frozen.into_iter().map(|range| &body[range]).collect()
}

/// The current turn of a body as text.
fn turn(dialect: Dialect, body: &str) -> Option<&str> {
    read(path(dialect), body).last_user.map(|range| &body[range])
}

#[test]
fn reads_the_documented_requests() {
    let rows = [
        (OpenAi, CHAT, Some("gpt-4o"), true),
        (OpenAi, RESPONSES, Some("gpt-5"), false),
        (Anthropic, MESSAGES, Some("claude-sonnet-4-5"), false),
        (Gemini, GENERATE, Some("gemini-2.5-pro"), true),
        (Dialect::Generic, MESSAGES, Some("claude-sonnet-4-5"), false),
    ];
    for (dialect, body, model, stream) in rows {
        let facts = read(path(dialect), body);
        assert_eq!((facts.dialect, facts.model.as_deref(), facts.stream), (dialect, model, stream));
        assert!(!facts.ambiguous);
    }
}

#[test]
fn what_providers_signed_is_frozen() {
    let piece = |body: &'static str, from: &str, to: &str| {
        let start = body.find(from).unwrap();
        let end = start + body[start..].find(to).unwrap() + to.len();
        &body[start..end]
    };
    let thinking = piece(MESSAGES, r#"{"type": "thinking", "#, "}");
    let redacted = piece(MESSAGES, r#"{"type": "redacted_thinking""#, "}");
    assert_eq!(frozen(MESSAGES), [thinking, redacted]);
    assert_eq!(frozen(RESPONSES), [r#""gAAAAABoISQ24OyVRYbkYfukdJoqdzWT""#]);
    assert_eq!(frozen(GENERATE), [piece(GENERATE, r#"{"functionCall""#, r#"=="}"#)]);
    assert_eq!(frozen(CHAT), [""; 0]);
}

#[test]
fn freezing_errs_on_the_side_of_more() {
    let rows: &[(&str, &[&str])] = &[
        // Any order, any depth, escaped names, duplicates, other vendors' blocks.
        (r#"[{"signature":"s","type":"thinking"}]"#, &[r#"{"signature":"s","type":"thinking"}"#]),
        (r#"{"a":{"b":[{"type":"thinking","sign\u0061ture":"s"}]}}"#, &[r#"{"type":"thinking","sign\u0061ture":"s"}"#]),
        (
            r#"{"type":"thinking","type":"text","signature":"s"}"#,
            &[r#"{"type":"thinking","type":"text","signature":"s"}"#],
        ),
        (
            r#"{"type":"thinking","signature":"s","signature":""}"#,
            &[r#"{"type":"thinking","signature":"s","signature":""}"#],
        ),
        (r#"{"encrypted_content":"a","x":1,"encrypted_content":"b"}"#, &[r#""a""#, r#""b""#]),
        (r#"{"encrypted_content":["a",{"b":1}]}"#, &[r#"["a",{"b":1}]"#]),
        (r#"{"type":"reasoning.encrypted","data":"x"}"#, &[r#"{"type":"reasoning.encrypted","data":"x"}"#]),
        (r#"{"thought_signature":"x"}"#, &[r#"{"thought_signature":"x"}"#]),
        // Broken off: everything from there on.
        (
            r#"{"a":[{"type":"thinking","signature":"s","thinking":"I th"#,
            &[r#"{"type":"thinking","signature":"s","thinking":"I th"#],
        ),
        (r#"{"encrypted_content":"gAAAA"#, &[r#""gAAAA"#]),
        // Nested frozen pieces make one.
        (
            r#"{"type":"thinking","signature":"s","encrypted_index":"i"}"#,
            &[r#"{"type":"thinking","signature":"s","encrypted_index":"i"}"#],
        ),
        // Not signed.
        (r#"{"type":"thinking","thinking":"hm"}"#, &[]),
        (r#"{"type":"thinking","signature":""}"#, &[]),
        (r#"{"type":"thinking","signature":null}"#, &[]),
        (r#"{"type":"text","signature":"Kind regards"}"#, &[]),
        (r#"{"encrypted_content":null}"#, &[]),
        (r#"{"text":"\"encrypted_content\":\"x\""}"#, &[]),
        (r#"["encrypted_content","x"]"#, &[]),
    ];
    for (body, expected) in rows {
        assert_eq!(frozen(body), *expected, "{body}");
    }
}

#[test]
fn touching_a_frozen_byte_is_told() {
    let facts = RequestFacts { frozen: vec![10..20, 30..40], ..RequestFacts::default() };
    for (range, expected) in
        [(0..10, false), (0..11, true), (19..25, true), (20..30, false), (25..50, true), (40..41, false)]
    {
        assert_eq!(facts.is_frozen(&range), expected, "{range:?}");
    }
}

#[test]
fn the_current_turn_is_what_the_client_adds() {
    let rows = [
        (OpenAi, CHAT, Some((r#"{"role": "tool", "tool_call_id": "call_1""#, "]"))),
        (OpenAi, RESPONSES, Some((r#"{"type": "function_call_output""#, "]"))),
        (Anthropic, MESSAGES, Some((r#"{"role": "user", "content": [{"type": "text""#, "]"))),
        (Gemini, GENERATE, Some((r#"{"role": "user", "parts": [{"functionResponse""#, "]"))),
        (OpenAi, r#"{"input":"Hello"}"#, Some(("\"Hello\"", "\""))),
        (OpenAi, r#"{"prompt":["a","b"]}"#, Some((r#"["a""#, "]"))),
        (OpenAi, r#"{"input":[[1,2],[3]]}"#, Some(("[[1", "]"))),
        (Gemini, r#"{"contents":{"parts":[{"text":"a"}]}}"#, Some((r#"{"parts""#, "}"))),
        (Gemini, r#"{"contents":[{"parts":[]},{"parts":[{"text":"a"}]}]}"#, Some((r#"{"parts":[{"#, "]"))),
        // A prefilled answer belongs to the turn; instructions in between begin none.
        (
            Anthropic,
            r#"{"messages":[{"role":"user"},{"role":"user","n":2},{"role":"assistant"}]}"#,
            Some((r#"{"role":"user","n""#, "]")),
        ),
        (
            OpenAi,
            r#"{"messages":[{"role":"tool","n":1},{"role":"developer"},{"role":"tool","n":2}]}"#,
            Some((r#"{"role":"tool","n":1"#, "]")),
        ),
        (
            OpenAi,
            r#"{"messages":[{"role":"tool","n":1},{"role":"assistant"},{"role":"tool","n":2}]}"#,
            Some((r#"{"role":"tool","n":2"#, "]")),
        ),
        // Nobody we know speaks: everything is current.
        (OpenAi, r#"{"messages":[{"role":"assistant"}]}"#, Some((r#"[{"role""#, "]"))),
        (OpenAi, r#"{"messages":[]}"#, Some(("[", "]"))),
        // No conversation, or one that could be read in two ways.
        (OpenAi, r#"{"model":"x"}"#, None),
        (OpenAi, r#"{"messages":[],"messages":[]}"#, None),
        (OpenAi, r#"{"messages":[],"input":[]}"#, None),
        (OpenAi, "{\"messages\":[]}\n{\"messages\":[]}", None),
        (OpenAi, r#"{"messages":[{"role":"user","role":"assistant"}]}"#, None),
        (OpenAi, r#"[{"messages":[]}]"#, None),
    ];
    for (dialect, body, expected) in rows {
        let found = turn(dialect, body);
        assert_eq!(found.is_some(), expected.is_some(), "{body}");
        if let (Some(found), Some((start, end))) = (found, expected) {
            assert!(found.starts_with(start) && found.ends_with(end), "{found} in {body}");
        }
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_ambiguous() {
    let rows = [
        (r#"{"model":"a","model":"b"}"#, true),
        (r#"{"model":"a","mod\u0065l":"b"}"#, true),
        (r#"{"stream":false,"stream":true}"#, true),
        (r#"{"messages":[{"role":"user"}],"messages":[]}"#, true),
        (r#"{"messages":[{"role":"user","role":"user"}]}"#, true),
        (r#"{"messages":[{"type":"message","type":"message"}]}"#, true),
        // A stored prompt beside what is new, and the lines of a file.
        (r#"{"model":"a","prompt":{"id":"pmpt_1"},"input":"hi"}"#, false),
        ("{\"messages\":[]}\n{\"messages\":[],\"stream\":true}\n{\"model\":\"a\"}\n{\"model\":\"a\"}", false),
        ("{\"messages\":[]}\n{\"messages\":[],\"messages\":[]}", true),
        (r#"{"model":"a","tools":[{"model":"b","role":"c","role":"d"}]}"#, false),
        (r#"{"messages":[{"role":"user","content":[{"role":"x","type":"text"},{"role":"y","type":"text"}]}]}"#, false),
    ];
    for (body, expected) in rows {
        assert_eq!(read(path(OpenAi), body).ambiguous, expected, "{body}");
    }
    assert!(read(path(OpenAi), r#"{"stream":false,"stream":true}"#).stream);
}

#[test]
fn the_model_is_read_where_the_provider_reads_it() {
    const DEPLOYED: &str = "/openai/deployments/gpt-4o/chat/completions?api-version=1";
    const REALTIME: &str = "/v1/realtime?x=1&model=gpt-realtime";
    let batch = r#"{"requests":[{"params":{"model":"a"}},{"params":{"model":"b"}},{"params":{"model":"a"}}]}"#;
    let rows: [(&str, &str, &[&str]); 18] = [
        // Where the path names it, the body's is nobody's business.
        (DEPLOYED, r#"{"model":"allowed"}"#, &["gpt-4o"]),
        ("/v1beta/models/gemini-2.5-pro:generateContent", r#"{"model":"x"}"#, &["gemini-2.5-pro"]),
        ("/model/anthropic.claude-v2/invoke", r#"{"model":"x"}"#, &["anthropic.claude-v2"]),
        ("/x/deployments/a/../../v1/chat/completions", r#"{"model":"b"}"#, &["a", "b"]),
        ("/x/deployments/a/%2E%2e/chat/completions", r#"{"model":"b"}"#, &["a", "b"]),
        (REALTIME, "", &["gpt-realtime"]),
        (REALTIME, r#"{"model":"x"}"#, &["gpt-realtime"]),
        ("/openai/realtime?deployment=a&model=b", "", &["a", "b"]),
        // Providers that route without case.
        ("/OpenAI/Deployments/gpt-4o/chat/completions", r#"{"model":"allowed"}"#, &["gpt-4o"]),
        ("/Model/anthropic.claude-v2/invoke", r#"{"model":"x"}"#, &["anthropic.claude-v2"]),
        ("/openai/Realtime?Deployment=a", "", &["a"]),
        ("/v1/realtime?x=1;mod%65l=b&model=+c%2B", "", &["b", "c+"]),
        ("/v1/realtime?model=a#&model=b", "", &["a"]),
        ("/v1/realtime/client_secrets", r#"{"session":{"type":"realtime","model":"gpt-realtime"}}"#, &["gpt-realtime"]),
        ("/v1/messages/batches", batch, &["a", "b"]),
        ("/v1/chat/completions", r#"{"model":"a"}{"model":"b"}"#, &["a", "b"]),
        ("/v1/chat/completions", r#"{"session":[{"model":"a"}],"requests":[{"model":"b"}]}"#, &[]),
        ("/v1/chat/completions?model=x", r#"{"model":"a"}"#, &["a"]),
    ];
    for (path, body, expected) in rows {
        let facts = read_request("openai", &HostName::parse(b"api.openai.com").unwrap(), path, body.as_bytes());
        assert_eq!(facts.models().collect::<Vec<_>>(), expected, "{path} {body}");
        assert!(!facts.ambiguous, "{path} {body}");
    }
    let many: String = (0..17).map(|n| format!("{{\"model\":\"m{n}\"}}")).collect();
    assert!(read("/chat", many).ambiguous);
}

#[test]
fn what_is_no_model_is_none() {
    let long = format!(r#"{{"model":"{}"}}"#, "m".repeat(300));
    for body in ["", "null", "[]", r#"{"model":7}"#, r#"{"model":{"model":"a"}}"#, r#"{"a":{"model":"a"}}"#, &long] {
        assert_eq!(read("/chat", body).model, None, "{body}");
    }
    // What the path says stands where the body says nothing.
    assert_eq!(read(path(Gemini), "{}").model.as_deref(), Some("gemini-2.5-pro"));
}

#[test]
fn nesting_past_the_cap_is_frozen() {
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(read("/chat", nested(DEPTH_CAP - 1)).frozen, []);
    let body = nested(DEPTH_CAP + 3);
    assert_eq!(frozen(&body), ["[[[[1]]]]"]);
    // A bomb, open and closed, with a signature inside.
    let bomb = format!("{}{{\"type\":\"thinking\",\"signature\":\"s\"}}", "[".repeat(1_000_000));
    assert_eq!(read("/chat", &bomb).frozen, std::slice::from_ref(&(DEPTH_CAP..bomb.len())));
    assert_eq!(read("/chat", "]".repeat(1_000_000)).frozen, []);
}

#[test]
fn ranges_past_the_cap_melt_together() {
    let blocks = r#"{"encrypted_content":"x"},"#.repeat(RANGES_CAP + 1000);
    let body = format!("[{blocks}1]");
    let facts = read("/chat", &body);
    assert_eq!(facts.frozen.len(), RANGES_CAP);
    let last = body.rfind("\"x\"").unwrap();
    assert!(facts.is_frozen(&(last..last + 3)));
    assert!(!facts.is_frozen(&(0..5)));
}

/// JSON with signed blocks planted in it.
fn planted() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\"\\\\]{0,12}".prop_map(Value::from),
        "[ -~]{1,12}".prop_map(|text| json!({ "thinking": text, "signature": "c2ln", "type": "thinking" })),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        let members = prop::collection::vec(("[a-z\"\\\\é]{1,6}", inner.clone()), 0..6);
        prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Value::from), members.prop_map(Value::from_iter),]
    })
}

fn signed_blocks(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(members) if members.contains_key("signature") => vec![value],
        Value::Object(members) => members.values().flat_map(signed_blocks).collect(),
        Value::Array(items) => items.iter().flat_map(signed_blocks).collect(),
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn exactly_the_planted_blocks_are_frozen(value in planted(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        let found: Vec<Value> = frozen(&body).into_iter().map(|piece| serde_json::from_str(piece).unwrap()).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), signed_blocks(&value));
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        well_formed(&bytes);
    }

    #[test]
    fn broken_requests_are_read(row in 0_usize..4, cut in any::<Index>(), flip in any::<Index>(), byte in any::<u8>()) {
        let mut body = [CHAT, RESPONSES, MESSAGES, GENERATE][row].as_bytes().to_vec();
        let at = flip.index(body.len());
        body[at] = byte;
        body.truncate(cut.index(body.len() + 1));
        well_formed(&body);
    }
}

/// Ranges lie within the body, in order, apart from each other.
fn well_formed(body: &[u8]) {
    for dialect in [OpenAi, Anthropic, Gemini, Dialect::Generic] {
        let facts = read(path(dialect), body);
        assert!(facts.frozen.iter().all(|range| range.start < range.end && range.end <= body.len()));
        assert!(facts.frozen.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert!(facts.last_user.is_none_or(|turn| turn.start <= turn.end && turn.end <= body.len()));
    }
}

#[test]
fn what_is_attached_is_told_from_text() {
    let file = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let data = format!("data:image/png;base64,{file}");
    // Content of a user's turn, what is attached, whether only by its name, and the bytes of text.
    let rows = [
        (
            json!([{ "type": "text", "text": "look" }, { "type": "image_url", "image_url": { "url": data } }]),
            &*data,
            false,
        ),
        (json!([{ "type": "input_image", "image_url": data }]), &data, false),
        (
            json!([{ "type": "image_url", "image_url": { "url": "https://a.example/x.png" } }]),
            "https://a.example/x.png",
            true,
        ),
        (json!([{ "type": "input_file", "file_id": "file-6F2k" }]), "file-6F2k", true),
        (json!([{ "type": "file", "file": { "filename": "a.pdf", "file_data": data } }]), &data, false),
        (json!([{ "type": "input_audio", "input_audio": { "data": file, "format": "wav" } }]), file, false),
        (
            json!([{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": file } }]),
            file,
            false,
        ),
        (
            json!([{ "type": "document", "source": { "type": "url", "url": "https://a.example/a.pdf" } }]),
            "https://a.example/a.pdf",
            true,
        ),
        (json!([{ "type": "document", "source": { "type": "file", "file_id": "file_011C" } }]), "file_011C", true),
        (json!([{ "inlineData": { "mimeType": "image/png", "data": file } }]), file, false),
        (json!([{ "fileData": { "mimeType": "application/pdf", "fileUri": "gs://b/a.pdf" } }]), "gs://b/a.pdf", true),
        (json!([{ "image": { "format": "png", "source": { "bytes": file } } }]), file, false),
    ];
    for (content, attached, is_link) in rows {
        let body = json!({ "messages": [{ "role": "user", "content": content, "images": [] }] }).to_string();
        let facts = read("/v1/chat/completions", &body);
        let found: Vec<_> = facts.attachments.iter().map(|one| (&body[one.span.clone()], one.is_link)).collect();
        assert_eq!((found, facts.more_attachments), (vec![(attached, is_link)], 0), "{body}");
        assert!(facts.text_bytes.is_some_and(|bytes| bytes < 64), "{body}");
    }
    // Written otherwise, and meant alike: name and value of a member of a block, both as JSON has them.
    let escaped = file.replace('/', "\\/").replace('=', "\\u003d");
    let rows = [
        ("image_url", format!("\\u0064ata:image/png;base64,{file}"), false),
        ("image_url", format!("data\\u003Aimage/png;base64,{file}"), false),
        ("image_url", format!("DATA:image/png;base64,{file}"), false),
        ("image_url", format!("\\n da\\tta:image/png;base64,{file}"), false),
        ("image_url", "HTTPS://a.example/x.png".to_owned(), true),
        ("image_url", "\\u0068ttps:\\/\\/a.example".to_owned(), true),
        ("image_url", " http://a.example".to_owned(), true),
        ("image", "https://a.example/x.png".to_owned(), true),
        ("file", "https://a.example/x.pdf".to_owned(), true),
        ("document_url", "https://a.example/x.pdf".to_owned(), true),
        ("Image\\u005furl", "https://a.example/x.pdf".to_owned(), true),
        ("IMAGE_URL", "gs://b/x.png".to_owned(), true),
        ("image", escaped.clone(), false),
        ("source", format!("\\n{}\\n \\n", escaped.replace("AAAA", "AAAA\\r\\n")), false),
        ("bytesBase64Encoded", file.to_owned(), false),
        ("gcsUri", "gs://b/x.png".to_owned(), true),
        ("FILE_ID", "file-1".to_owned(), true),
    ];
    for (name, value, is_link) in rows {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{{"{name}":"{value}"}}]}}]}}"#);
        let facts = read("/v1/chat/completions", &body);
        let found: Vec<_> = facts.attachments.iter().map(|one| (&body[one.span.clone()], one.is_link)).collect();
        assert_eq!(found, [(&*value, is_link)], "{body}");
    }
    // Bodies of their own kind, and how many they carry, of which links.
    let rows = [
        (
            json!({ "realtimeInput": { "mediaChunks": [{ "mimeType": "image/png", "data": file }, { "data": file }] } }),
            2,
            0,
        ),
        (json!({ "realtime_input": { "media_chunks": [{ "data": file }] } }), 1, 0),
        (
            json!({ "messages": [{ "content": [{ "document": { "source": { "s3Location": { "uri": "s3://b/a" } } } }] }] }),
            1,
            1,
        ),
        (json!({ "tools": [{ "type": "code_interpreter", "container": { "file_ids": ["file-1", "file-2"] } }] }), 2, 2),
        (
            json!({ "instances": [{ "image": { "bytesBase64Encoded": file } }, { "image": { "gcsUri": "gs://b/a" } }] }),
            2,
            1,
        ),
        (json!({ "images": [{ "image_url": "https://a.example/a" }, { "url": "https://a.example/b" }] }), 2, 2),
        (json!({ "Images": [file], "prompt": "look" }), 1, 0),
    ];
    for (body, all, links) in rows {
        let body = body.to_string();
        let facts = read("/v1/any", &body);
        let found = (facts.attachments.len(), facts.attachments.iter().filter(|one| one.is_link).count());
        assert_eq!(found, (all, links), "{body}");
    }
    let ollama = json!({ "messages": [{ "role": "user", "content": "look", "images": [file, file] }] }).to_string();
    assert_eq!(read("/api/chat", &ollama).attachments.len(), 2);
}

#[test]
fn what_is_said_to_be_sound_is_told() {
    let samples = "EREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREREQ";
    let rows = [
        (json!({ "type": "input_audio_buffer.append", "audio": samples }), [true].as_slice()),
        (
            json!({ "content": [{ "type": "input_audio", "input_audio": { "data": samples, "format": "pcm16" } }] }),
            &[true],
        ),
        (json!({ "realtimeInput": { "audio": { "data": samples, "mimeType": "audio/pcm;rate=16000" } } }), &[true]),
        (
            json!({ "realtimeInput": { "mediaChunks": [
                { "mimeType": "Audio/pcm", "data": samples },
                { "data": samples, "mime_type": "audio/pcm" },
                { "data": samples, "mimeType": "image/png" },
                { "data": samples },
            ] } }),
            &[true, true, false, false],
        ),
        (json!({ "image_url": format!("Data:audio/pcm;base64,{samples}") }), &[true]),
        (json!({ "image_url": format!("data:image/audio/;base64,{samples}") }), &[false]),
        (json!({ "mimeType": "audio/pcm", "content": [{ "image": samples }] }), &[false]),
    ];
    for (body, sounds) in rows {
        let facts = read("/v1/realtime", body.to_string());
        assert_eq!(facts.attachments.iter().map(|one| one.is_sound).collect::<Vec<_>>(), sounds, "{body}");
    }
}

#[test]
fn texts_that_look_like_files_are_texts() {
    let file = "A".repeat(400);
    let rows = [
        json!({ "type": "text", "text": file }),
        json!({ "type": "redacted_thinking", "data": file }),
        json!({ "type": "document", "source": { "type": "text", "media_type": "text/plain", "data": "plain words, and many of them".repeat(9) } }),
        json!({ "type": "tool_result", "content": [{ "type": "text", "text": "source", "url": "https://a.example" }] }),
        // Where something found was found, which the provider only quotes.
        json!({ "type": "search_result", "source": "https://a.example", "title": "a", "content": [{ "type": "text", "text": "b" }] }),
        json!({ "type": "tool_use", "input": { "file": format!("/home/{}/a.rs", "anna".repeat(20)), "data": [file], "uri": "s3://b/a" } }),
    ];
    for block in rows {
        let body = json!({ "messages": [{ "role": "user", "content": [block] }] }).to_string();
        assert_eq!(read("/v1/messages", &body).attachments, [], "{body}");
    }
    assert_eq!(read("/v1/messages", r#"{"input_tokens":3}"#).text_bytes, None, "no conversation");
    let chat = r#"{"model":"a","messages":[{"role":"user","content":"12345678"}]}"#;
    assert_eq!(read("/v1/chat/completions", chat).text_bytes, Some(8));
    assert_eq!(read("/v1/messages/count_tokens", chat).text_bytes, None, "a count uses nothing");
}

#[test]
fn attachments_past_the_cap_are_counted() {
    let block = json!({ "type": "input_file", "file_id": "file-1" });
    let body = json!({ "input": vec![block; 70] }).to_string();
    let facts = read("/v1/responses", &body);
    assert_eq!((facts.attachments.len(), facts.more_attachments), (64, 6));
}
