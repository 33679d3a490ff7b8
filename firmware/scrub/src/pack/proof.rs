//! Proofs about a rule's pattern and its anchors, done while a pack is built.
//!
//! A rule is tried only where an anchor stands. An anchor that begins no match is a mistake, and a pattern that could
//! match something else as well is found less often than it seems. Both are proved by walking along the automaton.

use super::machine::Walk;

/// Takes the automaton that begins with the anchors, the anchors in order, and whether their case does not matter; the
/// error is a sentence for the author of the rule.
pub(super) type Proof = fn(&Walk<'_>, &[&[u8]], bool) -> Result<(), String>;

/// Whether the automaton can go on behind every anchor, or has matched one just before its end.
pub(super) fn every_anchor_begins_a_match(walk: &Walk<'_>, anchors: &[&[u8]], any_case: bool) -> Result<(), String> {
    let dead = anchors.iter().filter_map(|anchor| {
        let at = (1..=anchor.len()).find(|len| walk.clone().along(&anchor[..*len], any_case).is_dead())? - 1;
        Some(format!("`{}` (byte {at})", String::from_utf8_lossy(anchor)))
    });
    let dead: Vec<String> = dead.collect();
    if dead.is_empty() {
        Ok(())
    } else {
        Err(format!("matches nothing that begins with the anchors {}", dead.join(", ")))
    }
}

/// Most beginnings that an error names.
const NAMED: usize = 8;

/// Whether all that the automaton matches begins with an anchor; if not, the error says what does not.
pub(super) fn every_match_begins_with_an_anchor(
    walk: &Walk<'_>,
    anchors: &[&[u8]],
    any_case: bool,
) -> Result<(), String> {
    let mut strays = Vec::new();
    stray(walk, anchors, any_case, &mut Vec::new(), &mut strays);
    if strays.is_empty() {
        return Ok(());
    }
    let named = strays.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if strays.len() > NAMED { format!(" and {} more ways", strays.len() - NAMED) } else { String::new() };
    Err(format!("may match what begins with no anchor: {named}{more}"))
}

/// Adds the ways to leave all anchors, which are in order and begin with the bytes that were walked.
fn stray(walk: &Walk<'_>, anchors: &[&[u8]], any_case: bool, walked: &mut Vec<u8>, strays: &mut Vec<String>) {
    let depth = walked.len();
    if anchors.iter().any(|anchor| anchor.len() == depth) {
        return;
    }
    for byte in 0..=u8::MAX {
        // A letter stands for both of its cases where they are alike.
        if any_case && byte.is_ascii_uppercase() {
            continue;
        }
        let next = walk.step(byte, any_case);
        if next.has_matched() {
            strays.push(format!("`{}` alone", walked.escape_ascii()));
            return;
        }
        if next.is_dead() {
            continue;
        }
        walked.push(byte);
        let from = anchors.partition_point(|anchor| anchor[depth] < byte);
        let to = anchors.partition_point(|anchor| anchor[depth] <= byte);
        if from == to {
            strays.push(format!("`{}`", walked.escape_ascii()));
        } else {
            stray(&next, &anchors[from..to], any_case, walked, strays);
        }
        walked.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::{every_anchor_begins_a_match, every_match_begins_with_an_anchor};
    use crate::pack::machine::{Alphabet, Forward};

    #[test]
    fn a_pattern_that_anchors_do_not_cover_is_named_with_the_byte() {
        // pattern, anchors in order, whether their case does not matter, what is wrong
        let rows: [(&str, &[&str], bool, &str); 8] = [
            ("acme_[0-9]{4}", &["acme_"], false, ""),
            ("acme[_-][0-9]{4}", &["acme-", "acme_"], false, ""),
            ("(?i:acme)[0-9]", &["acme"], true, ""),
            ("ac(?:me)?[0-9]", &["ac"], false, ""),
            ("acme[_-][0-9]{4}", &["acme_"], false, "`acme-`"),
            ("(?i:acme)[0-9]", &["acme"], false, "`A`, `aC`, `acM`, `acmE`"),
            ("ac(?:me)?", &["acme"], false, "`ac` alone"),
            ("acme|bolt", &["acme"], false, "`b`"),
        ];
        for (pattern, anchors, any_case, wrong) in rows {
            let machine = Forward::new(pattern, Alphabet::Ascii).unwrap();
            let anchors: Vec<&[u8]> = anchors.iter().map(|anchor| anchor.as_bytes()).collect();
            let proof = every_match_begins_with_an_anchor(&machine.walk(), &anchors, any_case);
            let wrong = match wrong {
                "" => String::new(),
                wrong => format!("may match what begins with no anchor: {wrong}"),
            };
            assert_eq!(proof.err().unwrap_or_default(), wrong, "{pattern}");
        }
    }

    #[test]
    fn an_anchor_that_begins_no_match_is_named_with_the_byte() {
        let proof = |pattern: &str, anchor: &str, any_case| {
            let machine = Forward::new(pattern, Alphabet::Ascii).unwrap();
            every_anchor_begins_a_match(&machine.walk(), &[anchor.as_bytes()], any_case)
        };
        assert_eq!(proof("acme_[0-9]{4}", "acme_", false), Ok(()));
        assert_eq!(proof("(?i:ACME)_[0-9]{4}", "acme_", true), Ok(()));
        assert_eq!(proof("ACME_[0-9]{4}", "acme_", true), Ok(()), "where the text has it in capitals");
        let error = proof("acme_[0-9]{4}", "acne_", false).unwrap_err();
        assert_eq!(error, "matches nothing that begins with the anchors `acne_` (byte 2)");
    }
}
