//! Short keywords, such as `ssn`, made longer by what may follow them: a literal of three letters stands in many words.

use super::rule::{Approach, Rule};
use super::source::SIGNS;

/// Keywords of this many letters are made longer.
const SHORT: usize = 3;

/// What follows a keyword in names such as `ssnNumber` and `vinCode`.
const WORDS: [&str; 6] = ["number", "num", "no", "nr", "code", "value"];

/// The literals that stand for an anchor of `rule`.
pub(super) fn anchors(anchor: &str, rule: &Rule) -> Vec<String> {
    let is_word = matches!(rule.approach, Approach::Within(_)) && !rule.assigned;
    if !is_word || anchor.len() != SHORT || !anchor.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return vec![anchor.to_owned()];
    }
    let signs = SIGNS.chars().map(|sign| format!("{anchor}{sign}"));
    signs.chain(WORDS.iter().map(|word| format!("{anchor}{word}"))).collect()
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
anchors = ["acn"]
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
