//! How hard each cue pulls the model to look: harder the more it belongs to attacks, not at all where it stands everywhere.

use std::collections::{BTreeMap, BTreeSet};

use gate_scrub::{Concept, LOOK, Lexicon, LexiconError};

use crate::generate::Document;

/// How many documents what is known of a cue beforehand is worth.
const KNOWN: usize = 1;

/// Documents with a cue: attacks, and plain ones. Those that only speak of attacks cost nothing, so few are scanned.
type Counts = BTreeMap<String, (usize, usize)>;

/// The concepts with pulls that fit the documents.
pub(crate) fn learned(mut concepts: Vec<Concept>, documents: &[Document]) -> Result<Vec<Concept>, LexiconError> {
    let lexicon = Lexicon::new(concepts.clone())?;
    let mut counts = Counts::new();
    let mut all = (0, 0);
    for document in
        documents.iter().filter(|document| document.bare && (document.family.is_some() || document.is_plain()))
    {
        let attack = document.family.is_some();
        all = (all.0 + usize::from(attack), all.1 + usize::from(!attack));
        for literal in lexicon.literals(document.text.as_bytes()).into_iter().collect::<BTreeSet<_>>() {
            let count = counts.entry(literal).or_default();
            *count = (count.0 + usize::from(attack), count.1 + usize::from(!attack));
        }
    }
    let (mut silent, mut loud) = (0, 0);
    for spelling in concepts.iter_mut().flat_map(|concept| concept.words.iter_mut().chain(&mut concept.signs)) {
        let known = counts.get(spelling.text.trim().to_lowercase().as_str()).copied().unwrap_or_default();
        if spelling.pull > 0 {
            spelling.pull = pull(spelling.pull, known, all);
            silent += usize::from(spelling.pull == 0);
            loud += usize::from(spelling.pull == LOOK);
        }
    }
    println!("cues: {} known, {silent} do not pull any more, {loud} are enough by themselves", counts.len());
    Ok(concepts)
}

/// Twice the binary logarithm of how many times more often a cue stands in an attack than in plain text. What is known
/// beforehand, as the pull `before`, counts like so many plain documents.
fn pull(before: u8, (attacks, plain): (usize, usize), all: (usize, usize)) -> u8 {
    let shown = attacks * all.1 + ((KNOWN * all.0) << (before / 2));
    let expected = (plain + KNOWN) * all.0;
    // The square is above 4^n: no logarithm is needed, which not every machine rounds alike.
    let (shown, expected) = ((shown as u128).pow(2), (expected as u128).pow(2));
    (1..=LOOK.min(2 * before)).take_while(|pull| shown >= expected << pull).count() as u8
}
