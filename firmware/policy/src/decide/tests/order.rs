//! First match, and nothing else: against a slow and obvious reading of the same file.

use gate_core::{Action, Finding, KnowledgeBase, Verdict};
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq, proptest};

use super::{connection, ip, prompt, refused};
use crate::{GroupMode, Policy};

const ACTIONS: [Action; 4] = [Action::Allow, Action::Alert, Action::Redact, Action::Deny];
const KINDS: [&str; 4] = ["email", "phone", "api_key", "private_key"];

fn findings() -> impl Strategy<Value = Vec<Finding>> {
    let one = (0..KINDS.len(), 0..ACTIONS.len(), 0..=100_u8).prop_map(|(kind, action, confidence)| {
        super::finding(KINDS[kind], KnowledgeBase::Secrets, confidence, ACTIONS[action])
    });
    prop::collection::vec(one, 0..8)
}

/// Entries as text and as numbers: kind, confidence, action.
fn entries() -> impl Strategy<Value = (String, Vec<(usize, u8, usize)>)> {
    prop::collection::vec((0..KINDS.len(), 0..=100_u8, 0..ACTIONS.len()), 0..6).prop_map(|entries| {
        let line = |(kind, least, action): &(usize, u8, usize)| {
            format!("  - {{kind: {}, min_confidence: {least}, action: {}}}\n", KINDS[*kind], ACTIONS[*action])
        };
        let lines: String = entries.iter().map(line).collect();
        let list = if entries.is_empty() { "[]\n".to_owned() } else { format!("\n{lines}") };
        (format!("version: 1\nfindings: {list}"), entries)
    })
}

proptest! {
    #[test]
    fn groups_are_first_match(networks in prop::collection::vec((0..=32_u8, 0..3_usize), 1..6), client: [u8; 4]) {
        let modes = ["watch", "inspect", "deny"];
        let mut text = String::from("version: 1\ngroups:\n");
        let mut expected = None;
        for (index, (prefix, mode)) in networks.iter().enumerate() {
            // Networks around the client and around another address, so that some hold it and some do not.
            let base = u32::from_be_bytes(client) ^ if index % 2 == 0 { 0 } else { 0x0080_0000 };
            let mask = u32::MAX.checked_shl(32 - u32::from(*prefix)).unwrap_or(0);
            let network = std::net::Ipv4Addr::from(base & mask);
            text.push_str(&format!("  - {{name: g{index}, clients: [{network}/{prefix}], mode: {}}}\n", modes[*mode]));
            if u32::from_be_bytes(client) & mask == base & mask {
                expected = expected.or(Some((index, *mode)));
            }
        }
        let policy = Policy::from_yaml("test", &text).unwrap();
        let client = std::net::Ipv4Addr::from(client).to_string();
        let verdict = connection(&policy, &client, "openai", "api.openai.com");
        prop_assert_eq!(verdict, match expected {
            Some((index, 2)) => refused(&format!("g{index}")),
            Some((_, 1)) => Verdict::Terminate,
            _ => Verdict::Splice,
        });
        let mode = expected.map_or(GroupMode::Watch, |(_, mode)| [GroupMode::Watch, GroupMode::Inspect, GroupMode::Deny][mode]);
        prop_assert_eq!(policy.group_of(ip(&client)).1, mode);
    }

    #[test]
    fn rules_are_first_match(rules in prop::collection::vec((0..4_usize, prop::bool::ANY), 0..8), vendor in 0..4_usize) {
        let vendors = ["openai", "anthropic", "xai", "mistral"];
        let mut text = String::from("version: 1\nrules:\n");
        for (index, (vendor, deny)) in rules.iter().enumerate() {
            let action = if *deny { "deny" } else { "allow" };
            text.push_str(&format!("  - {{name: r{index}, vendors: [{}], action: {action}}}\n", vendors[*vendor]));
        }
        let text = if rules.is_empty() { "version: 1".to_owned() } else { text };
        let policy = Policy::from_yaml("test", &text).unwrap();
        let first = rules.iter().enumerate().find(|(_, (about, _))| *about == vendor);
        let expected = first.filter(|(_, (_, deny))| *deny).map_or(Verdict::Splice, |(index, _)| refused(&format!("r{index}")));
        prop_assert_eq!(connection(&policy, "192.0.2.10", vendors[vendor], "api.example"), expected);
    }

    #[test]
    fn entries_are_first_match_and_the_worst_action_counts((text, entries) in entries(), findings in findings()) {
        let verdict = prompt(&Policy::from_yaml("test", &text).unwrap(), "192.0.2.11", None, &findings);
        let expected: Vec<Action> = findings.iter().map(|finding| {
            let takes = |(kind, least, _): &&(usize, u8, usize)| KINDS[*kind] == finding.kind && finding.confidence >= *least;
            entries.iter().find(takes).map_or(finding.action, |(_, _, action)| ACTIONS[*action])
        }).collect();
        prop_assert_eq!(verdict.action, expected.iter().copied().max().unwrap_or(Action::Allow));
        prop_assert_eq!(verdict.per_finding, expected);
    }

    #[test]
    fn the_order_of_findings_changes_nothing(
        (text, _) in entries(),
        (findings, shuffled) in findings().prop_flat_map(|findings| (Just(findings.clone()), Just(findings).prop_shuffle())),
    ) {
        let policy = Policy::from_yaml("test", &text).unwrap();
        let one = prompt(&policy, "192.0.2.11", None, &findings);
        let two = prompt(&policy, "192.0.2.11", None, &shuffled);
        prop_assert_eq!((one.action, one.reasons), (two.action, two.reasons));
        for (finding, action) in findings.iter().zip(&one.per_finding) {
            let at = shuffled.iter().position(|other| other == finding).unwrap();
            prop_assert_eq!(*action, two.per_finding[at]);
        }
    }
}
