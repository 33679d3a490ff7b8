//! What a request carries that nobody can read.

use std::net::{IpAddr, Ipv4Addr};

use gate_core::{
    Action, ConnectionFacts, FileKind, FilePlace, HostName, Judge, Mode, PromptFacts, PromptVerdict, Reason, Unread,
    Verdict,
};

use super::super::super::tests::support::scanner;
use super::super::{Inspector, Prompt, ValueHash};
use super::{Always, KEY, Unreadable, bomb, form, inspector, judge, judge_as, prompt};

#[test]
fn a_part_that_is_no_text_is_the_policys_to_decide() {
    let judged =
        |judge: &dyn Judge, body: &[u8]| judge_as(&inspector(), judge, Some("multipart/form-data; boundary=x"), body);
    let image = form("image/png", b"\x89PNG\r\n\x1a\n\0\xFF");
    assert_eq!(judged(&Unreadable(Action::Allow), &image).action, Action::Allow);
    let told = judged(&Unreadable(Action::Alert), &image);
    assert_eq!((told.action, told.unread), (Action::Alert, Some(Reason::BadEncoding)));
    assert_eq!(judged(&Unreadable(Action::Deny), &image).refusal.unwrap().reason, Reason::BadEncoding);
    assert_eq!(judged(&Unreadable(Action::Deny), &form("text/plain", b"hello")).refusal, None);
    let garbled = judged(&Unreadable(Action::Allow), &form("text/plain", b"gr\xFCn"));
    assert_eq!(garbled.refusal.unwrap().reason, Reason::BadEncoding, "text in no known encoding");
    let hidden = form("image/png", format!("\x01\0{KEY}").as_bytes());
    let hidden = judged(&Unreadable(Action::Allow), &hidden);
    assert_eq!(hidden.refusal.unwrap().reason, Reason::FrozenContent, "found, and no edit fits");
}

/// Lets PDFs and small files pass, does the same with all others, and lets the rest pass, read or not.
struct Files(Action);

impl Judge for Files {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        Always(Action::Redact).prompt(facts)
    }

    fn unread(&self, _: IpAddr, _: Unread) -> Action {
        Action::Allow
    }

    fn upload(&self, _: IpAddr, kind: FileKind, bytes: u64) -> Action {
        if kind == FileKind::Pdf || bytes < 10 { Action::Allow } else { self.0 }
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

#[test]
fn files_are_noted_and_the_policys_to_decide_wherever_they_are() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR and what else there is in an image of some bytes more";
    let packed = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    let chat = |url: &str| {
        let image = format!(r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#);
        format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{image}]}}]}}"#).into_bytes()
    };
    let pdf = [b"%PDF-1.7\n\xE2\xE3".as_slice(), &[7; 90]].concat();
    let parts = Some("multipart/form-data; boundary=x");
    let json = Some("application/json");
    // Content type and body, what is in it, and whether it may leave.
    let rows = [
        (
            json,
            chat(&format!("data:image/png;base64,{}", packed(PNG))),
            FileKind::Image,
            FilePlace::Conversation,
            false,
        ),
        (json, chat(&packed(&pdf)), FileKind::Pdf, FilePlace::Conversation, true),
        (json, chat("https://a.example/b"), FileKind::Link, FilePlace::Conversation, false),
        (parts, form("image/png", PNG), FileKind::Image, FilePlace::Part, false),
        (parts, form("application/pdf", &pdf), FileKind::Pdf, FilePlace::Part, true),
        (Some("image/png"), PNG.to_vec(), FileKind::Image, FilePlace::Body, false),
        (Some("application/octet-stream"), pdf.clone(), FileKind::Pdf, FilePlace::Body, true),
    ];
    let (inspector, same) = (inspector(), ValueHash::new(&[7; 32]));
    for (content_type, body, kind, place, may) in rows {
        let judged = |action| judge_as(&inspector, &Files(action), content_type, &body);
        for (action, told) in [(Action::Allow, None), (Action::Alert, (!may).then_some(Action::Alert))] {
            let judged = judged(action);
            assert_eq!((judged.refusal, judged.action), (None, told.unwrap_or(Action::Allow)), "{kind:?} {place:?}");
            assert_eq!(judged.unread, told.map(|_| Reason::Policy("uploads".to_owned())));
        }
        let denied = judged(Action::Deny);
        assert_eq!(denied.refusal.map(|refusal| refusal.reason), (!may).then(|| Reason::Policy("uploads".to_owned())));
        let [file] = &denied.attachments[..] else { panic!("{:?}", denied.attachments) };
        assert_eq!((file.kind, file.place, denied.more_attachments), (kind, place, 0));
        let bytes = if kind == FileKind::Image { PNG } else { &pdf };
        if kind != FileKind::Link {
            assert_eq!(file.bytes, bytes.len() as u64);
            let known = Inspector::new(same.clone(), 1 << 20, 100);
            let hash = &judge_as(&known, &Files(Action::Allow), content_type, &body).attachments[0].keyed_hash;
            assert_eq!(*hash, same.tag(bytes).short_hex(), "the same however it comes");
        }
    }
    let text = judge_as(&inspector, &Files(Action::Deny), parts, &form("text/plain", b"hello"));
    assert_eq!((text.refusal, text.attachments.len()), (None, 0));
}

#[test]
fn more_files_than_are_listed_are_counted_and_judged_as_unknown() {
    let file = r#"{"type":"input_file","file_id":"f1"}"#;
    let body = format!(r#"{{"model":"gpt-5","input":[{}]}}"#, vec![file; 70].join(","));
    let judged = |action| judge(&inspector(), &Files(action), body.as_bytes());
    let allowed = judged(Action::Allow);
    assert_eq!((allowed.attachments.len(), allowed.more_attachments), (32, 38));
    assert!(judged(Action::Deny).refusal.is_some(), "small ones may, and nobody looked at the last");
}

#[test]
fn where_nobody_looked_may_be_files() {
    let field = [&b"\x0a\x09"[..], b"\xff\xfe%PDF-1."].concat();
    let nested = (0..400).fold(Vec::new(), |message: Vec<u8>, _| {
        let length = [0x80 | (message.len() & 0x7F) as u8, (message.len() >> 7) as u8];
        [&[0x1A], &length[..], &message].concat()
    });
    let rows = [
        ("application/json", bomb()),
        ("application/json", ("[".repeat(200) + &"]".repeat(200)).into_bytes()),
        ("application/proto", field.clone()),
        ("application/proto", nested),
        ("application/grpc-web-text", b"AAAAAAUKA2FubmE=".to_vec()),
    ];
    let told = || Some(Reason::Policy("uploads".to_owned()));
    for (media, body) in &rows {
        let judged = |action| judge_as(&inspector(), &Files(action), Some(media), body);
        assert_eq!((judged(Action::Allow).refusal, judged(Action::Allow).unread), (None, None), "{media}");
        assert_eq!((judged(Action::Alert).refusal, judged(Action::Alert).unread), (None, told()), "{media}");
        assert_eq!(judged(Action::Deny).refusal.map(|refusal| refusal.reason), told(), "{media}");
        let host = HostName::parse(b"api.openai.com").unwrap();
        let asked = prompt(IpAddr::V4(Ipv4Addr::LOCALHOST), &host);
        let answer = Prompt { is_answer: true, content_type: Some(media), body, ..asked };
        let judged = inspector().judge(&Files(Action::Deny), &scanner(), &answer, &mut |_| true);
        assert_eq!(judged.refusal, None, "{media}: nobody sends an answer away");
    }
    let plain = judge_as(&inspector(), &Files(Action::Deny), Some("application/proto"), b"\x0a\x04anna");
    assert_eq!(plain.refusal, None, "all of it was read");
}
