use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use gate_core::{
    Action, ConnectionFacts, HostName, Judge, Mode, PromptFacts, PromptVerdict, Reason, UnixMicros, Unread, Verdict,
};
use gate_scrub::{Pack, Scanner};

use super::super::tests::support::scanner;
use super::case::COUNTS_CAP;
use super::need::{NUMBER_LINE, PIECE};
use super::{Inspector, Judged, Prompt, ValueHash};

mod files;

const KEY: &str = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY";

/// Does the same with every finding.
struct Always(Action);

impl Judge for Always {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        let per_finding = vec![self.0; facts.findings.len()];
        let action = per_finding.iter().copied().max().unwrap_or(Action::Allow);
        PromptVerdict { action, per_finding, rule: None, reasons: vec!["API key pattern detected".to_owned()] }
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

/// Does the same with everything that cannot be read.
struct Unreadable(Action);

impl Judge for Unreadable {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        Always(Action::Redact).prompt(facts)
    }

    fn unread(&self, _: IpAddr, _: Unread) -> Action {
        self.0
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

/// A policy that loses count.
struct Broken;

impl Judge for Broken {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, _: &PromptFacts<'_>) -> PromptVerdict {
        PromptVerdict { action: Action::Allow, per_finding: vec![Action::Allow; 1000], rule: None, reasons: Vec::new() }
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

fn inspector() -> Inspector {
    Inspector::new(ValueHash::random(), 1 << 20, 100)
}

fn judge(inspector: &Inspector, judge: &dyn Judge, body: &[u8]) -> Judged {
    judge_as(inspector, judge, Some("application/json"), body)
}

fn judge_as(inspector: &Inspector, judge: &dyn Judge, content_type: Option<&str>, body: &[u8]) -> Judged {
    judge_with(&scanner(), inspector, judge, content_type, body)
}

fn judge_with(
    scanner: &Scanner,
    inspector: &Inspector,
    judge: &dyn Judge,
    content_type: Option<&str>,
    body: &[u8],
) -> Judged {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let prompt = Prompt { content_type, body, ..prompt(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11)), &host) };
    inspector.judge(judge, scanner, &prompt, &mut |_| true)
}

pub(super) fn prompt(client: IpAddr, host: &HostName) -> Prompt<'_> {
    Prompt {
        client,
        name: None,
        host,
        vendor: "openai",
        target: "/v1/chat/completions",
        fields: &[],
        content_type: None,
        content_encoding: None,
        signed: false,
        body: b"",
        trailers: None,
        reversible: false,
        model: None,
        is_answer: false,
        now: UnixMicros(1_700_000_000_000_000),
    }
}

fn chat(content: &str) -> Vec<u8> {
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{content}"}}]}}"#).into_bytes()
}

#[test]
fn each_action_does_what_it_says() {
    let body = chat(KEY);
    for action in [Action::Allow, Action::Alert, Action::Redact, Action::Deny] {
        let judged = judge(&inspector(), &Always(action), &body);
        assert_eq!((judged.action, judged.findings[0].action), (action, action));
        assert_eq!(judged.edited.is_some(), action == Action::Redact, "{action}");
        assert_eq!(judged.refusal.is_some(), action == Action::Deny, "{action}");
        assert_eq!((judged.counts[0].count, judged.counts[0].action), (1, action));
    }
}

#[test]
fn a_denial_says_why_in_the_policys_words() {
    let refusal = judge(&inspector(), &Always(Action::Deny), &chat(KEY)).refusal.unwrap();
    assert_eq!(
        (refusal.text.as_str(), refusal.reason),
        ("API key pattern detected", Reason::Finding("api_key".into()))
    );
}

#[test]
fn a_secret_is_found_whatever_the_body_is_called() {
    let escaped = chat(KEY).iter().map(|byte| char::from(*byte)).collect::<String>().replace("sk-", "\\u0073k-");
    for content_type in [None, Some("text/plain"), Some("application/json"), Some("application/octet-stream")] {
        let judged = judge_as(&inspector(), &Always(Action::Redact), content_type, escaped.as_bytes());
        let edited = String::from_utf8(judged.edited.unwrap()).unwrap();
        assert_eq!(edited.as_bytes(), chat("[REDACTED_API_KEY]"), "{content_type:?}");
    }
}

#[test]
fn a_finding_in_a_number_is_refused_rather_than_edited() {
    for body in [r#"{"card_number":4012888888881881}"#, r#"{"a":"{\"card_number\":4012888888881881}"}"#] {
        let judged = judge(&inspector(), &Always(Action::Redact), body.as_bytes());
        assert_eq!((judged.action, judged.edited), (Action::Deny, None));
        assert_eq!(judged.refusal.unwrap().reason, Reason::FrozenContent);
        assert_eq!(judge(&inspector(), &Always(Action::Alert), body.as_bytes()).action, Action::Alert);
    }
    let id = judge(&inspector(), &Always(Action::Deny), br#"{"id":4012888888881881,"created":4012888888881881}"#);
    assert_eq!((id.action, id.findings.len()), (Action::Allow, 0));
}

#[test]
fn a_text_in_no_known_encoding_is_refused_and_media_is_not() {
    let body = String::from_utf8(chat("hello")).unwrap();
    let utf32: Vec<u8> = body.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let marked = [&b"\xff\xfe\0\0"[..], &utf32].concat();
    let zip = b"PK\x03\x04 and more";
    let bodies: [&[u8]; 5] = [&utf32, &marked, b"{\"a\":\"\xff\"}", b"\x1f\x8b\x08\0\0", zip];
    for body in bodies {
        for content_type in [None, Some("application/json"), Some("text/plain")] {
            let judged = judge_as(&inspector(), &Always(Action::Allow), content_type, body);
            assert_eq!(judged.refusal.map(|refusal| refusal.reason), Some(Reason::BadEncoding), "{content_type:?}");
        }
    }
    let mark = format!("\u{FEFF}{body}");
    let wide = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    // The model that it asks for would not be seen, in any of them.
    for body in [&body, &mark].into_iter().flat_map(|text| [wide(text, u16::to_le_bytes), wide(text, u16::to_be_bytes)])
    {
        for media in ["application/json", "text/plain", "application/octet-stream"] {
            let refusal = judge_as(&inspector(), &Always(Action::Allow), Some(media), &body).refusal.unwrap();
            assert_eq!((refusal.status.as_u16(), refusal.reason), (415, Reason::BadEncoding), "{media} {body:?}");
        }
    }
    for media in ["audio/wav", "multipart/form-data; boundary=x"] {
        let judged = judge_as(&inspector(), &Always(Action::Allow), Some(media), b"\x1f\x8b\x08\0\xff");
        assert_eq!(judged.refusal, None, "{media}");
    }
}

#[test]
fn a_policy_that_loses_count_and_a_scan_over_budget_deny() {
    let judged = judge(&inspector(), &Broken, &chat(KEY));
    assert_eq!((judged.action, judged.refusal.unwrap().reason), (Action::Deny, Reason::Internal));
    let small = Inspector::new(ValueHash::random(), 64, 100);
    let judged = judge(&small, &Always(Action::Allow), &chat(&"a".repeat(100)));
    assert_eq!((judged.action, judged.refusal.unwrap().reason), (Action::Deny, Reason::ScanBudget));
}

/// A form with one part of these bytes.
fn form(content_type: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("--x\r\nContent-Type: {content_type}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n--x--\r\n"].concat()
}

#[test]
fn what_passes_the_budget_is_the_policys_to_decide_and_told() {
    let small = Inspector::new(ValueHash::random(), 64, 100);
    let deep = "[".repeat(200) + &"]".repeat(200);
    let bodies = [(small, chat(&"a".repeat(100))), (inspector(), deep.into_bytes()), (inspector(), bomb())];
    for (inspector, body) in &bodies {
        for action in [Action::Allow, Action::Alert, Action::Deny] {
            let judged = judge(inspector, &Unreadable(action), body);
            assert_eq!(judged.action, action);
            let refusal = judged.refusal.map(|refusal| refusal.reason);
            assert_eq!(refusal, (action == Action::Deny).then_some(Reason::ScanBudget));
            assert_eq!(judged.unread, (action == Action::Alert).then_some(Reason::ScanBudget));
        }
    }
}

/// A compressed text in base64, which unfolds past any cap.
fn bomb() -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, &vec![b' '; 2 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    chat(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, packed))
}

#[test]
fn media_that_begins_as_json_does_is_still_the_policys_to_decide() {
    let hidden = format!("{{\u{FF} \"a\":\"{}\"", KEY.replace("sk-", "\\u0073k-"));
    let hidden: Vec<u8> = hidden.chars().map(|letter| letter as u8).collect();
    for (media, body) in [("application/pdf", &b"{%PDF-1.7\n\xE2\xE3"[..]), ("application/zip", b"\"PK\x03\x04\0")] {
        assert_eq!(judge_as(&inspector(), &Unreadable(Action::Allow), Some(media), body).action, Action::Allow);
        assert_eq!(judge_as(&inspector(), &Unreadable(Action::Alert), Some(media), body).action, Action::Alert);
        let denied = judge_as(&inspector(), &Unreadable(Action::Deny), Some(media), body);
        assert_eq!(denied.refusal.unwrap().reason, Reason::BadEncoding, "{media}");
        let found = judge_as(&inspector(), &Unreadable(Action::Allow), Some(media), &hidden);
        assert_eq!(found.refusal.unwrap().reason, Reason::FrozenContent, "read as far as it goes, and never edited");
    }
    let two = b"{\"model\":\"a\"}\r\n--x\r\n\r\nb\r\n--x--";
    let judged = judge_as(&inspector(), &Unreadable(Action::Allow), Some("multipart/form-data; boundary=x"), two);
    assert_eq!(judged.refusal.unwrap().reason, Reason::BadRequest);
}

#[test]
fn an_encoding_that_a_server_would_read_otherwise_is_refused() {
    let body = br#"{"messages":[{"content":"anna+AEA-example.org"}]}"#;
    for media in ["application/json; charset=utf-7", "text/plain; charset=\"UTF-7\"", "application/json; charset=cp037"]
    {
        let judged = judge_as(&inspector(), &Always(Action::Allow), Some(media), body);
        assert_eq!(judged.refusal.map(|refusal| refusal.reason), Some(Reason::BadEncoding), "{media}");
    }
    let part = form("text/plain; charset=utf-7", b"anna+AEA-example.org");
    let judged = judge_as(&inspector(), &Always(Action::Allow), Some("multipart/form-data; boundary=x"), &part);
    assert_eq!(judged.refusal.map(|refusal| refusal.reason), Some(Reason::BadEncoding));
    for media in ["application/json; charset=UTF-8", "application/json; charset=iso-8859-1"] {
        assert_eq!(judge_as(&inspector(), &Always(Action::Allow), Some(media), body).refusal, None, "{media}");
    }
}

/// Forbids one model.
struct Without(&'static str);

impl Judge for Without {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        Always(if facts.model == Some(self.0) { Action::Deny } else { Action::Redact }).prompt(facts)
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

#[test]
fn of_several_models_the_strictest_rule_holds() {
    let part = |model: &str| format!("--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n");
    let text = format!("--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\n{KEY}\r\n--x--\r\n");
    let rows = [
        (format!(r#"{{"model":"a","input":"{KEY}"}}"#), None, Action::Redact),
        (format!(r#"{{"model":"b","input":"{KEY}"}}"#), None, Action::Deny),
        (format!(r#"{{"model":"a","input":"{KEY}"}}{{"model":"b"}}"#), None, Action::Deny),
        (part("a") + &text, None, Action::Redact),
        (part("b") + &text, None, Action::Deny),
        (part("a") + &part("b") + &text, None, Action::Deny),
        (part("a") + &part("b").replace("name=", "Name =") + &text, None, Action::Deny),
        (part("a") + &part("a").replace("name=", "name*=") + &text, None, Action::Deny),
        (format!("model=a&text={KEY}"), None, Action::Redact),
        (format!("model=b&text={KEY}"), None, Action::Deny),
        (format!(r#"{{"model":"a","input":"{KEY}"}}"#), Some("b"), Action::Deny),
        (KEY.to_owned(), Some("b"), Action::Deny),
    ];
    let host = HostName::parse(b"api.openai.com").unwrap();
    for (body, model, expected) in rows {
        let content_type = match body.as_bytes() {
            [b'-', ..] => Some("multipart/form-data; boundary=x"),
            [b'm', ..] => Some("application/x-www-form-urlencoded"),
            _ => None,
        };
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let prompt = Prompt { content_type, body: body.as_bytes(), model, ..prompt(client, &host) };
        let judged = inspector().judge(&Without("b"), &scanner(), &prompt, &mut |_| true);
        assert_eq!(judged.action, expected, "{body}");
    }
}

#[test]
fn an_answer_is_not_read_as_a_request() {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let body = br#"{"model":"b","messages":[],"messages":[]}"#;
    let asked = Prompt { body, ..prompt(IpAddr::V4(Ipv4Addr::LOCALHOST), &host) };
    let judged = |prompt: Prompt<'_>| inspector().judge(&Without("b"), &scanner(), &prompt, &mut |_| true);
    assert_eq!(judged(asked).action, Action::Deny);
    let answer = judged(Prompt { is_answer: true, ..asked });
    assert_eq!((answer.refusal, answer.facts.model), (None, None));
    let stated = judged(Prompt { is_answer: true, model: Some("c"), ..asked });
    assert_eq!(stated.model.as_deref(), Some("c"));
}

#[test]
fn without_memory_nothing_passes() {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let body = chat(KEY);
    let prompt = Prompt { body: &body, ..prompt(IpAddr::V4(Ipv4Addr::LOCALHOST), &host) };
    let judged = inspector().judge(&Always(Action::Redact), &scanner(), &prompt, &mut |_| false);
    assert_eq!(judged.refusal.unwrap().reason, Reason::OutOfBudget);
}

#[test]
fn a_body_full_of_escapes_is_paid_for_before_it_is_scanned() {
    let (plain, escaped) = (chat(&"aa".repeat(10_000)), chat(&"\\n".repeat(10_000)));
    assert_eq!(plain.len(), escaped.len());
    let paid = |body: &[u8]| {
        let host = HostName::parse(b"api.openai.com").unwrap();
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let prompt = Prompt { body, ..prompt(client, &host) };
        let mut sum = 0;
        inspector().judge(&Always(Action::Redact), &scanner(), &prompt, &mut |bytes| {
            sum += bytes;
            true
        });
        sum
    };
    assert_eq!(paid(&plain), plain.len());
    assert_eq!(paid(&escaped), escaped.len() + PIECE * 10_000);
    let numbers = format!(r#"{{"input":[{}1]}}"#, "1234567,".repeat(1000)).into_bytes();
    assert_eq!(paid(&numbers), numbers.len() + NUMBER_LINE * 1000);
}

#[test]
fn an_image_in_base64_passes() {
    let image = "iVBORw0KGgoAAAANSUhEUgAAB9AAAAfQCAYAAACaOMR5".repeat(18_000);
    let judged = judge(&inspector(), &Always(Action::Allow), &chat(&image));
    assert_eq!(judged.refusal, None);
}

#[test]
fn a_name_that_holds_a_secret_is_kept_out_of_the_record() {
    let body = format!(r#"{{"model":"{KEY}","messages":[]}}"#);
    let judged = judge(&inspector(), &Always(Action::Alert), body.as_bytes());
    assert_eq!((judged.facts.model.as_deref(), judged.model), (Some(KEY), None));
}

#[test]
fn a_record_lists_no_more_kinds_than_fit() {
    let rules: String = (0..COUNTS_CAP + 10).map(rule).collect();
    let pack = Pack::compile([("rules.toml", format!("kb = \"kb4-property\"\n{rules}").as_str())]).unwrap();
    let words: Vec<String> = (0..COUNTS_CAP + 10).map(|n| format!("codeword{n:03}x")).collect();
    let scanner = Scanner::new(Arc::new(pack));
    let judged = judge_with(&scanner, &inspector(), &Always(Action::Alert), None, &chat(&words.join(" ")));
    assert_eq!((judged.findings.len(), judged.counts.len()), (COUNTS_CAP + 10, COUNTS_CAP));
}

fn rule(n: usize) -> String {
    let word = format!("codeword{n:03}x");
    format!(
        r#"
        [[rule]]
        id = "word-{n}"
        name = "A word"
        kind = "code_word"
        severity = "low"
        action = "alert"
        anchors = ["{word}"]
        pattern = "{word}"
        match = ["{word}", "a {word}", "{word} b"]
        no_match = ["codeword", "word", "{n}"]
        "#
    )
}
