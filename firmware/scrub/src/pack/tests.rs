use std::collections::HashSet;
use std::sync::Arc;

use gate_core::Action;

use super::{BUILTIN, OfficeWord, Pack};
use crate::accept::Limits;
use crate::scan::Scanner;

/// A pack of one small rule.
pub(super) const RULE: &str = r#"
kb = "kb1-secrets"

[[rule]]
id = "acme-key"
name = "Acme key"
kind = "api_key"
severity = "high"
action = "redact"
anchors = ["acme_"]
pattern = 'acme_[0-9a-f]{8}'
match = ["acme_0a1b2c3d", "x=acme_9f8e7d6c", "(acme_5b5c5d5e)"]
no_match = ["acme_", "acme_0a1b2c3", "nacme_0a1b2c3d"]
"#;

fn error(text: &str) -> String {
    Pack::compile([("a.toml", text)]).unwrap_err().to_string()
}

#[test]
fn the_example_rule_is_a_pack() {
    let pack = Arc::new(Pack::compile([("a.toml", RULE)]).unwrap());
    assert!(pack.failing_examples().is_empty());
    let rule = pack.rules().next().unwrap();
    assert_eq!((rule.id, rule.kind, rule.action), ("acme-key", "api_key", Action::Redact));
}

#[test]
fn an_anchor_may_stand_for_several() {
    let braced = RULE.replacen("\"acme_\"", "\"{a-b}cme_{0-9}{a-f}\", \"acme_{0-9}{0-9}\"", 1);
    let braced = braced.replacen("'acme_[0-9a-f]{8}", "'<anchor>[0-9a-f]{6}", 1);
    let pack = Arc::new(Pack::compile([("a.toml", &*braced)]).unwrap());
    assert!(pack.failing_examples().is_empty());
    let scan = |text: &str| Scanner::new(Arc::clone(&pack)).text(text.as_bytes(), &Limits::default()).unwrap().len();
    assert_eq!((scan("acme_0a1b2c3d"), scan("acme_011b2c3d"), scan("acme_ab1b2c3d")), (1, 1, 0));
}

#[test]
fn a_pattern_may_speak_of_its_anchors() {
    let named = RULE.replacen("\"acme_\"", "\"acme_\", \"acme.\"", 1).replacen("'acme_", "'<anchor>", 1);
    let pack = Arc::new(Pack::compile([("a.toml", &*named)]).unwrap());
    assert!(pack.failing_examples().is_empty());
    let scan = |text: &str| Scanner::new(Arc::clone(&pack)).text(text.as_bytes(), &Limits::default()).unwrap().len();
    assert_eq!((scan("acme_0a1b2c3d"), scan("acme.0a1b2c3d"), scan("acmex0a1b2c3d")), (1, 1, 0));
}

#[test]
fn a_rule_that_no_literal_marks_is_a_mistake() {
    let wider = RULE.replacen("'acme_", "'acm[ei][_.]", 1);
    let pack = Arc::new(Pack::compile([("a.toml", &*wider)]).unwrap());
    let failures: Vec<String> = pack.failing_examples().iter().map(ToString::to_string).collect();
    let says = "a.toml:4: rule `acme-key`: `pattern` may match what begins with no anchor: `acme.`, `acmi`";
    assert_eq!(failures, [says]);
}

#[test]
fn every_mistake_names_file_line_and_what() {
    // What is written instead of what, and what the error says.
    let rows = [
        ("kind =", "kinds =", "a.toml:7: unknown field `kinds`"),
        ("kb1-secrets", "kb9-nothing", "a.toml:2: unknown variant `kb9-nothing`"),
        ("redact", "erase", "a.toml:9: unknown variant `erase`"),
        ("{8}", "{8", "a.toml:4: rule `acme-key`: `pattern` "),
        ("{8}", "{8}(?:a|b)*a(?:a|b){30}", "limit"),
        ("acme-key", "Acme Key", "`id` has lower case letters"),
        ("api_key", "API key", "`kind` has lower case letters"),
        ("anchors = [\"acme_\"]", "", "`anchors` are needed"),
        ("\"acme_\"]", "\"acme_{z-a}\"]", "`acme_{z-a}` is not an anchor"),
        ("\"acme_\"]", "\"acme_{0-9\"]", "`acme_{0-9` is not an anchor"),
        ("\"acme_\"]", "\"{0-9}{0-9}{0-9}{0-9}\"]", "is not an anchor"),
        ("anchors = [\"acme_\"]", "anchors = [\"\"]", "`anchors` have 1 to 48 bytes"),
        ("anchors =", "starts = \"digits\"\nanchors =", "`anchors` are needed, or `starts`"),
        ("anchors =", "lead = 'a'\nwithin = 3\nanchors =", "only one of `before`, `lead` and `within`"),
        ("anchors =", "within = 97\nanchors =", "`within` is at most 96"),
        ("anchors =", "assigned = true\nanchors =", "`assigned` goes with `within` only"),
        ("anchors =", "max_len = 16385\nanchors =", "`max_len` is 1 to 16384"),
        ("anchors =", "confidence = 101\nanchors =", "`confidence` is at most 100"),
        ("anchors =", "context_required = true\nanchors =", "`context` is empty"),
        ("anchors =", "not_after = \"z-a\"\nanchors =", "`not_after` is not a class"),
        ("anchors =", "checks = [\"lune\"]\nanchors =", "unknown variant `lune`"),
        ("\"acme_\", \"acme_0a1b2c3\", ", "", "at least three examples"),
    ];
    for (right, wrong, says) in rows {
        let error = error(&RULE.replacen(right, wrong, 1));
        assert!(error.contains(says) && error.starts_with("a.toml:"), "{wrong}: {error}");
    }
}

#[test]
fn an_id_has_one_rule() {
    let error = Pack::compile([("a.toml", RULE), ("b.toml", RULE)]).unwrap_err().to_string();
    assert_eq!(error, "b.toml:4: rule `acme-key` has the same id as one in a.toml");
}

#[test]
fn examples_that_do_not_hold_are_named() {
    let rows = [
        ("acme_0a1b2c3d", "acme_", "a.toml:4: rule `acme-key`: example 1 of `match` is not found"),
        ("nacme_0a1b2c3d", "acme_0a1b2c3d", "a.toml:4: rule `acme-key`: example 3 of `no_match` is found at 0..13"),
        (
            "\"(acme_5b5c5d5e)\"",
            "{ text = \"(acme_5b5c5d5e)\", value = \"5b\" }",
            "a.toml:4: rule `acme-key`: example 3 of `match` is found at [(1, 14)], not at (6, 8)",
        ),
        (
            "[\"acme_\"]",
            "[\"acme_\", \"acne_\"]",
            "a.toml:4: rule `acme-key`: `pattern` matches nothing that begins with the anchors `acne_` (byte 2)",
        ),
    ];
    for (right, wrong, says) in rows {
        let pack = Arc::new(Pack::compile([("a.toml", &*RULE.replacen(right, wrong, 1))]).unwrap());
        let failures: Vec<String> = pack.failing_examples().iter().map(ToString::to_string).collect();
        assert_eq!(failures, [says]);
    }
}

#[test]
fn every_builtin_rule_holds_its_examples() {
    let pack = Arc::new(Pack::compile(BUILTIN.iter().copied()).unwrap());
    let failures: Vec<String> = pack.failing_examples().iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(pack.rules().count() >= 150, "{}", pack.rules().count());
    assert!(pack.memory() < 16 << 20, "{} bytes", pack.memory());
}

#[test]
fn every_rule_file_of_the_tree_is_built_in() {
    let packs = concat!(env!("CARGO_MANIFEST_DIR"), "/../packs");
    let mut files =
        HashSet::from(["pack.toml", "allow.toml", "dnssec.toml"].map(|file| format!("firmware/packs/{file}")));
    for kb in std::fs::read_dir(packs).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let name = kb.file_name().unwrap().to_string_lossy().into_owned();
        let rules = std::fs::read_dir(&kb).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // Beside the rules lies what the attack model is trained from, and the model.
        let rules = rules.filter(|file| file.ends_with(".toml"));
        files.extend(rules.filter(|_| name != "kb8-providers").map(|file| format!("firmware/packs/{name}/{file}")));
    }
    let builtin: HashSet<String> = BUILTIN.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(builtin, files);
}

#[test]
fn keys_that_prove_themselves_are_denied_and_the_rest_redacted() {
    let pack = Pack::compile(BUILTIN.iter().copied()).unwrap();
    let action = |id: &str| pack.rules().find(|rule| rule.id == id).unwrap().action;
    for id in ["pem-private-key", "pgp-private-key", "github-token", "npm-token", "atlassian-token"] {
        assert_eq!(action(id), Action::Deny, "{id}");
    }
    for id in ["openai-key", "stripe-key", "email", "phone-international", "payment-card", "iban"] {
        assert_eq!(action(id), Action::Redact, "{id}");
    }
    assert!(pack.rules().filter(|rule| rule.kind == "prompt_attack").all(|rule| rule.action == Action::Alert));
}

#[test]
fn code_words_are_found_however_they_are_written() {
    let word = |word: &str| OfficeWord { word: word.to_owned(), action: Action::Deny };
    let words = [word("Project Falcon"), word("Größenwahn"), word("x-9000")];
    let pack = Arc::new(Pack::compile_with_words([], &words).unwrap());
    let scanner = Scanner::new(pack);
    let found = |text: &str| -> Vec<(String, String)> {
        let findings = scanner.text(text.as_bytes(), &Limits::default()).unwrap();
        findings.into_iter().map(|finding| (finding.rule, text[finding.start..finding.end].to_owned())).collect()
    };
    let rows = [
        ("about PROJECT  FALCON.", Some((1, "PROJECT  FALCON"))),
        ("see project-falcon/readme", Some((1, "project-falcon"))),
        ("let projectFalcon = 1", Some((1, "projectFalcon"))),
        ("Pro\u{200B}ject_Falcon", Some((1, "Pro\u{200B}ject_Falcon"))),
        ("reiner größenwahn", Some((2, "größenwahn"))),
        ("REINER GRÖSSENWAHN", Some((2, "GRÖSSENWAHN"))),
        ("der GRÖßENWAHN", Some((2, "GRÖßENWAHN"))),
        ("the X9000", Some((3, "X9000"))),
        ("falconry project", None),
        ("projectFalconer", None),
        ("subproject falcon", None),
    ];
    for (text, expected) in rows {
        let expected: Vec<(String, String)> =
            expected.iter().map(|(number, value)| (format!("code-word-{number}"), (*value).to_owned())).collect();
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn a_bad_code_word_is_named_by_number_only() {
    let words = [
        OfficeWord { word: "ok word".into(), action: Action::Redact },
        OfficeWord { word: "ab".into(), action: Action::Redact },
    ];
    let error = Pack::compile_with_words([], &words).unwrap_err().to_string();
    assert_eq!(error, "code word 2: has fewer than 3 or more than 200 bytes");
}
