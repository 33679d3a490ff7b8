use proptest::prelude::*;

use super::{StreamEvent, read_event, shell};

/// The texts of an event's deltas.
fn said(json: &str) -> Vec<&str> {
    let event = read_event(json.as_bytes());
    event.deltas.into_iter().map(|delta| &json[delta.text]).collect()
}

fn channel(json: &str) -> u64 {
    let event = read_event(json.as_bytes());
    assert_eq!(event.deltas.len(), 1, "{json}");
    event.deltas[0].channel
}

#[test]
fn the_deltas_of_every_format_are_found_and_nothing_else() {
    let rows: [(&str, &[&str]); 18] = [
        (
            r#"{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}"#,
            &["Hi"],
        ),
        (r#"{"choices":[{"index":0,"delta":{"content":"","reasoning_content":"so"}}]}"#, &["", "so"]),
        (
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"f","arguments":"{\"a"}}]}}]}"#,
            &["{\\\"a"],
        ),
        (r#"{"choices":[{"delta":{"content":"a"},"logprobs":{"content":[{"token":"a","text":"a"}]}}]}"#, &["a"]),
        (r#"{"choices":[{"text":"Hi","index":0}]}"#, &["Hi"]),
        (r#"{"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"Hi"}"#, &["Hi"]),
        (r#"{"type":"response.output_text.done","item_id":"m","output_index":0,"text":"Hi"}"#, &[]),
        (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}}"#, &["Hi"]),
        (r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Hm"}}"#, &["Hm"]),
        (r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{"}}"#, &["{"]),
        (r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"N"}}"#, &[]),
        (r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null}}"#, &[]),
        (r#"{"candidates":[{"content":{"parts":[{"text":"Hi"},{"text":"!"}],"role":"model"}}]}"#, &["Hi", "!"]),
        (r#"{"model":"m","message":{"role":"assistant","content":"Hi","thinking":"Hm"},"done":false}"#, &["Hi", "Hm"]),
        (r#"{"model":"m","response":"Hi","done":false}"#, &["Hi"]),
        (r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Hi"}}}}"#, &["Hi"]),
        (r#"{"message":{"content":"all of it"}}"#, &[]),
        (r#"{"choices":[{"message":{"content":"all of it"}}]}"#, &[]),
    ];
    for (json, want) in rows {
        assert_eq!(said(json), want, "{json}");
    }
}

/// A line for each type of event in the provider's documentation: what it says on with, and whether nothing follows.
#[test]
fn every_documented_event_is_understood() {
    macro_rules! events {
        ($($name:literal),*) => { [$(($name, include_str!(concat!("../../testdata/events/", $name, ".jsonl")))),*] };
    }
    let providers = events!(
        "anthropic-messages",
        "bedrock-converse",
        "cohere",
        "gemini",
        "ollama",
        "openai-chat",
        "openai-realtime",
        "openai-responses"
    );
    for (provider, line) in providers.iter().flat_map(|(name, lines)| lines.lines().map(move |line| (name, line))) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let json = row["event"].to_string();
        let says: Vec<String> =
            said(&json).iter().map(|text| serde_json::from_str(&format!("\"{text}\"")).unwrap()).collect();
        assert_eq!(serde_json::json!(says), row["says"], "{provider}: {json}");
        assert_eq!(read_event(json.as_bytes()).is_last, row["last"] == true, "{provider}: {json}");
    }
}

#[test]
fn each_text_has_a_channel_of_its_own_wherever_its_number_stands() {
    let chat = |index: u8, text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}},"index":{index}}}]}}"#);
    assert_eq!(channel(&chat(0, "a")), channel(r#"{"id":"x","choices":[{"index":0,"delta":{"content":"b"},"n":1}]}"#));
    assert_ne!(channel(&chat(0, "a")), channel(&chat(1, "a")));
    let sort = |json: &str| read_event(json.as_bytes()).deltas[0].sort;
    assert_eq!(sort(&chat(0, "a")), sort(&chat(1, "a")));
    assert_ne!(sort(&chat(0, "a")), sort(r#"{"choices":[{"delta":{"refusal":"a"},"index":0}]}"#));
    let block = |index: u8, key: &str| {
        format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"x","{key}":"a"}}}}"#)
    };
    let all =
        [block(0, "text"), block(1, "text"), block(0, "thinking"), block(0, "partial_json")].map(|one| channel(&one));
    assert!((1..4).all(|at| !all[..at].contains(&all[at])), "{all:?}");
    let response =
        |kind: &str, item: &str| format!(r#"{{"type":"{kind}","item_id":"{item}","sequence_number":4,"delta":"a"}}"#);
    assert_eq!(channel(&response("r", "m")), channel(&response("r", "m").replace('4', "5")));
    assert_ne!(channel(&response("r", "m")), channel(&response("s", "m")));
    assert_ne!(channel(&response("r", "m")), channel(&response("r", "n")));
}

#[test]
fn texts_that_are_said_side_by_side_are_told_apart_by_name_and_thought_from_answer() {
    let both = read_event(br#"{"choices":[{"index":0,"delta":{"reasoning":"a","reasoning_content":"a"}}]}"#).deltas;
    assert!(both[0].channel != both[1].channel && both[0].sort != both[1].sort);
    let gemini =
        |parts: &str| read_event(format!(r#"{{"candidates":[{{"content":{{"parts":[{parts}]}}}}]}}"#).as_bytes());
    let (thought, plain) = (r#"{"text":"a","thought":true}"#, r#"{"text":"a"}"#);
    let mixed = gemini(&format!("{thought},{plain},{plain}")).deltas;
    assert!(mixed[0].channel != mixed[1].channel && mixed[0].sort != mixed[1].sort);
    assert_eq!(mixed[1].channel, mixed[2].channel, "parts have no numbers: one goes on where the last one ended");
    assert_eq!(gemini(plain).deltas[0].channel, mixed[1].channel);
    assert_eq!(gemini(thought).deltas[0].channel, mixed[0].channel);
}

#[test]
fn sound_is_no_text_and_its_transcript_is() {
    let event = |kind: &str| format!(r#"{{"delta":"TkdQXw==","type":"{kind}"}}"#);
    for (kind, want) in
        [("response.audio.delta", 0), ("response.output_audio.delta", 0), ("response.audio_transcript.delta", 1)]
    {
        assert_eq!(said(&event(kind)).len(), want, "{kind}");
    }
}

#[test]
fn an_event_says_of_which_choices_and_items_it_speaks() {
    let chat =
        |index: u8| read_event(format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}}}}]}}"#).as_bytes());
    let (one, two) = (chat(0), chat(1));
    assert_eq!(one.owners, [one.deltas[0].owner]);
    assert!(two.is_elsewhere(one.deltas[0].owner) && !one.is_elsewhere(one.deltas[0].owner));
    let block = |kind: &str, rest: &str| read_event(format!(r#"{{"type":"{kind}","index":1{rest}}}"#).as_bytes());
    let delta = block("content_block_delta", r#","delta":{"type":"text_delta","text":"a"}"#);
    assert!(!block("content_block_stop", "").is_elsewhere(delta.deltas[0].owner));
    assert!(!read_event(br#"{"type":"message_stop"}"#).is_elsewhere(delta.deltas[0].owner));
    let call = |index: u8| {
        let call = format!(r#"{{"index":{index},"function":{{"arguments":"a"}}}}"#);
        read_event(format!(r#"{{"choices":[{{"index":0,"delta":{{"tool_calls":[{call}]}}}}]}}"#).as_bytes())
    };
    assert!(!call(1).is_elsewhere(call(0).deltas[0].owner), "both are of one choice");
}

#[test]
fn a_shell_says_where_its_text_stands_and_nothing_else() {
    let rows = [
        (
            r#"{"id":"c","choices":[{"delta":{"role":"assistant","content":"T",
                "tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}]},"index":2,
                "logprobs":{"content":[]},"finish_reason":null}],"usage":{"total":3}}"#,
            r#"{"id":"c","choices":[{"index":2,"delta":{"content":"T"}}]}"#,
        ),
        (
            r#"{"object":"x","choices":[{"index":0,"delta":{"tool_calls":[
                {"index":1,"id":"x","type":"function","function":{"name":"f","arguments":"T"}}]}}]}"#,
            r#"{"object":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"T"}}]}}]}"#,
        ),
        (
            r#"{"type":"r","item_id":"m","output_index":0,"content_index":1,"delta":"T","logprobs":[],"sequence_number":4}"#,
            r#"{"type":"r","item_id":"m","output_index":0,"content_index":1,"delta":"T"}"#,
        ),
        (
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"T"}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"T"}}"#,
        ),
        (
            r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{}}},
                {"thought":true,"text":"T"}],"role":"model"},"index":0}]}"#,
            r#"{"candidates":[{"index":0,"content":{"parts":[{"thought":true,"text":"T"}]}}]}"#,
        ),
        (
            r#"{"model":"m","message":{"role":"assistant","content":"T"},"done":false,"eval_count":3}"#,
            r#"{"model":"m","done":false,"message":{"content":"T"}}"#,
        ),
    ];
    for (json, want) in rows {
        let at = json.find(r#""T""#).unwrap() + 1;
        let (before, after) = shell(json.as_bytes(), &(at..at + 1)).unwrap();
        assert_eq!(format!("{}T{}", String::from_utf8(before).unwrap(), String::from_utf8(after).unwrap()), want);
        assert_eq!(shell(&json.as_bytes()[..json.len() - 1], &(at..at + 1)), None, "broken off");
    }
    let long = format!(r#"{{"type":"{}","delta":"T"}}"#, "x".repeat(2000));
    let at = long.len() - 3;
    assert_eq!(shell(long.as_bytes(), &(at..at + 1)), None);
}

#[test]
fn an_event_says_whether_it_is_the_last_or_only_a_sign_of_life() {
    let rows = [
        (r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#, true, false),
        (r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#, false, false),
        (r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#, true, false),
        (r#"{"message":{"content":"a"},"done":true}"#, true, false),
        (r#"{"message":{"content":"a"},"done":false}"#, false, false),
        (r#"{"type":"ping"}"#, false, true),
        (r#"{"a":{"type":"ping"}}"#, false, false),
    ];
    for (json, is_last, is_idle) in rows {
        let event = read_event(json.as_bytes());
        assert_eq!((event.is_last, event.is_idle), (is_last, is_idle), "{json}");
    }
}

#[test]
fn what_is_too_deep_or_too_wide_is_no_event() {
    let deep = format!(r#"{{"delta":{}"text":"a"{}}}"#, r#"{"a":"#.repeat(100), "}".repeat(100));
    let wide = format!(r#"{{"a":[{}{{}}],"delta":{{"text":"a"}}}}"#, "{},".repeat(600));
    for json in [deep, wide] {
        assert_eq!(read_event(json.as_bytes()), StreamEvent::default());
    }
}

proptest! {
    #[test]
    fn texts_lie_in_any_bytes_in_order(json in r#"([\{\}\[\]":,]|"delta":|"text":|"choices":|"a"){0,60}"#) {
        let mut at = 0;
        for delta in read_event(json.as_bytes()).deltas {
            prop_assert!(delta.text.start >= at && delta.text.start <= delta.text.end && delta.text.end < json.len());
            at = delta.text.end;
        }
    }
}
