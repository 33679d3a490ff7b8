use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use gate_core::{Action, ConnectionFacts, Finding, HostName, Judge, Mode, PromptFacts, PromptVerdict, Verdict};

use super::super::super::kind::Kind;
use super::super::super::tests::support::scanner;
use super::super::super::vault::Vault;
use super::super::tests::prompt;
use super::super::{Inspector, Judged, Prompt, ValueHash};
use super::{Edits, Redaction, Values};
use crate::config::Config;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11));

/// Mail addresses come back, nothing else does.
struct Mail;

impl Judge for Mail {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        Verdict::Terminate
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        let per_finding: Vec<Action> = facts.findings.iter().map(|finding| finding.action).collect();
        let action = per_finding.iter().copied().max().unwrap_or(Action::Allow);
        PromptVerdict { action, per_finding, rule: None, reasons: Vec::new() }
    }

    fn is_reversible(&self, _: IpAddr, _: Option<&str>, finding: &Finding) -> bool {
        finding.kind == "email"
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

fn inspector() -> Inspector {
    Inspector::new(ValueHash::random(), 1 << 20, 100)
        .with_vault(Vault::new(ValueHash::new(&[7; 32]), &Config::default()))
}

fn judged(inspector: &Inspector, reversible: bool, body: &str) -> Judged {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let prompt = Prompt { reversible, body: body.as_bytes(), ..prompt(CLIENT, &host) };
    inspector.judge(&Mail, &scanner(), &prompt, &mut |_| true)
}

#[test]
fn a_value_leaves_as_the_same_placeholder_wherever_it_stands() {
    let inspector = inspector();
    let body = r#"{"messages":[{"role":"user","content":"to anna.meyer@acme-office.de"},{"role":"assistant","tool_calls":[
        {"function":{"arguments":"{\"to\":\"anna.meyer@acme-office.de\",\"cc\":\"anna.meyer\\u0040acme-office.de\"}"}}]},
        {"role":"user","content":"anna.meyer\u0040acme-office.de"}]}"#;
    let judged = judged(&inspector, true, body);
    let edited = String::from_utf8(judged.edited.unwrap()).unwrap();
    let token = edited.split_once("to ").unwrap().1.split_once('"').unwrap().0;
    assert!(token.starts_with("NGP_EMAIL_") && token.len() == 23, "{token}");
    assert_eq!(edited.matches(token).count(), 4, "{edited}");
    assert!(!edited.contains("acme-office"));
    assert_eq!((judged.replaced[0].kind.as_str(), judged.replaced[0].count), ("email", 4));
    assert!(inspector.live((CLIENT, None), "openai", Instant::now()).is_some());
}

#[test]
fn nothing_is_reversible_where_nobody_edits_the_answer_or_the_policy_does_not_say_so() {
    let key = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY";
    let body = format!(r#"{{"messages":[{{"role":"user","content":"{key}, anna.meyer@acme-office.de"}}]}}"#);
    for (reversible, mail) in [(true, "NGP_EMAIL_"), (false, "[REDACTED_EMAIL]")] {
        let judged = judged(&inspector(), reversible, &body);
        let edited = String::from_utf8(judged.edited.unwrap()).unwrap();
        assert!(edited.contains("[REDACTED_API_KEY]") && edited.contains(mail), "{edited}");
        assert_eq!(judged.replaced.is_empty(), !reversible);
    }
}

#[test]
fn what_somebody_signed_for_gets_its_placeholders_again_and_loses_nothing_else() {
    let said = |what: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"{what}","signature":"c2ln"}}]}},
            {{"role":"user","content":"go on"}}]}}"#
        )
    };
    let host = HostName::parse(b"api.anthropic.com").unwrap();
    let ask = |body: String| {
        let prompt = Prompt { reversible: true, body: body.as_bytes(), ..prompt(CLIENT, &host) };
        let prompt = Prompt { vendor: "anthropic", target: "/v1/messages", ..prompt };
        inspector().judge(&Mail, &scanner(), &prompt, &mut |_| true)
    };
    assert_eq!(ask(said("to anna.meyer@acme-office.de")).action, Action::Redact);
    assert_eq!(ask(said("sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY")).action, Action::Deny);
}

#[test]
fn what_overlaps_is_one_and_reversible_only_where_all_of_it_is() {
    let one = |start, end, reversible| Redaction { span: start..end, kind: "email", reversible };
    let rows = [
        (vec![one(4, 8, true), one(0, 3, true)], vec![(0, 3, true), (4, 8, true)]),
        (vec![one(0, 4, true), one(2, 9, false)], vec![(0, 9, false)]),
        (vec![one(0, 4, true), one(2, 9, true), one(9, 10, true)], vec![(0, 9, true), (9, 10, true)]),
        (vec![one(3, 3, true)], vec![]),
    ];
    for (redactions, want) in rows {
        let joined = Edits::of(redactions).0;
        let got: Vec<_> = joined.iter().map(|one| (one.span.start, one.span.end, one.reversible)).collect();
        assert_eq!(got, want);
    }
}

#[test]
fn a_value_is_read_as_a_person_would_write_it_or_not_at_all() {
    let wide: String = "a@b.example".chars().flat_map(|c| [c, '\0']).collect();
    let rows = [
        (Kind::Json, r#"{"a":"<O\"Hara>"}"#, Some("O\"Hara")),
        (Kind::Json, r#"{"x":"\"","a":"[\"<O\\\"Hara\\n>\"]"}"#, Some("O\"Hara\n")),
        (Kind::Json, r#"{"a":"say \"<O\\\"Hara>\""}"#, Some("O\\\"Hara")),
        (Kind::Json, r#"{"a":"<O","b":"Hara>"}"#, None),
        (Kind::Json, r#"{"a":"<Caf\u00e9>"}"#, Some("Café")),
        (Kind::Text, "to <a@b.example>", Some("a@b.example")),
        (Kind::Form, "a=<a@b.example>", Some("a@b.example")),
        (Kind::Form, "a=<a%40b.example>", None),
        (Kind::Opaque, "to <a@b.example>", None),
        (Kind::Text, &format!("<{wide}>"), None),
    ];
    for (kind, text, want) in rows {
        let (start, end) = (text.find('<').unwrap(), text.find('>').unwrap() - 1);
        let body = text.replacen('<', "", 1).replacen('>', "", 1).into_bytes();
        assert_eq!(Values::new(&body, kind).of(&(start..end)).as_deref(), want, "{text}");
    }
}
