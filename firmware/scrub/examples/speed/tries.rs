//! How often clean text calls for each rule: what a rule costs where it finds nothing.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use gate_scrub::Pack;

use super::corpus::{self, Kind};
use super::{BODY, CORPUS};

/// Literals that are shown of a rule.
const SHOWN: usize = 8;

/// Literals with how often each was there, the most frequent ones first.
type Counts = Vec<(usize, String)>;

/// Prints the rules with the most tries for each mebibyte of `files`, or of the three corpora together, and the literals
/// that call for them. A number is shown as `#`.
pub(crate) fn report(pack: &Pack, files: &[String]) -> Result<(), Box<dyn Error>> {
    let texts = texts(files)?;
    let mut tries: HashMap<String, BTreeMap<String, usize>> = HashMap::new();
    for text in &texts {
        pack.tries(text, |rule, literal| {
            let literal = if literal.is_empty() { "#".into() } else { String::from_utf8_lossy(literal).to_lowercase() };
            *tries.entry(rule.to_owned()).or_default().entry(literal).or_default() += 1;
        });
    }
    let mebibytes = texts.iter().map(Vec::len).sum::<usize>() as f64 / f64::from(1 << 20);
    let share = |count: usize| (count as f64 / mebibytes).ceil();
    let mut rules: Vec<(usize, String, Counts)> =
        tries.into_iter().map(|(rule, literals)| (literals.values().sum(), rule, by_count(literals))).collect();
    rules.sort_unstable_by(|a, b| b.cmp(a));
    println!("{:>8}  tries in each MiB of {mebibytes:.1}", share(rules.iter().map(|rule| rule.0).sum()));
    for (count, rule, literals) in rules {
        let shown: Vec<String> =
            literals.iter().take(SHOWN).map(|(count, literal)| format!("{literal:?} {}", share(*count))).collect();
        println!("{:>8}  {rule}: {}", share(count), shown.join(", "));
    }
    Ok(())
}

fn texts(files: &[String]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    if files.is_empty() {
        let kinds = [Kind::Text, Kind::Code, Kind::Json].into_iter();
        return Ok(kinds.flat_map(|kind| corpus::bodies(kind, CORPUS, BODY)).map(|body| body.bytes).collect());
    }
    files.iter().map(|file| Ok(std::fs::read(file)?)).collect()
}

fn by_count(literals: BTreeMap<String, usize>) -> Counts {
    let mut all: Counts = literals.into_iter().map(|(literal, count)| (count, literal)).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all
}
