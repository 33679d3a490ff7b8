//! Keywords as they are written: those of several words also as names, and abbreviations also with dots.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::rule::Rule;

/// Letters of a keyword that is also written with dots: `c.u.i.t.`.
const ABBREVIATION: RangeInclusive<usize> = 3..=5;

/// What stands for the spaces of a keyword in names: `tax_id`, `taxId`.
const JOINTS: [&str; 2] = ["_", ""];

/// Shortest such name. One that is shorter is a word of its own, as `sa id` would be.
const JOINED: usize = 5;

/// The literals that stand for the anchors of `rule`: how each keyword is also written, and what may follow a short one.
pub(super) fn literals(anchors: Vec<String>, rule: &Rule) -> BTreeSet<String> {
    if !rule.is_whole_word() {
        return anchors.into_iter().collect();
    }
    let all: BTreeSet<String> = anchors.iter().flat_map(|anchor| spellings(anchor)).collect();
    all.iter().filter(|literal| !all.iter().any(|other| goes_on(literal, other))).cloned().collect()
}

/// Whether `literal` only goes on behind another keyword, which is found as well: `passport no` behind `passport`.
fn goes_on(literal: &str, keyword: &str) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    let rest = literal.strip_prefix(keyword).filter(|rest| !rest.is_empty());
    rest.is_some_and(|rest| !letter(keyword.as_bytes().last()) || !letter(rest.as_bytes().first()))
}

fn spellings(anchor: &str) -> Vec<String> {
    let mut all = vec![anchor.to_owned()];
    if ABBREVIATION.contains(&anchor.len()) && anchor.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        all.push(anchor.chars().map(String::from).collect::<Vec<_>>().join("."));
    }
    if anchor.trim().contains(' ') {
        let joined = JOINTS.iter().map(|joint| anchor.replace(' ', joint));
        all.extend(joined.filter(|name| name.len() >= JOINED));
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::pack::Pack;

    #[test]
    fn a_short_keyword_is_found_whatever_follows_it() {
        let file = r#"
kb = "kb2-personal"
[[rule]]
id = "acme"
name = "Number"
kind = "number"
severity = "low"
action = "redact"
anchors = ["acn", "firm number"]
ignore_case = true
within = 40
pattern = '[0-9]{6}'
match = ["acn 123456", "acn 123456", "acn 123456"]
no_match = ["", "", ""]
"#;
        let pack = std::sync::Arc::new(Pack::compile([("acme.toml", file)]).unwrap());
        let scanner = crate::Scanner::new(pack);
        let found = |text: &str| {
            let limits = crate::Limits::default();
            scanner.body(crate::BodyKind::Text, text.as_bytes(), &limits).unwrap().len()
        };
        for text in [
            "acn 482913",
            "ACN: 482913",
            "\"acn\":\"482913\"",
            "acn=482913",
            "acn#482913",
            "acn no. 482913",
            "acn\n482913",
            "firmAcn: 482913",
            "firmAcnNumber: 482913",
            "A.C.N. 482913",
            "firm number 482913",
            "firmNumber: 482913",
            "acn_code = 482913",
            "<acn>482913</acn>",
            "acn/abn 482913",
        ] {
            assert_eq!(found(text), 1, "{text}");
        }
        for text in ["acne 482913", "macn 482913", "acn", "acna no 482913"] {
            assert_eq!(found(text), 0, "{text}");
        }
    }
}
