use std::collections::BTreeSet;

use super::{Base, Chain, Elements, Hook, Kind, Rule, RuleSet, Set};

#[test]
fn what_is_not_ours_is_printed_as_such() {
    let base = Base { kind: Kind::Route, hook: Hook::Output, priority: -150, accept: false };
    let set = RuleSet {
        table: "t".to_owned(),
        dormant: true,
        sets: vec![Set { name: "s".to_owned(), elements: Elements::Foreign { key_type: 13, count: 2 } }],
        chains: vec![
            Chain { name: "a".to_owned(), base: Some(base), rules: vec![Rule::Foreign("meta, counter".to_owned())] },
            Chain { name: "b".to_owned(), base: None, rules: vec![] },
        ],
    };
    let expected = "table inet t {
\tflags dormant

\tset s {
\t\t# not ours: 2 elements of type 13
\t}

\tchain a {
\t\ttype route hook output priority -150; policy drop;
\t\t# not ours: meta, counter
\t}

\tchain b {
\t}
}
";
    assert_eq!(set.to_nft(), expected);
    assert_eq!((set.rules(), set.size_of("s"), set.size_of("none")), (1, 2, 0));
}

#[test]
fn the_destinations_are_those_of_both_families_and_nothing_else() {
    let set = |name: &str, elements| Set { name: name.to_owned(), elements };
    let v4 = |text: &str| Elements::V4(BTreeSet::from([text.parse().unwrap()]));
    let rules = RuleSet {
        sets: vec![
            set("own4", v4("192.0.2.53")),
            set("ai4", v4("203.0.113.10")),
            set("ai6", Elements::V6(BTreeSet::from(["2001:db8::10".parse().unwrap()]))),
            set("s", Elements::Foreign { key_type: 13, count: 2 }),
        ],
        ..RuleSet::default()
    };
    let expected = ["203.0.113.10", "2001:db8::10"].map(|text| text.parse().unwrap());
    assert_eq!(rules.destinations(), BTreeSet::from(expected));
}
