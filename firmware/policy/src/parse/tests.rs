use gate_core::{Account, AccountFacts, AccountHash, AccountKind, Action, Catalogue, FileKind, Judge, Mode, Unread};
use proptest::prelude::{any, prop, proptest};

use super::{FILE_CAP, FLOW_CAP, PolicyError, line_of};
use crate::Policy;
use crate::parse::line::Step;

const EXAMPLE: &str = include_str!("../../policy.example.yaml");

fn said(text: &str) -> String {
    Policy::from_yaml("p.yaml", text).unwrap_err().to_string()
}

/// A policy in which one thing is wrong.
fn with(rest: &str) -> String {
    format!("version: 1\n{rest}")
}

#[test]
fn the_example_is_valid_and_speaks_of_vendors_that_exist() {
    let policy = Policy::from_yaml("policy.example.yaml", EXAMPLE).unwrap();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/kb8-providers");
    let read = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read_to_string(path).unwrap());
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let files: Vec<_> =
        files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "toml")).map(read).collect();
    let catalogue = Catalogue::from_toml(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).unwrap();
    assert_eq!(policy.warnings(Some(&catalogue)), Vec::<String>::new());
    assert_eq!(policy.mode_of("192.0.2.12".parse().unwrap()), Mode::Refused);
    assert_eq!(policy.mode_of("192.0.2.11".parse().unwrap()), Mode::Inspected);
    assert_eq!(policy.mode_of("192.0.2.10".parse().unwrap()), Mode::Watched);
}

#[test]
fn the_least_policy_is_the_default() {
    assert_eq!(Policy::from_yaml("p.yaml", "version: 1").unwrap(), Policy::default());
    assert_eq!(Policy::default().mode_of("192.0.2.1".parse().unwrap()), Mode::Watched);
}

#[test]
fn what_cannot_be_read_is_the_files_to_decide() {
    let ask = |text: &str| {
        let policy = Policy::from_yaml("p.yaml", text).unwrap();
        [Unread::Costly, Unread::Opaque].map(|what| policy.unread("192.0.2.1".parse().unwrap(), what))
    };
    assert_eq!(ask("version: 1"), [Action::Deny, Action::Allow]);
    assert_eq!(ask(&with("unread: {opaque: deny}\n")), [Action::Deny, Action::Deny]);
    assert_eq!(ask(&with("unread: {costly: allow, opaque: alert}\n")), [Action::Allow, Action::Alert]);
    let redact = said(&with("unread: {costly: redact}\n"));
    assert!(redact.starts_with("p.yaml, line 2: unread.costly: unknown variant `redact`"), "{redact}");
}

#[test]
fn accounts_are_known_by_all_they_show_or_by_an_organization_that_tells() {
    let text = with("accounts: {known: [acc-00000000000000aa, acc-00000000000000bb], unknown: deny}\n");
    let policy = Policy::from_yaml("p.yaml", &text).unwrap();
    let ask = |shown: &[(AccountKind, u64)], organization_tells| {
        let accounts: Vec<_> =
            shown.iter().map(|(kind, bits)| Account { kind: *kind, hash: AccountHash(*bits) }).collect();
        policy.account(&AccountFacts { accounts: &accounts, organization_tells })
    };
    let (key, organization) = (AccountKind::Key, AccountKind::Organization);
    for (shown, tells, known) in [
        (&[(key, 0xaa)][..], false, true),
        (&[(key, 0xaa), (organization, 0xbb)], false, true),
        (&[(key, 0xaa), (organization, 0xcc)], true, false),
        (&[(key, 0xcc), (organization, 0xbb)], true, true),
        (&[(key, 0xcc), (organization, 0xbb), (organization, 0xdd)], true, false),
        (&[(key, 0xcc), (organization, 0xbb)], false, false),
        (&[(key, 0xaa), (key, 0xcc)], true, false),
        (&[], true, false),
    ] {
        assert_eq!(ask(shown, tells), (!known).then_some(Action::Deny), "{shown:?} {tells}");
    }
    let nobody = AccountFacts { accounts: &[], organization_tells: false };
    assert_eq!(Policy::default().account(&nobody), Some(Action::Allow));
    let key = said(&with("accounts:\n  unknown: alert\n  known: [sk-proj-i0VpEBOWfbZA]\n"));
    assert!(key.starts_with("p.yaml, line 4: accounts.known[0]: this is no account: `acc-`"), "{key}");
    assert!(said(&with("accounts: {known: []}\n")).contains("missing field `unknown`"));
    assert!(said(&with("accounts: {unknown: redact}\n")).contains("accounts.unknown: unknown variant `redact`"));
}

#[test]
fn files_are_the_files_to_decide_by_size_and_type() {
    let ask = |text: &str| {
        let policy = Policy::from_yaml("p.yaml", text).unwrap();
        let files = [(FileKind::Pdf, 100), (FileKind::Pdf, 101), (FileKind::Image, 1), (FileKind::Unknown, u64::MAX)];
        files.map(|(kind, bytes)| policy.upload("192.0.2.1".parse().unwrap(), kind, bytes))
    };
    let (allow, alert, deny) = (Action::Allow, Action::Alert, Action::Deny);
    assert_eq!(ask("version: 1"), [allow; 4]);
    assert_eq!(ask(&with("uploads: {max_bytes: 100}\n")), [allow, deny, allow, deny]);
    assert_eq!(ask(&with("uploads: {types: [pdf]}\n")), [allow, allow, deny, deny]);
    assert_eq!(ask(&with("uploads: {types: [], action: alert}\n")), [alert; 4]);
    assert_eq!(ask(&with("uploads: {max_bytes: 100, types: [pdf, image]}\n")), [allow, deny, allow, deny]);
    for (text, message) in [
        ("uploads: {}\n", "p.yaml, line 2: uploads: one of max_bytes and types is needed"),
        (
            "uploads:\n  types: [pdf, docx]\n",
            "p.yaml, line 3: uploads.types[1]: `docx` is no type of file; there are pdf, off",
        ),
        ("uploads: {max_bytes: 0}\n", "p.yaml, line 2: uploads.max_bytes: "),
        ("uploads: {action: allow}\n", "p.yaml, line 2: uploads.action: unknown variant `allow`"),
        ("uploads: {max: 3}\n", "p.yaml, line 2: uploads: unknown field `max`"),
    ] {
        let said = said(&with(text));
        assert!(said.starts_with(message), "{said}");
    }
}

#[test]
fn what_is_not_understood_is_named_with_its_line() {
    for (text, message) in [
        ("", "p.yaml, line 1: missing field `version`"),
        ("groups: []\n", "p.yaml, line 1: missing field `version`"),
        (&with("group: []\n"), "p.yaml, line 2: unknown field `group`, expected one of `version`, `groups`"),
        (
            &with("groups:\n  - name: a\n    client: [192.0.2.1]\n    mode: watch\n"),
            "p.yaml, line 4: groups[0]: unknown field `client`",
        ),
        (
            &with("groups:\n  - name: a\n    clients: [192.0.2.1]\n    mode: spy\n"),
            "p.yaml, line 5: groups[0].mode: unknown variant `spy`",
        ),
        (
            &with("groups:\n  - name: a\n    mode: watch\n"),
            "p.yaml, line 3: groups[0]: one of clients and names is needed",
        ),
        (
            &with("groups:\n  - name: a\n    clients:\n      - 192.0.2.1\n      - office\n    mode: watch\n"),
            "p.yaml, line 6: groups[0].clients[1]: `office` is neither an address nor a network",
        ),
        (
            &with("groups:\n  - name: a\n    clients: [192.0.2.1]\n    mode: deny\n    strict: true\n"),
            "p.yaml, line 6: groups[0].strict: only with mode inspect",
        ),
        (&with("default_strict: true\n"), "p.yaml, line 2: default_strict: only with mode inspect"),
        (&with("default_mode: off\n"), "p.yaml, line 2: default_mode: unknown variant `off`"),
        (&with("rules:\n  - name: a\n    action: block\n"), "p.yaml, line 4: rules[0].action: unknown variant `block`"),
        (
            &with("rules:\n  - name: a\n    hosts: ['*']\n    action: deny\n"),
            "p.yaml, line 4: rules[0].hosts[0]: `*` is not a host name",
        ),
        (
            &with("findings:\n  - kb: kb9-lies\n    action: deny\n"),
            "p.yaml, line 3: findings[0].kb: unknown variant `kb9-lies`",
        ),
        (
            &with("findings:\n  - kind: email\n    min_confidence: high\n    action: deny\n"),
            "p.yaml, line 4: findings[0].min_confidence: invalid type",
        ),
        (&with("version: 1\n"), "duplicate"),
        (&with("groups: [\n"), "p.yaml, line "),
        ("--- \nversion: 1\n--- \nversion: 1\n", "more than one document"),
    ] {
        let said = said(text);
        assert!(
            said.starts_with(message) || (!message.starts_with('p') && said.contains(message)),
            "{said}\nwanted {message}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_named_with_its_line_and_key() {
    let group = "groups:\n  - name: a\n    clients: [192.0.2.1]\n    mode: watch\n";
    for (text, message) in [
        ("# comment\nversion: 2\n", "p.yaml, line 2: version: version 2 is not known; write 1"),
        (
            &with(&format!("{group}  - name: a\n    clients: [192.0.2.2]\n    mode: deny\n")),
            "p.yaml, line 6: groups[1].name: there is another group `a`",
        ),
        (
            &with("groups:\n  - name: ''\n    clients: [192.0.2.1]\n    mode: deny\n"),
            "p.yaml, line 3: groups[0].name: a name has 1 to 64",
        ),
        (
            &with("groups:\n  - name: \"a\\nb\"\n    clients: [192.0.2.1]\n    mode: deny\n"),
            "p.yaml, line 3: groups[0].name: a name has",
        ),
        (
            &with("groups:\n  - name: a\n    mode: deny\n    clients: []\n"),
            "p.yaml, line 5: groups[0].clients: the list is empty",
        ),
        (
            &with(&format!(
                "{group}rules:\n  - name: x\n    action: deny\n  - action: deny\n    name: y\n\n    group: b\n"
            )),
            "p.yaml, line 12: rules[1].group: there is no group `b`",
        ),
        (
            &with("rules:\n  - name: x\n    models: []\n    action: deny\n"),
            "p.yaml, line 4: rules[0].models: the list is empty",
        ),
        (
            &with("rules:\n  - name: x\n    vendors:\n      - openai\n      - Open AI\n    action: deny\n"),
            "p.yaml, line 6: rules[0].vendors[1]: `Open AI` is not an identifier",
        ),
        (&with("findings:\n  - action: deny\n"), "p.yaml, line 3: findings[0]: one of kind, rule and kb is needed"),
        (
            &with("findings:\n  - {kind: email, action: deny}\n  - {kind: E-Mail, action: deny}\n"),
            "p.yaml, line 4: findings[1].kind: `E-Mail`",
        ),
        (
            &with("findings:\n  - kind: email\n    action: deny\n    min_confidence: 101\n"),
            "p.yaml, line 5: findings[0].min_confidence: a confidence",
        ),
        (
            &with("findings:\n  - kind: email\n    action: deny\n    group: b\n"),
            "p.yaml, line 5: findings[0].group: there is no group `b`",
        ),
        (
            &with("findings:\n  - kind: email\n    action: deny\n    reversible: true\n"),
            "p.yaml, line 5: findings[0].reversible: only with action redact",
        ),
    ] {
        let said = said(text);
        assert!(said.starts_with(message), "{said}\nwanted {message}");
    }
}

#[test]
fn the_file_and_its_lists_are_capped() {
    let long = with(&format!("#{}", "x".repeat(FILE_CAP)));
    assert!(matches!(Policy::from_yaml("p.yaml", &long), Err(PolicyError::TooLarge { cap: FILE_CAP, .. })));
    let findings = |count: usize| with(&format!("findings:\n{}", "  - {kind: a, action: deny}\n".repeat(count)));
    assert!(Policy::from_yaml("p.yaml", &findings(1024)).is_ok());
    assert_eq!(said(&findings(1025)), "p.yaml, line 3: findings: 1025 entries are more than 1024");
    let models =
        |count: usize| with(&format!("rules:\n  - name: a\n    action: deny\n    models: [{}]\n", "a,".repeat(count)));
    assert!(Policy::from_yaml("p.yaml", &models(1024)).is_ok());
    assert_eq!(said(&models(1025)), "p.yaml, line 5: rules[0].models: 1025 entries are more than 1024");
}

/// Texts within the cap that cost a careless reader minutes or gigabytes.
#[test]
fn bombs_are_refused_quickly() {
    let mut aliases = String::from("version: 1\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let below = format!("*a{},", level - 1).repeat(10);
        aliases.push_str(&format!("a{level}: &a{level} [{below}]\n"));
    }
    aliases.push_str("groups: *a11\n");
    let bombs = [
        aliases,
        with(&format!("groups: {}", "[".repeat(FILE_CAP - 100))),
        with(&format!("groups: {}", "{a: ".repeat(FILE_CAP / 4 - 100))),
        with(&format!("groups: {}", "- ".repeat(FILE_CAP / 2 - 100))),
        with(&format!("groups: {}", "? ".repeat(FILE_CAP / 2 - 100))),
        with(&format!("groups: {}", "[]".repeat(FILE_CAP / 2 - 100))),
        with(&format!("groups: \"{}", "\\n".repeat(FILE_CAP / 2 - 100))),
    ];
    for bomb in bombs {
        let start = std::time::Instant::now();
        assert!(Policy::from_yaml("p.yaml", &bomb).is_err());
        let (took, head) = (start.elapsed(), &bomb[..40]);
        assert!(took.as_secs() < 5, "{took:?} for {head}");
    }
}

#[test]
fn nesting_is_capped_with_its_line() {
    let nested = |depth: usize| with(&format!("groups: []\nrules: {}{}\n", "[".repeat(depth), "]".repeat(depth)));
    assert!(said(&nested(FLOW_CAP)).contains("rules"), "that deep it is merely wrong");
    assert_eq!(said(&nested(FLOW_CAP + 1)), "p.yaml, line 3: brackets are nested deeper than 32");
}

#[test]
fn a_path_that_ends_early_gives_the_nearest_line() {
    let text = "a: 1\nb:\n  - x\n  - c: 2\n";
    assert_eq!(line_of(text, &[Step::Key("b"), Step::Index(1), Step::Key("c")]), 4);
    assert_eq!(line_of(text, &[Step::Key("a")]), 1);
    assert_eq!(line_of("", &[Step::Key("a")]), 1);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,300}") {
        let _ = Policy::from_yaml("p.yaml", &text);
    }

    /// The example with some bytes changed: deep enough to reach every check.
    #[test]
    fn no_near_policy_panics(at in any::<prop::sample::Index>(), with in "[ -~\n]{0,6}", cut in 0..12_usize) {
        let start = at.index(EXAMPLE.len() - cut);
        let text = [&EXAMPLE[..start], &with, &EXAMPLE[start + cut..]].concat();
        if let Err(error) = Policy::from_yaml("p.yaml", &text) {
            let said = error.to_string();
            proptest::prop_assert!(said.starts_with("p.yaml, line "), "{}", said);
        }
    }
}
