use gate_core::{ConnectionFacts, Demand, Entry, GroupKind, HostName, Judge, Reason, UnixMicros, Verdict};

use super::{DENIED, GROUPS, INSPECTED, WATCHED, connection, ip, may_watch, policy, refused};
use crate::{GroupMode, Policy};

const HOST: &str = "api.openai.com";

#[test]
fn the_mode_of_the_first_group_that_holds_the_client_counts() {
    let policy = policy("default_mode: deny\n");
    for (client, verdict) in [
        (INSPECTED, Verdict::Terminate),
        (DENIED, refused("denied")),
        (WATCHED, Verdict::Splice),
        ("::ffff:192.0.2.11", Verdict::Terminate),
        ("198.51.100.1", refused("default_mode")),
        ("2001:db8:1::11", refused("default_mode")),
    ] {
        assert_eq!(connection(&policy, client, "openai", HOST), verdict, "{client}");
    }
    assert_eq!(policy.group_of(ip(WATCHED)), (Some("watched"), GroupMode::Watch));
    assert_eq!(policy.group_of(ip("198.51.100.1")), (None, GroupMode::Deny));
}

#[test]
fn without_a_policy_everything_is_watched() {
    assert_eq!(connection(&Policy::default(), WATCHED, "openai", HOST), Verdict::Splice);
}

#[test]
fn what_is_not_ai_is_spliced_even_for_the_denied() {
    let policy = policy("default_mode: deny\nrules: [{name: nothing, action: deny}]\n");
    let host = HostName::parse(b"example.org").unwrap();
    let facts = ConnectionFacts { client: ip(DENIED), name: None, host: &host, entry: None, now: UnixMicros(0) };
    assert_eq!(policy.connection(&facts), Verdict::Splice);
}

#[test]
fn every_condition_of_a_rule_must_hold() {
    let policy = policy(
        "rules:
  - {name: all, clients: [192.0.2.8/29], group: watched, vendors: [openai, xai], hosts: ['*.openai.com'], action: deny}
",
    );
    for (client, vendor, host, verdict) in [
        (WATCHED, "openai", "api.openai.com", refused("all")),
        (WATCHED, "xai", "api.openai.com", refused("all")),
        (WATCHED, "anthropic", "api.openai.com", Verdict::Splice),
        (WATCHED, "openai", "openai.com", Verdict::Splice),
        ("192.0.2.100", "openai", "api.openai.com", Verdict::Splice),
        (INSPECTED, "openai", "api.openai.com", Verdict::Terminate),
    ] {
        assert_eq!(connection(&policy, client, vendor, host), verdict, "{client} {vendor} {host}");
    }
}

#[test]
fn the_first_rule_that_matches_counts() {
    let policy = policy(
        "rules:
  - {name: yes, vendors: [openai], hosts: [api.openai.com], action: allow}
  - {name: no, vendors: [openai], action: deny}
  - {name: never, vendors: [openai], action: allow}
",
    );
    assert_eq!(connection(&policy, WATCHED, "openai", HOST), Verdict::Splice);
    assert_eq!(connection(&policy, WATCHED, "openai", "chatgpt.com"), refused("no"));
    assert_eq!(connection(&policy, WATCHED, "anthropic", "api.anthropic.com"), Verdict::Splice);
}

#[test]
fn no_rule_lifts_a_mode_that_denies() {
    let policy = policy("rules: [{name: please, group: denied, action: allow}]\n");
    assert_eq!(connection(&policy, DENIED, "openai", HOST), refused("denied"));
    let warnings = policy.warnings(None);
    assert_eq!(warnings, ["rule `please` allows something to group `denied`, whose mode denies everything"]);
}

#[test]
fn models_are_left_to_the_prompt_where_there_will_be_one() {
    let allow_list = policy(
        "rules:
  - {name: good models, models: [gpt-4o*], action: allow}
  - {name: no others, vendors: [openai], action: deny}
",
    );
    assert_eq!(connection(&allow_list, INSPECTED, "openai", HOST), Verdict::Terminate);
    assert_eq!(connection(&allow_list, WATCHED, "openai", HOST), refused("no others"), "nobody would read the model");
    let deny_list = policy("rules: [{name: bad model, models: [gpt-3*], action: deny}]\n");
    assert_eq!(connection(&deny_list, INSPECTED, "openai", HOST), Verdict::Terminate);
    assert_eq!(connection(&deny_list, WATCHED, "openai", HOST), Verdict::Splice);
}

#[test]
fn findings_that_nothing_finds_are_said() {
    let policy = policy(
        "findings:
  - {kind: email, action: deny}
  - {kind: e_mail, action: deny}
  - {rule: emial-address, action: alert}
",
    );
    assert_eq!(
        policy.finding_warnings(&[("email-address", "email")]),
        ["findings[1]: no rule finds the kind `e_mail`", "findings[2]: there is no rule `emial-address`"]
    );
}

#[test]
fn what_will_not_do_as_it_seems_is_said() {
    let policy = policy(
        "rules:
  - {name: blind, group: watched, models: [gpt-4o], action: deny}
  - {name: unknown, vendors: [nobody], action: deny}
  - {name: everything, action: allow}
  - {name: late, vendors: [openai], action: deny}
",
    );
    let openai = "id = 'openai'\nname = 'OpenAI'\nsteer = false\nhost = []";
    let catalogue = gate_core::Catalogue::from_toml([("openai.toml", openai)]).unwrap();
    assert_eq!(
        policy.warnings(Some(&catalogue)),
        [
            "rule `blind` names models, but group `watched` is only watched: no model is known",
            "rule `unknown`: no pack knows the vendor `nobody`",
            "rule `late`: `openai` is not steered, so the rule holds in gateway and explicit mode only",
            "rule `late` is never reached: `everything` matches everything",
        ]
    );
}

#[test]
fn only_who_is_inspected_without_a_rule_in_the_way_may_be_watched_instead() {
    let rows = [
        ("", true),
        ("rules: [{name: x, vendors: [openai], action: deny}]\n", false),
        ("rules: [{name: x, vendors: [openai], models: [o1], action: deny}]\n", false),
        ("rules: [{name: x, vendors: [openai], action: allow}, {name: y, action: deny}]\n", true),
        ("rules: [{name: x, vendors: [openai], models: [o1], action: allow}, {name: y, action: deny}]\n", false),
        ("rules: [{name: x, vendors: [anthropic], action: deny}]\n", true),
        ("rules: [{name: x, group: watched, action: deny}]\n", true),
    ];
    for (rest, allowed) in rows {
        assert_eq!(may_watch(&policy(rest), INSPECTED, HOST), allowed, "{rest}");
    }
    for client in [DENIED, WATCHED, "198.51.100.1"] {
        assert!(!may_watch(&policy(""), client, HOST), "{client} is not inspected at all");
    }
}

#[test]
fn the_strict_keep_being_refused() {
    let strict = GROUPS.replace("[192.0.2.11], mode: inspect", "[192.0.2.11], mode: inspect, strict: true");
    let everybody = format!("{strict}default_mode: inspect\n");
    let nobody = format!("{GROUPS}default_mode: inspect\ndefault_strict: true\n");
    for (text, group, others) in [(everybody, false, true), (nobody, true, false)] {
        let policy = Policy::from_yaml("test", &text).unwrap();
        assert_eq!(may_watch(&policy, INSPECTED, HOST), group, "{text}");
        assert_eq!(may_watch(&policy, "198.51.100.1", HOST), others, "{text}");
        assert_eq!(connection(&policy, INSPECTED, "openai", HOST), Verdict::Terminate);
    }
}

#[test]
fn a_proven_name_counts_before_the_address_and_groups_demand_what_they_want() {
    let text = "version: 1
default_mode: watch
default_proxy: token
groups:
  - {name: lan, clients: [192.0.2.0/24], mode: deny}
  - {name: robots, names: [ci-1, ci-2], mode: inspect, proxy: certificate}
  - {name: both, clients: [198.51.100.1], names: [ci-3], mode: watch, proxy: either}
";
    let policy = Policy::from_yaml("p.yaml", text).unwrap();
    let rows = [
        ("192.0.2.7", None, Demand::Nothing, Verdict::Refuse(Reason::Policy("lan".to_owned()))),
        ("192.0.2.7", Some("ci-1"), Demand::Certificate, Verdict::Terminate),
        ("203.0.113.9", Some("ci-2"), Demand::Certificate, Verdict::Terminate),
        ("203.0.113.9", Some("CI-2"), Demand::Token, Verdict::Splice),
        ("192.0.2.7", Some("ci-3"), Demand::Either, Verdict::Splice),
        ("198.51.100.1", None, Demand::Either, Verdict::Splice),
        ("192.0.2.7", Some("nobody"), Demand::Nothing, Verdict::Refuse(Reason::Policy("lan".to_owned()))),
        ("203.0.113.9", None, Demand::Token, Verdict::Splice),
    ];
    let host = HostName::parse(b"api.openai.com").unwrap();
    let entry = Entry { vendor: "openai".into(), kind: GroupKind::Api, steered: true };
    for (client, name, demand, verdict) in rows {
        let facts = ConnectionFacts { client: ip(client), name, host: &host, entry: Some(&entry), now: UnixMicros(0) };
        assert_eq!(
            (policy.demand(ip(client), name), policy.connection(&facts)),
            (demand, verdict),
            "{client} {name:?}"
        );
    }
    for (from, to, expected) in [
        (", clients: [192.0.2.0/24]", "", "one of clients and names is needed"),
        ("[ci-1, ci-2]", "[]", "the list is empty"),
        ("[ci-1, ci-2]", "[\"a\\nb\"]", "a name has 1 to 64 characters on one line"),
        ("proxy: either", "proxy: password", "unknown variant `password`"),
    ] {
        let error = Policy::from_yaml("p.yaml", &text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
