use proptest::prelude::{any, prop, proptest};

use super::{Expr, rule, steered};
use crate::ruleset::{Action, Family, Protocol, Rule, Steered};

/// A redirect of IPv4 from one interface, as the kernel lists it.
fn ours() -> Vec<Expr<'static>> {
    vec![
        Expr::Meta { key: super::META_IIFNAME },
        Expr::Equal(b"eth0\0\0\0\0\0\0\0\0\0\0\0\0"),
        Expr::Meta { key: super::META_NFPROTO },
        Expr::Equal(&[2]),
        Expr::Payload { base: super::NETWORK_HEADER, offset: 16, length: 4 },
        Expr::Lookup { set: "ai4".to_owned(), inverted: false },
        Expr::Meta { key: super::META_L4PROTO },
        Expr::Equal(&[6]),
        Expr::Payload { base: super::TRANSPORT_HEADER, offset: 2, length: 2 },
        Expr::Equal(&[1, 187]),
        Expr::Immediate(&[0x20, 0xfb]),
        Expr::Redirect,
    ]
}

#[test]
fn reads_our_own_form() {
    let expected = Steered {
        from: Some("eth0".to_owned()),
        family: Family::V4,
        to: "ai4".to_owned(),
        elsewhere: false,
        protocol: Protocol::Tcp,
        port: 443,
        action: Action::Redirect(8443),
    };
    assert_eq!(steered(&ours()), Some(expected.clone()));
    assert_eq!(steered(&ours()[2..]), Some(Steered { from: None, ..expected.clone() }));
    let mut inverted = ours();
    inverted[5] = Expr::Lookup { set: "ai4".to_owned(), inverted: true };
    assert_eq!(steered(&inverted), Some(Steered { elsewhere: true, ..expected }));
}

#[test]
fn one_expression_more_less_or_other_is_not_ours() {
    for place in 0..ours().len() {
        let mut more = ours();
        more.insert(place, Expr::Other("counter".to_owned()));
        assert_eq!(steered(&more), None, "a counter at {place}");
        // The interface may be left out, but only as a pair.
        let mut less = ours();
        less.remove(place);
        assert_eq!(steered(&less), None, "without {place}");
    }
    let other: &[(usize, Expr<'_>)] = &[
        (3, Expr::Equal(&[10])),
        (4, Expr::Payload { base: super::NETWORK_HEADER, offset: 12, length: 4 }),
        (7, Expr::Equal(&[132])),
        (8, Expr::Payload { base: super::TRANSPORT_HEADER, offset: 0, length: 2 }),
        (9, Expr::Equal(&[1])),
        (10, Expr::Immediate(&[0, 0, 0, 0])),
    ];
    for (place, expression) in other {
        let mut changed = ours();
        changed[*place] = match expression {
            Expr::Equal(bytes) => Expr::Equal(bytes),
            Expr::Immediate(bytes) => Expr::Immediate(bytes),
            Expr::Payload { base, offset, length } => Expr::Payload { base: *base, offset: *offset, length: *length },
            other => panic!("{other:?}"),
        };
        assert_eq!(steered(&changed), None, "{expression:?} at {place}");
    }
}

#[test]
fn a_rule_without_expressions_is_foreign() {
    assert_eq!(rule(&[]), Some(Rule::Foreign(String::new())));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = rule(&bytes);
    }
}
