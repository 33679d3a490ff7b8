use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::Response;
use tokio::sync::Semaphore;

use super::Restorer;
use crate::act::inspect::budget::Budget;
use crate::act::inspect::vault::tests::live;

const EMAIL: &str = "anna.meyer@acme-office.de";

/// The editor of an answer of this type, and the placeholder of [`EMAIL`].
fn restorer(content_type: &str, stream: bool) -> (Option<Restorer>, String) {
    let (live, tokens) = live(&[("email", EMAIL)]);
    let (head, ()) = Response::builder().header("content-type", content_type).body(()).unwrap().into_parts();
    let charge = Budget::new(1 << 20).charge(IpAddr::V4(Ipv4Addr::LOCALHOST));
    (Restorer::new(live, charge, &head, stream, &Arc::new(Semaphore::new(1))), tokens[0].clone())
}

fn restored(content_type: &str, stream: bool, text: &str, size: usize) -> String {
    let (restorer, token) = restorer(content_type, stream);
    let (mut restorer, text) = (restorer.unwrap(), text.replace("TOKEN", &token));
    let mut out: Vec<u8> =
        text.as_bytes().chunks(size).flat_map(|piece| restorer.push(piece, false).unwrap()).collect();
    out.extend(restorer.push(&[], true).unwrap());
    String::from_utf8(out).unwrap().replace(&token, "TOKEN")
}

#[test]
fn the_form_is_told_by_enough_and_by_no_more() {
    // Of prose, everything; of JSON, what stands in strings; of events, what their deltas join.
    let rows = [
        ("text/plain", true, "[TOKEN] {TOKEN}", format!("[{EMAIL}] {{{EMAIL}}}")),
        ("text/plain", true, "{TOKEN}", format!("{{{EMAIL}}}")),
        ("text/plain", true, "\"TOKEN\" TOKEN", format!("\"{EMAIL}\" {EMAIL}")),
        ("text/plain", true, "data: TOKEN", format!("data: {EMAIL}")),
        ("text/plain", true, "idTOKEN:", format!("id{EMAIL}:")),
        ("text/plain", true, ": TOKEN", format!(": {EMAIL}")),
        ("text/plain", false, "data: {TOKEN}", format!("data: {{{EMAIL}}}")),
        ("text/plain", false, " {\"a\": TOKEN, \"b\": \"TOKEN\"}", format!(" {{\"a\": TOKEN, \"b\": \"{EMAIL}\"}}")),
        ("text/plain", true, "data: {\"a\": TOKEN}\n\n", "data: {\"a\": TOKEN}\n\n".to_owned()),
        ("text/plain", true, "event: x\ndata: {\"a\": TOKEN}\n\n", "event: x\ndata: {\"a\": TOKEN}\n\n".to_owned()),
        ("application/json", true, "[TOKEN, \"TOKEN\"]", format!("[TOKEN, \"{EMAIL}\"]")),
        ("application/json", false, " \n\"TOKEN\"", format!(" \n\"{EMAIL}\"")),
        ("text/plain", true, "  ", "  ".to_owned()),
        ("text/plain", true, "{", "{".to_owned()),
        ("text/plain", true, "even", "even".to_owned()),
    ];
    for (content_type, stream, text, want) in rows {
        for size in [1, 2, 5, 1000] {
            assert_eq!(restored(content_type, stream, text, size), want, "{text:?} by {size}");
        }
    }
}

#[test]
fn blanks_before_an_answer_and_words_of_prose_pass_at_once() {
    for text in ["  \n", "dear"] {
        let (restorer, _) = restorer("text/plain", true);
        assert_eq!(restorer.unwrap().push(text.as_bytes(), false).unwrap(), text);
    }
}

#[test]
fn text_in_another_encoding_is_not_edited() {
    for (content_type, edited) in [
        ("text/event-stream", true),
        ("text/event-stream; charset=utf-8", true),
        ("application/json;Charset=\"UTF-8\"", true),
        ("text/plain; charset=us-ascii", true),
        ("text/plain; charset=utf-16", false),
        ("text/plain; format=flowed; charset=iso-2022-jp", false),
        ("text/html", false),
    ] {
        assert_eq!(restorer(content_type, true).0.is_some(), edited, "{content_type}");
    }
}
