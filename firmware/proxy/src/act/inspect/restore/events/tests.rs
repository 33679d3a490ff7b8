use gate_core::KindCount;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{EVENT_MAX, Events, Framing};
use crate::act::inspect::restore::flow::Book;
use crate::act::inspect::vault::tests::live;

const NAME: &str = "Anna \"the\\boss\"\nMeyer";

/// A stream in pieces through the editor; `NAME` in it stands for the placeholder of a name with all that needs an escape.
fn restored(framing: Framing, stream: &[u8], size: usize) -> (String, Vec<KindCount>) {
    let (mut book, mut events, mut out) = (Book::new(live(&[("name", NAME)]).0), Events::new(framing), Vec::new());
    stream.chunks(size).for_each(|piece| events.push(piece, &mut book, &mut out));
    events.finish(&mut book, &mut out);
    (String::from_utf8(out).unwrap(), book.restored)
}

fn token() -> String {
    live(&[("name", NAME)]).1.remove(0)
}

/// How a provider says a piece of a text.
type Say = fn(&str) -> Value;

const CHAT: Say = |text| json!({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]});
const REASONING: Say = |text| json!({"choices": [{"index": 0, "delta": {"reasoning_content": text}}]});
const CALL: Say = |text| {
    let call = json!({"index": 1, "function": {"arguments": text}});
    json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": null}]})
};
const RESPONSE: Say =
    |text| json!({"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "delta": text});
const MESSAGE: Say =
    |text| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
const THINKING: Say =
    |text| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": text}});
const INPUT: Say = |text| {
    let delta = json!({"type": "input_json_delta", "partial_json": text});
    json!({"type": "content_block_delta", "index": 1, "delta": delta})
};
const GEMINI: Say =
    |text| json!({"candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}]});
const OLLAMA: Say = |text| json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": false});

const ALL: [(Say, &str); 9] = [
    (CHAT, "/choices/0/delta/content"),
    (REASONING, "/choices/0/delta/reasoning_content"),
    (CALL, "/choices/0/delta/tool_calls/0/function/arguments"),
    (RESPONSE, "/delta"),
    (MESSAGE, "/delta/text"),
    (THINKING, "/delta/thinking"),
    (INPUT, "/delta/partial_json"),
    (GEMINI, "/candidates/0/content/parts/0/text"),
    (OLLAMA, "/message/content"),
];

/// Events as a provider frames them.
fn framed(framing: Framing, events: &[Value]) -> Vec<u8> {
    let events = events.iter();
    match framing {
        Framing::Sse => events.map(|event| format!("event: x\ndata: {event}\n\n")).collect::<String>().into_bytes(),
        Framing::Lines => events.map(|event| format!("{event}\n")).collect::<String>().into_bytes(),
        Framing::Array => {
            let events: Vec<String> = events.map(Value::to_string).collect();
            format!("[{}]", events.join(",\r\n")).into_bytes()
        }
    }
}

/// The events of a stream as a client reads them.
fn read(framing: Framing, stream: &str) -> Vec<Value> {
    match framing {
        Framing::Sse => {
            let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
            data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
        }
        Framing::Lines => stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        Framing::Array => serde_json::from_str(stream).unwrap_or_else(|error| panic!("{error}: {stream}")),
    }
}

/// What a client makes of the pieces.
fn joined(events: &[Value], place: &str) -> String {
    events.iter().filter_map(|event| event.pointer(place)?.as_str()).collect()
}

#[test]
fn a_placeholder_cut_at_any_byte_comes_back_in_every_format() {
    let token = token();
    for (say, place) in ALL {
        for framing in [Framing::Sse, Framing::Lines, Framing::Array] {
            for cut in 0..=token.len() {
                let (head, tail) = token.split_at(cut);
                let events = [say("dear "), say(&format!("you {head}")), say(&format!("{tail}, hello"))];
                for size in [1, 7, 100_000] {
                    let (out, counts) = restored(framing, &framed(framing, &events), size);
                    let got = read(framing, &out);
                    assert_eq!(joined(&got, place), format!("dear you {NAME}, hello"), "{place} cut at {cut}: {out}");
                    assert_eq!(got.len(), 3, "no event more than came");
                    assert_eq!(counts[0].count, 1);
                }
            }
        }
    }
}

#[test]
fn every_letter_in_an_event_of_its_own_comes_back_too() {
    let token = token();
    let events: Vec<Value> = token.chars().map(|letter| CHAT(&letter.to_string())).collect();
    let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &events), 50).0);
    assert_eq!((joined(&got, "/choices/0/delta/content"), got.len()), (NAME.to_owned(), token.len()));
}

#[test]
fn tool_arguments_get_values_escaped_for_json_in_json() {
    let token = token();
    let arguments = format!(r#"{{"to": "{token}", "n": "{{\"deep\": \"{token}\"}}"}}"#);
    for (say, place) in [(CALL, "/choices/0/delta/tool_calls/0/function/arguments"), (INPUT, "/delta/partial_json")] {
        for size in [1, 3, 10, 100] {
            let pieces: Vec<Value> =
                arguments.as_bytes().chunks(size).map(|piece| say(std::str::from_utf8(piece).unwrap())).collect();
            let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &pieces), 64).0);
            let said: Value = serde_json::from_str(&joined(&got, place)).unwrap();
            let deep: Value = serde_json::from_str(said["n"].as_str().unwrap()).unwrap();
            assert_eq!((said["to"].as_str(), deep["deep"].as_str()), (Some(NAME), Some(NAME)), "by {size}");
        }
    }
}

#[test]
fn what_only_began_like_one_comes_out_before_the_text_is_over() {
    let rest = [
        (CHAT, json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}), "/choices/0/delta/content"),
        (MESSAGE, json!({"type": "content_block_stop", "index": 0}), "/delta/text"),
        (RESPONSE, json!({"type": "response.output_text.done", "text": "in NGP_"}), "/delta"),
        (OLLAMA, json!({"model": "m", "done": true}), "/message/content"),
        (GEMINI, json!({"usageMetadata": {}}), "/candidates/0/content/parts/0/text"),
    ];
    for (say, last, place) in rest {
        for framing in [Framing::Sse, Framing::Lines, Framing::Array] {
            let ended = [say("in "), say("NGP_"), last.clone()];
            for events in [&ended[..], &ended[..2]] {
                let (out, counts) = restored(framing, &framed(framing, events), 9);
                let got = read(framing, &out);
                assert_eq!(joined(&got, place), "in NGP_", "{out}");
                assert_eq!(got.last().unwrap() == &last, events.len() == 3, "{out}");
                assert!(counts.is_empty());
            }
        }
    }
    let done = [&framed(Framing::Sse, &[CHAT("N")])[..], b"data: [DONE]\n\n"].concat();
    let (out, _) = restored(Framing::Sse, &done, 5);
    assert!(out.ends_with("data: [DONE]\n\n"), "{out}");
    assert_eq!(joined(&read(Framing::Sse, &out), "/choices/0/delta/content"), "N");
}

#[test]
fn signs_of_life_and_other_texts_do_not_come_between() {
    let token = token();
    let (head, tail) = token.split_at(9);
    let other = |text: &str| json!({"choices": [{"index": 1, "delta": {"content": text}, "finish_reason": null}]});
    let stream = [
        &framed(Framing::Sse, &[CHAT(head)])[..],
        b": keep-alive\n\n",
        &framed(Framing::Sse, &[json!({"type": "ping"}), other("hi NGP_NA"), CHAT(tail), other("ME_x")])[..],
    ]
    .concat();
    for size in [1, 13, 1000] {
        let (out, _) = restored(Framing::Sse, &stream, size);
        let got = read(Framing::Sse, &out);
        let of = |index: u64| -> Vec<Value> {
            got.iter().filter(|event| event["choices"][0]["index"] == index).cloned().collect()
        };
        assert_eq!(joined(&of(0), "/choices/0/delta/content"), NAME, "{out}");
        assert_eq!(joined(&of(1), "/choices/0/delta/content"), "hi NGP_NAME_x", "{out}");
        assert!(out.contains(": keep-alive\n\n"));
    }
}

#[test]
fn texts_that_are_said_whole_get_their_values_and_are_never_cut() {
    let token = token();
    let events = [
        json!({"type": "response.output_text.done", "text": format!("{token} from BERLIN")}),
        json!({"choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "RECITATION"}]}),
        json!({"type": "x", "model": "GEN", "list": [&token, "N"]}),
    ];
    for framing in [Framing::Sse, Framing::Lines, Framing::Array] {
        let stream = framed(framing, &events);
        let want = String::from_utf8(stream.clone()).unwrap().replace(&token, r#"Anna \"the\\boss\"\nMeyer"#);
        assert_eq!(restored(framing, &stream, 11).0, want);
    }
}

#[test]
fn an_event_too_long_to_be_kept_goes_on_as_it_comes() {
    let token = token();
    let long = json!({"type": "image", "b64": "A".repeat(3 * EVENT_MAX), "who": &token});
    for framing in [Framing::Sse, Framing::Lines, Framing::Array] {
        let stream = framed(framing, &[CHAT("NG"), long.clone(), CHAT(&token)]);
        let (mut book, mut events, mut out) = (Book::new(live(&[("name", NAME)]).0), Events::new(framing), Vec::new());
        for piece in stream.chunks(16 * 1024) {
            events.push(piece, &mut book, &mut out);
            assert!(events.buffer.len() <= EVENT_MAX, "memory is bounded");
        }
        events.finish(&mut book, &mut out);
        let got = read(framing, std::str::from_utf8(&out).unwrap());
        assert_eq!(joined(&got, "/choices/0/delta/content"), format!("NG{NAME}"));
        assert!(got.iter().any(|event| event["who"] == NAME));
    }
}

#[test]
fn no_event_waits_for_another() {
    let token = token();
    let (mut book, mut events, mut out) = (Book::new(live(&[("name", NAME)]).0), Events::new(Framing::Sse), Vec::new());
    for (piece, said) in [("hello", "hello"), (" NGP_", " "), ("NO", "NGP_NO"), (&token[..5], ""), (&token[5..], NAME)]
    {
        out.clear();
        events.push(&framed(Framing::Sse, &[CHAT(piece)]), &mut book, &mut out);
        let got = read(Framing::Sse, std::str::from_utf8(&out).unwrap());
        assert_eq!((joined(&got, "/choices/0/delta/content").as_str(), got.len()), (said, 1), "{piece}");
    }
}

proptest! {
    #[test]
    fn no_cut_of_texts_or_bytes_changes_what_is_said(
        cuts in prop::collection::vec(0_usize..200, 0..10), size in 1_usize..300, which in 0..ALL.len(), form in 0..3_usize
    ) {
        let (say, place) = ALL[which];
        let framing = [Framing::Sse, Framing::Lines, Framing::Array][form];
        let token = token();
        let text = format!("NNGP_ {token}{token} NGP_NAME_ {} and {token}N", &token[..15]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
        cuts.sort_unstable();
        let events: Vec<Value> = cuts.windows(2).map(|cut| say(&text[cut[0]..cut[1]])).collect();
        let (out, counts) = restored(framing, &framed(framing, &events), size);
        prop_assert_eq!(joined(&read(framing, &out), place), text.replace(&token, NAME));
        prop_assert_eq!(counts[0].count, 3);
    }

    #[test]
    fn any_bytes_that_hold_no_placeholder_say_the_same(
        stream in r#"(data: |\{|\}|\[|\]|"delta":|"text":|"a"|,|\n|\r\n|N|NGP_NAME_|"|\\|x){0,60}"#,
        size in 1_usize..40, form in 0..2_usize
    ) {
        let framing = [Framing::Sse, Framing::Lines][form];
        let (out, counts) = restored(framing, stream.as_bytes(), size);
        prop_assert!(counts.is_empty());
        prop_assert!(out.len() >= stream.len(), "{stream:?} became {out:?}");
    }
}
