use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{BATCH_ROWS, Batches, Filter, scan_rows};
use crate::{CommandError, Outcome, worker};

fn run(threads: usize, input: &str) -> (Result<Outcome, CommandError>, Vec<Value>) {
    let scanner = worker::scanner_with(&[]).unwrap();
    let mut out = Vec::new();
    let input = io::Cursor::new(input.as_bytes().to_vec());
    let outcome = scan_rows(&scanner, &Filter::default(), threads, input, &mut out);
    let lines = String::from_utf8(out).unwrap();
    (outcome, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn rows_keep_their_order_and_ids() {
    let (outcome, out) =
        run(2, "{\"id\":1,\"text\":\"hello\"}\n\n{\"id\":\"b\",\"text\":\"write to anna.meyer@example.org\"}\n");
    assert_eq!(outcome.unwrap(), Outcome::No);
    assert_eq!(out[0], json!({"id": 1, "verdict": "allow", "findings": [], "redacted": "hello"}));
    assert_eq!(out[1]["id"], "b");
    assert_eq!(out[1]["verdict"], "redact");
    assert_eq!(out[1]["redacted"], "write to [REDACTED_EMAIL]");
    let finding = &out[1]["findings"][0];
    assert_eq!((finding["start"].as_u64(), finding["end"].as_u64()), (Some(9), Some(31)));
    for key in ["rule", "kind", "kb", "confidence", "action"] {
        assert!(!finding[key].is_null(), "{key} is missing");
    }
}

#[test]
fn thousands_of_rows_keep_their_order_on_any_number_of_threads() {
    let rows: String = (0..3000).map(|id| format!("{{\"id\":{id},\"text\":\"{}\"}}\n", "x".repeat(id % 50))).collect();
    for threads in [1, 3] {
        let (outcome, out) = run(threads, &rows);
        assert_eq!(outcome.unwrap(), Outcome::Done);
        assert!(out.iter().map(|row| row["id"].as_u64().unwrap()).eq(0..3000), "{threads} threads");
    }
}

#[test]
fn a_row_that_is_none_is_named_after_the_answers_before_it() {
    let rows: String = (0..200).map(|id| format!("{{\"id\":{id},\"text\":\"a\"}}\n")).collect();
    let (outcome, out) = run(2, &format!("{rows}\n{{\"id\":2}}\n{rows}"));
    let error = outcome.unwrap_err().to_string();
    assert!(error.starts_with("<stdin>:202: not a row"), "{error}");
    assert_eq!(out.len(), 200);
}

#[test]
fn a_row_that_costs_too_much_is_denied_and_the_next_one_judged() {
    // A few kilobytes that unfold to more than may be unfolded.
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&"some words and ".repeat(1 << 20).into_bytes()).unwrap();
    let dear = STANDARD.encode(packed.finish().unwrap());
    let row = |(id, text): (usize, &str)| format!("{}\n", json!({"id": id, "text": text}));
    let (outcome, out) = run(2, &["hi", &dear, "hello"].into_iter().enumerate().map(row).collect::<String>());
    assert_eq!((outcome.unwrap(), out.len()), (Outcome::No, 3));
    assert_eq!((out[1]["verdict"].as_str(), out[1]["redacted"].as_str()), (Some("deny"), Some("")));
    assert!(out[1]["error"].as_str().unwrap().contains("more than"), "{}", out[1]);
    assert!(out[2]["verdict"] == "allow" && out[2]["error"].is_null());
}

#[test]
fn a_last_row_needs_no_newline_and_an_empty_input_is_clean() {
    let (outcome, out) = run(1, "{\"id\":1,\"text\":\"a\"}");
    assert_eq!((outcome.unwrap(), out.len()), (Outcome::Done, 1));
    assert_eq!(run(1, "").0.unwrap(), Outcome::Done);
}

#[test]
fn batches_hold_whole_rows_however_the_input_is_cut() {
    struct Drip(Vec<u8>, usize);
    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            buffer[..len].copy_from_slice(&self.0.drain(..len).collect::<Vec<u8>>());
            Ok(len)
        }
    }
    let text: String = (0..500).map(|number| format!("{}\n", "y".repeat(number % 37))).collect();
    for step in [1, 7, 64, 5000] {
        let batches: Vec<_> = Batches::new(Drip(text.as_bytes().to_vec(), step)).collect();
        let joined: Vec<u8> = batches.iter().flat_map(|batch| batch.text.clone()).collect();
        assert!(joined == text.as_bytes(), "step {step}");
        let mut line = 1;
        for batch in batches {
            let rows = batch.text.iter().filter(|byte| **byte == b'\n').count();
            assert!(batch.first == line && (1..=BATCH_ROWS).contains(&rows) && batch.text.ends_with(b"\n"));
            line += rows;
        }
    }
}

/// A caller that reads each answer before it asks the next question.
struct Pipe(Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

struct Answers(Sender<Vec<u8>>);

impl Write for Answers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn each_row_is_answered_before_the_next_one_is_sent() {
    let ((ask, questions), (answer, answers)) = (channel(), channel());
    let scanner = worker::scanner_with(&[]).unwrap();
    let running =
        std::thread::spawn(move || scan_rows(&scanner, &Filter::default(), 3, Pipe(questions), Answers(answer)));
    for id in 0..20 {
        ask.send(format!("{{\"id\":{id},\"text\":\"a\"}}\n").into_bytes()).unwrap();
        let answer = answers.recv_timeout(Duration::from_secs(20)).expect("the row is not answered");
        assert_eq!(serde_json::from_slice::<Value>(&answer).unwrap()["id"], id);
    }
    // A row that is none ends it although the caller goes on holding its end.
    ask.send(b"{}\n".to_vec()).unwrap();
    assert!(running.join().unwrap().is_err());
}
