use gate_core::KindCount;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{EVENT_MAX, Events, Framing, STREAMS};
use crate::act::inspect::restore::flow::tests::book;
use crate::act::inspect::vault::tests::live;

const NAME: &str = "Anna \"the\\boss\"\nMeyer";

/// A stream in pieces through the editor; `NAME` in it stands for the placeholder of a name with all that needs an escape.
fn restored(framing: Framing, stream: &[u8], size: usize) -> (String, Vec<KindCount>) {
    let (mut book, mut events, mut out) = (book(&[("name", NAME)]).0, Events::new(framing), Vec::new());
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
fn what_goes_out_on_its_own_repeats_nothing_else() {
    let call =
        |call: Value| json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "", "tool_calls": [call]}}]});
    let events = [
        json!({"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "Here is the JSON"},
            "logprobs": {"content": [{"token": "JSON"}]}}], "usage": {"total_tokens": 3}}),
        call(json!({"index": 0, "id": "call_1", "type": "function", "function": {"name": "send", "arguments": "N"}})),
        json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ];
    let stream: String = events.iter().map(|event| format!("id: 7\nevent: x\ndata: {event}\n\n")).collect();
    let (out, _) = restored(Framing::Sse, stream.as_bytes(), 40);
    let got = read(Framing::Sse, &out);
    assert_eq!(joined(&got, "/choices/0/delta/content"), "Here is the JSON");
    assert_eq!(joined(&got, "/choices/0/delta/tool_calls/0/function/arguments"), "N");
    assert_eq!(got.len(), 5);
    for (what, count) in
        [("call_1", 1), ("send", 1), ("assistant", 1), ("usage", 1), ("token\"", 1), ("id: 7\n", 3), ("event: x\n", 5)]
    {
        assert_eq!(out.matches(what).count(), count, "{what} in {out}");
    }
}

#[test]
fn a_thought_and_its_answer_are_two_texts_and_parts_are_one() {
    let token = token();
    let gemini = |parts: Value| json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]});
    let thought = |text: &str| gemini(json!([{"text": text, "thought": true}]));
    let texts = |events: &[Value], is_thought: bool| -> String {
        let parts = events.iter().flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().unwrap());
        parts
            .filter(|part| (part["thought"] == true) == is_thought)
            .map(|part| part["text"].as_str().unwrap())
            .collect()
    };
    let (head, tail) = token.split_at(9);
    let events = [
        thought("I write JSON"),
        gemini(json!([{"text": "{\"n\": \""}, {"text": head}])),
        gemini(json!([{"text": tail}])),
        gemini(json!([{"text": "\"}"}])),
    ];
    for framing in [Framing::Sse, Framing::Array] {
        let (out, _) = restored(framing, &framed(framing, &events), 30);
        let got = read(framing, &out);
        assert_eq!(texts(&got, true), "I write JSON", "{out}");
        let said: Value = serde_json::from_str(&texts(&got, false)).unwrap();
        assert_eq!(said["n"], NAME, "{out}");
        assert_eq!(
            got[1]["candidates"][0]["content"]["parts"],
            json!([{"text": "N", "thought": true}]),
            "before the answer"
        );
    }
}

#[test]
fn two_names_of_one_reasoning_are_two_texts() {
    let both = |text: &str| json!({"choices": [{"index": 0, "delta": {"reasoning": text, "reasoning_content": text}}]});
    let token = token();
    let events = [both("dear "), both(&token[..6]), both(&token[6..])];
    let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &events), 30).0);
    for place in ["/choices/0/delta/reasoning", "/choices/0/delta/reasoning_content"] {
        assert_eq!(joined(&got, place), format!("dear {NAME}"));
    }
}

#[test]
fn more_texts_than_are_followed_cost_no_letter_and_no_text_that_goes_on() {
    let token = token();
    let said = |index: usize, text: &str| json!({"choices": [{"index": index, "delta": {"content": text}}]});
    let (head, tail) = token.split_at(9);
    let mut all: Vec<Value> = (0..STREAMS).map(|index| said(index, "x")).collect();
    all.extend([said(3, head), said(3, tail)]);
    let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &all), 100).0);
    assert_eq!(got.last().unwrap()["choices"][0]["delta"]["content"], NAME, "of a known text nothing is forgotten");
    let more = (0..3 * STREAMS).map(|index| said(index, if index == 70 { head } else { "N" }));
    let all: Vec<Value> = more.chain([said(70, tail)]).collect();
    let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &all), 100).0);
    for index in 0..3 * STREAMS {
        let mine = got.iter().filter(|event| event["choices"][0]["index"] == index);
        let text: String = mine.map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
        assert_eq!(text, if index == 70 { &*token } else { "N" }, "{index}");
    }
}

#[test]
fn comments_pass_at_once_and_lines_may_end_as_they_like() {
    let (mut book, mut events, mut out) = (book(&[("name", NAME)]).0, Events::new(Framing::Sse), Vec::new());
    events.push(b": keep-alive\n", &mut book, &mut out);
    events.push(b":\r\n", &mut book, &mut out);
    assert_eq!(out, b": keep-alive\n:\r\n");
    let token = token();
    for end in ["\n", "\r\n", "\r"] {
        let stream: String = [CHAT(&token[..9]), CHAT(&token[9..]), CHAT("N")]
            .map(|event| format!(":{end}event: x{end}data: {event}{end}{end}"))
            .concat();
        for size in [1, 2, 7, 1000] {
            let (out, _) = restored(Framing::Sse, stream.as_bytes(), size);
            let got = read(Framing::Sse, &out.replace("\r\n", "\n").replace('\r', "\n"));
            assert_eq!(joined(&got, "/choices/0/delta/content"), format!("{NAME}N"), "{out:?}");
            assert_eq!(out.matches(&format!("event: x{end}")).count(), 4, "{out:?}");
        }
        let (mut book, mut events, mut out) = (self::book(&[]).0, Events::new(Framing::Sse), Vec::new());
        let stream = format!("event: x{end}data: {}{end}{end}", CHAT("x"));
        events.push(stream.as_bytes(), &mut book, &mut out);
        assert_eq!(out, stream.as_bytes(), "nothing waits");
    }
}

#[test]
fn an_event_of_another_choice_comes_between_and_one_of_its_own_does_not() {
    let token = token();
    let (head, tail) = token.split_at(9);
    let other =
        json!({"choices": [{"index": 1, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]});
    let own =
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]});
    for (between, want) in [(other, NAME), (own, &*token)] {
        let events = [CHAT(head), between, CHAT(tail)];
        let got = read(Framing::Sse, &restored(Framing::Sse, &framed(Framing::Sse, &events), 100).0);
        assert_eq!(joined(&got, "/choices/0/delta/content"), want);
    }
}

#[test]
fn where_nothing_may_be_kept_an_event_goes_on_as_it_comes() {
    let token = token();
    let long = json!({"type": "image", "b64": "A".repeat(200_000), "who": &token});
    let stream = framed(Framing::Sse, &[long, CHAT(&token)]);
    let (mut book, mut events, mut out) = (book(&[("name", NAME)]).0, Events::new(Framing::Sse), Vec::new());
    for piece in stream.chunks(4096) {
        events.push(piece, &mut book, &mut out);
        assert!(events.buffer.len() <= 150_000, "no more than the budget has");
    }
    events.finish(&mut book, &mut out);
    let got = read(Framing::Sse, std::str::from_utf8(&out).unwrap());
    assert_eq!((got[0]["who"].as_str(), got[1]["choices"][0]["delta"]["content"].as_str()), (Some(NAME), Some(NAME)));
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
        let (mut book, mut events, mut out) = (book(&[("name", NAME)]).0, Events::new(framing), Vec::new());
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
    let (mut book, mut events, mut out) = (book(&[("name", NAME)]).0, Events::new(Framing::Sse), Vec::new());
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
        // What is held goes out later, perhaps in an event of its own; nothing else changes.
        let letters = |text: &str| { let mut all = text.as_bytes().to_vec(); all.sort_unstable(); all };
        prop_assert!(out.len() >= stream.len(), "{stream:?} became {out:?}");
        prop_assert!(out.matches('N').count() >= stream.matches('N').count(), "{stream:?} became {out:?}");
        if out.len() == stream.len() {
            prop_assert_eq!(letters(&out), letters(&stream));
        }
    }
}
