//! How hard each cue pulls the model to look: harder the more it belongs to attacks, not at all where it stands everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use gate_scrub::{Concept, LOOK, Lexicon, LexiconError};

use crate::data::Frequencies;
use crate::generate::Document;

/// How many documents what is known of a cue beforehand is worth.
const KNOWN: usize = 5;

/// Bytes of a piece of plain text.
const PIECE: usize = 400;

/// What stands above counted cues.
const HEAD: &str = "\
# In how many pieces of 400 bytes of public documentation and source code each cue stands: counts, and no text. Written by\n\
# `cargo run --release -p gate-scrub --example train_attacks -- --count FOLDER`.\n";

/// Documents with a cue: attacks, and plain ones. Those that only speak of attacks cost nothing, so few are scanned.
type Counts = BTreeMap<String, (usize, usize)>;

/// The concepts with pulls that fit the documents.
pub(crate) fn learned<'a>(
    mut concepts: Vec<Concept>,
    documents: impl Iterator<Item = &'a Document>,
    frequencies: &Frequencies,
) -> Result<Vec<Concept>, LexiconError> {
    let lexicon = Lexicon::new(concepts.clone(), Vec::new())?;
    let mut counts = Counts::new();
    let mut all = (0, 0);
    for document in documents.filter(|document| document.bare && (document.family.is_some() || document.is_plain())) {
        let attack = document.family.is_some();
        all = (all.0 + usize::from(attack), all.1 + usize::from(!attack));
        for literal in lexicon.literals(document.text.as_bytes()).into_iter().collect::<BTreeSet<_>>() {
            let count = counts.entry(literal).or_default();
            *count = (count.0 + usize::from(attack), count.1 + usize::from(!attack));
        }
    }
    all.1 += frequencies.pieces;
    for (cue, pieces) in &frequencies.cues {
        counts.entry(cue.clone()).or_default().1 += pieces;
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
    if std::env::var_os("SHOW").is_some() {
        println!("cues: {} known, {silent} do not pull any more, {loud} are enough by themselves", counts.len());
    }
    Ok(concepts)
}

/// In how many pieces of the plain text under a folder each cue stands, as a file for the folder of phrases.
pub(crate) fn count(concepts: Vec<Concept>, path: &Path) -> Result<String, Box<dyn Error>> {
    let lexicon = Lexicon::new(concepts, Vec::new())?;
    let (mut pieces, mut cues) = (0, BTreeMap::<String, usize>::new());
    for text in texts(path)? {
        for piece in text.as_bytes().chunks(PIECE) {
            pieces += 1;
            for literal in lexicon.literals(piece).into_iter().collect::<BTreeSet<_>>() {
                *cues.entry(literal).or_default() += 1;
            }
        }
    }
    let mut file = format!("{HEAD}[frequencies]\npieces = {pieces}\n\n[frequencies.cues]\n");
    for (cue, count) in cues {
        writeln!(file, "{} = {count}", serde_json::Value::from(cue))?;
    }
    Ok(file)
}

/// The text files under a folder, in order of path.
pub(crate) fn texts(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let (mut waiting, mut files) = (vec![path.to_path_buf()], Vec::new());
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect())
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
