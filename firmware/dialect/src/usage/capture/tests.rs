use super::{Capture, OBJECT_CAP};

/// The objects found in a text, pushed in pieces of this size.
fn found(names: &'static [&'static str], text: &str, size: usize) -> Vec<String> {
    let (mut capture, mut objects) = (Capture::new(names, &[]), Vec::new());
    for piece in text.as_bytes().chunks(size) {
        let mut keep = |object: &[u8]| objects.push(String::from_utf8_lossy(object).into_owned());
        if capture.push(piece, &mut keep).is_break() {
            break;
        }
    }
    objects
}

#[test]
fn takes_named_objects_near_the_root_only() {
    let rows: &[(&str, &[&str])] = &[
        (r#"{"usage":{"a":1}}"#, &[r#"{"a":1}"#]),
        (r#" { "usage" : { "a" : "}" } , "b": 2 }"#, &[r#"{ "a" : "}" }"#]),
        (r#"{"response":{"usage":{"a":{"b":[1]}}}}"#, &[r#"{"a":{"b":[1]}}"#]),
        (r#"[{"usage":{"a":1}},{"usage":{"a":2}}]"#, &[r#"{"a":1}"#, r#"{"a":2}"#]),
        ("{\"usage\":{\"a\":1}}\n{\"usage\":{\"a\":2}}", &[r#"{"a":1}"#, r#"{"a":2}"#]),
        // A model's own data, text that only looks like it, a value instead of a key, null.
        (r#"{"a":{"b":{"usage":{"c":1}}}}"#, &[]),
        (r#"{"content":"\"usage\":{\"a\":1}"}"#, &[]),
        (r#"{"a":"usage","b":{"c":1}}"#, &[]),
        (r#"{"usage":null,"b":{"c":1}}"#, &[]),
        (r#"["usage",{"a":1}]"#, &[]),
        // Not JSON.
        ("[DONE]", &[]),
        ("}{\"usage\":{}}", &[]),
    ];
    for (text, expected) in rows {
        for size in 1..=text.len() {
            assert_eq!(found(&["usage"], text, size), *expected, "{text} in pieces of {size}");
        }
    }
}

#[test]
fn an_object_past_the_cap_is_dropped_and_the_next_one_taken() {
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(OBJECT_CAP - 8));
    assert_eq!(fits.len(), OBJECT_CAP);
    let text = format!("{{\"usage\":{fits}}} {{\"usage\":{}}} {{\"usage\":{{}}}}", fits.replace('a', "ab"));
    assert_eq!(found(&["usage"], &text, 1000), [fits, "{}".to_owned()]);
}

#[test]
fn depth_costs_no_memory() {
    let mut capture = Capture::new(&["usage"], &[]);
    for _ in 0..1000 {
        assert!(capture.push(&[b'['; 1000], &mut |_| ()).is_continue());
    }
    assert_eq!(capture.depth, 1_000_000);
    assert_eq!(capture.held(), 0);
}

#[test]
fn loose_numbers_are_those_of_the_answer_itself() {
    let rows: &[(&str, &[&str])] = &[
        (r#"{"done":true,"eval_count":12}"#, &[r#"{"eval_count":12}"#]),
        ("{\"eval_count\" : 7 ,\"a\":[1]}\n{\"eval_count\":9}", &[r#"{"eval_count":7}"#, r#"{"eval_count":9}"#]),
        (r#"{"eval_count":99999999999999999999}"#, &[r#"{"eval_count":18446744073709551615}"#]),
        (r#"{"eval_count":-1,"b":{"eval_count":1}}"#, &[]),
        (r#"[{"eval_count":1}]"#, &[]),
        (r#"{"eval_count":"12","b":3}"#, &[]),
        (r#"{"eval_count":1.5}"#, &[]),
        (r#"{"eval_count":null}"#, &[]),
        (r#"{"eval_count":{"b":3}}"#, &[]),
    ];
    for (text, expected) in rows {
        for size in 1..=text.len() {
            let (mut capture, mut objects) = (Capture::new(&[], &["eval_count"]), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                let _ = capture.push(piece, &mut |object| objects.push(String::from_utf8_lossy(object).into_owned()));
            }
            assert_eq!(objects, *expected, "{text} in pieces of {size}");
        }
    }
}

#[test]
fn what_is_spoken_is_measured_wherever_it_stands() {
    let rows = [
        (r#"{"choices":[{"delta":{"content":"abcd"}}]}"#, 4),
        (r#"{"delta":"ab","type":"response.output_text.delta"}"#, 2),
        (r#"{"content":[{"type":"text","text":"a\"b"},{"text":""}]}"#, 4),
        (r#"{"content":null,"role":"assistant","id":"content"}"#, 0),
        (r#"{"tool":{"arguments":"{}"},"text":["not","these"]}"#, 2),
        (r#"{"text":{"value":"nor this"}}"#, 0),
    ];
    for (text, bytes) in rows {
        for size in 1..=text.len() {
            let mut capture = Capture::new(&[], &[]);
            for piece in text.as_bytes().chunks(size) {
                assert!(capture.push(piece, &mut |_| ()).is_continue());
            }
            assert_eq!(capture.spoken(), bytes, "{text} in pieces of {size}");
        }
    }
}
