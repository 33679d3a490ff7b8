//! What is found of a family of attacks of which nothing was seen: neither by the weights nor by the cues' pulls.

use std::collections::BTreeSet;
use std::error::Error;

use gate_scrub::{AttackModel, SLOT_BITS};

use crate::data::Phrases;
use crate::generate::Document;
use crate::learn::{Beliefs, Example, examples, score, train};
use crate::report::{FOLDS, share, strict, threshold_at};

/// Share of hard negatives that may reach the threshold by which a family is judged, in thousandths: what is promised.
const PROMISED: usize = 10;

/// Leaves out a whole family, and a quarter of the benign phrases to set the threshold by, and judges the family.
pub(crate) fn unseen_families(
    phrases: &Phrases,
    documents: &[Document],
    beliefs: &Beliefs,
) -> Result<(), Box<dyn Error>> {
    let families: BTreeSet<&String> = documents.iter().filter_map(|document| document.family.as_ref()).collect();
    println!("families left out of training, and of the cues' pulls:");
    println!("  {:26} {:>8}  {:>8}  {:>8}  {:>8}", "", "at 1 %", "product", "no cue", "alarms");
    let mut rows = Vec::new();
    for family in families {
        let of_family = |document: &Document| document.family.as_ref() == Some(family);
        let lexicon = crate::lexicon(phrases, documents.iter().filter(|document| !of_family(document)))?;
        let model = AttackModel::new(lexicon, vec![0; 1 << SLOT_BITS], 0, 0, phrases.inputs)?;
        let examples = examples(&model, documents);
        let row = judge(&examples, beliefs, of_family);
        let Row { promised, strict, blind, alarms, count } = row;
        println!("  {family:26} {promised:6.1} %  {strict:6.1} %  {blind:6.1} %  {alarms:6.2} %  of {count}");
        rows.push(row);
    }
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / rows.len().max(1) as f64;
    let least = |of: fn(&Row) -> f64| rows.iter().map(of).fold(100.0, f64::min);
    println!("  {:26} {:6.1} %  {:6.1} %", "(mean)", mean(|row| row.promised), mean(|row| row.strict));
    println!("  {:26} {:6.1} %  {:6.1} %", "(least)", least(|row| row.promised), least(|row| row.strict));
    Ok(())
}

/// What becomes of a family: shares in percent.
struct Row {
    /// Found at the threshold that as many hard negatives reach as is promised.
    promised: f64,
    /// Found as strictly as the product judges.
    strict: f64,
    /// Not looked at.
    blind: f64,
    /// Hard negatives that are taken for an attack, as strictly as the product judges.
    alarms: f64,
    count: usize,
}

fn judge(examples: &[Example<'_>], beliefs: &Beliefs, of_family: impl Fn(&Document) -> bool) -> Row {
    let held =
        |example: &Example<'_>| example.document.family.is_none() && example.document.phrase.is_multiple_of(FOLDS);
    let weights = train(examples, beliefs, |example| !of_family(example.document) && !held(example));
    let unseen = examples.iter().filter(|example| of_family(example.document) || held(example));
    let scores: Vec<(f32, &Example<'_>)> = unseen.map(|example| (score(&weights, example), example)).collect();
    let attacks: Vec<f32> =
        scores.iter().filter(|(_, example)| of_family(example.document)).map(|(score, _)| *score).collect();
    let reaching = |threshold: f32| share(attacks.iter().filter(|score| **score >= threshold).count(), attacks.len());
    let strict = strict(&scores);
    let hard = || scores.iter().filter(|(_, example)| example.document.is_hard());
    Row {
        promised: reaching(threshold_at(&scores, PROMISED)),
        strict: reaching(strict),
        alarms: share(hard().filter(|(score, _)| *score >= strict).count(), hard().count()),
        blind: share(attacks.iter().filter(|score| **score == f32::NEG_INFINITY).count(), attacks.len()),
        count: attacks.len(),
    }
}
