//! What the model finds, on documents that it was not trained on.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use gate_scrub::AttackModel;
use serde::Deserialize;

use crate::data::Phrases;
use crate::learn::{Beliefs, Example, score, train};

/// Parts that the phrases are cut into for testing.
pub(crate) const FOLDS: usize = 4;

/// Share of unseen benign documents above the threshold, in thousandths: of all, and of those that speak of prompts,
/// personas and instructions.
const FALSE_ALARMS: usize = 3;
const HARD_FALSE_ALARMS: usize = 5;

/// How far above it the threshold lies: so much do the thresholds of slightly different phrases differ, and what others write
/// differs more from the training than its own parts do.
const MARGIN: f32 = 1.0;

/// How much is there, and how much of it the cues let the model see.
pub(crate) fn sizes(phrases: &Phrases, examples: &[Example<'_>]) {
    let count = |groups: &[crate::data::Group]| groups.iter().map(|group| group.text.len()).sum::<usize>();
    println!(
        "{} attack phrases, {} benign phrases, {} documents",
        count(&phrases.attacks),
        count(&phrases.benign),
        examples.len()
    );
    let blind: Vec<&Example<'_>> = examples.iter().filter(|example| example.windows.is_empty()).collect();
    let attacks = blind.iter().filter(|example| example.document.family.is_some());
    println!(
        "no cue in {} attack and {} benign documents",
        attacks.clone().count(),
        blind.len() - attacks.clone().count()
    );
    if std::env::var_os("SHOW").is_some() {
        attacks.for_each(|example| println!("  no cue: {} {}", example.document.theme, head(&example.document.text)));
    }
}

/// Trains on three quarters of the phrases and judges the fourth, four times; returns the threshold that keeps the
/// false alarms of all quarters rare.
pub(crate) fn unseen_phrases(examples: &[Example<'_>], beliefs: &Beliefs) -> f32 {
    let mut scores: Vec<(f32, &Example<'_>)> = Vec::new();
    for fold in 0..FOLDS {
        let weights = train(examples, beliefs, |example| example.document.phrase % FOLDS != fold);
        let unseen = examples.iter().filter(|example| example.document.phrase % FOLDS == fold);
        scores.extend(unseen.map(|example| (score(&weights, example), example)));
    }
    let threshold = strict(&scores);
    println!("unseen phrases (threshold {threshold:.2}):");
    print_families(&scores, threshold);
    let show = std::env::var_os("SHOW").is_some();
    for (score, example) in &scores {
        let attack = example.document.family.is_some();
        if show && attack == (*score < threshold) && example.document.text.len() < 400 {
            println!(
                "  {} {score:.2} {} {}",
                if attack { "missed" } else { "false" },
                example.document.theme,
                head(&example.document.text)
            );
        }
    }
    threshold
}

/// Trains without every fifth of the whole texts, and judges those as strictly as the product would be.
pub(crate) fn unseen_texts(examples: &[Example<'_>], beliefs: &Beliefs) {
    let seen = |example: &Example<'_>| example.document.unseen.is_none();
    let mut scores: Vec<(f32, &Example<'_>)> = Vec::new();
    for fold in 0..FOLDS {
        let weights = train(examples, beliefs, |example| seen(example) && example.document.phrase % FOLDS != fold);
        let judged = examples.iter().filter(|example| seen(example) && example.document.phrase % FOLDS == fold);
        scores.extend(judged.map(|example| (score(&weights, example), example)));
    }
    let threshold = strict(&scores);
    let weights = train(examples, beliefs, seen);
    let judged = examples.iter().filter(|example| !seen(example) && example.document.bare);
    let judged: Vec<(f32, &Example<'_>)> = judged.map(|example| (score(&weights, example), example)).collect();
    let promised = threshold_at(&judged, 10);
    println!("unseen texts (threshold {threshold:.2}; {promised:.2} is reached by 1 % of the benign ones):");
    let mut files: BTreeMap<String, [usize; 4]> = BTreeMap::new();
    for (score, example) in &judged {
        let all = if example.document.family.is_some() { "(attacks)" } else { "(benign)" };
        for name in [all, example.document.unseen.as_deref().unwrap_or_default()] {
            let file = files.entry(name.to_owned()).or_default();
            let counts = [*score >= threshold, *score >= promised, score.is_infinite(), true];
            file.iter_mut().zip(counts).for_each(|(sum, count)| *sum += usize::from(count));
        }
    }
    println!("  {:26} {:>8}  {:>8}  {:>8}", "", "product", "at 1 %", "no cue");
    for (name, [product, promised, blind, all]) in files {
        let [product, promised, blind] = [product, promised, blind].map(|count| share(count, all));
        println!("  {name:26} {product:6.1} %  {promised:6.1} %  {blind:6.1} %  of {all}");
    }
}

/// What a model that was made without the whole texts finds in them.
pub(crate) fn whole_texts(model: &AttackModel, phrases: &Phrases) {
    let mut files: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for group in phrases.attacks.iter().chain(&phrases.benign) {
        let Some(whole) = &group.whole else { continue };
        let file = files.entry(&whole.file).or_default();
        let found = |text: &&String| model.score(text.as_bytes()).is_some_and(|score| score >= model.threshold());
        *file = (file.0 + group.text.iter().filter(found).count(), file.1 + group.text.len());
    }
    for (file, (found, all)) in files {
        println!("  {file:30} {found:4} of {all:4}  {:5.1} %", share(found, all));
    }
}

/// The product's threshold: the lowest score that few enough unseen documents reach, both of those that speak of the same
/// things as attacks and of all, and a margin.
pub(crate) fn strict(scores: &[(f32, &Example<'_>)]) -> f32 {
    // Words strewn at random teach, but nobody writes like that.
    let all =
        scores.iter().filter(|(_, example)| example.document.family.is_none() && example.document.theme != "noise");
    threshold_at(scores, HARD_FALSE_ALARMS).max(reached_by(all, FALSE_ALARMS)) + MARGIN
}

/// The score that so many thousandths of the hard negatives reach.
pub(crate) fn threshold_at(scores: &[(f32, &Example<'_>)], thousandths: usize) -> f32 {
    reached_by(scores.iter().filter(|(_, example)| example.document.is_hard()), thousandths)
}

/// The score that so many thousandths reach.
fn reached_by<'a, 'b: 'a>(scores: impl Iterator<Item = &'a (f32, &'a Example<'b>)>, thousandths: usize) -> f32 {
    let mut scores: Vec<f32> = scores.map(|(score, _)| *score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.get(scores.len() * thousandths / 1000).copied().map_or(0.0, |score| score.max(-100.0))
}

fn print_families(scores: &[(f32, &Example<'_>)], threshold: f32) {
    let mut families: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (score, example) in scores {
        let family = families.entry(example.document.family.as_deref().unwrap_or("(benign)")).or_default();
        family.0 += usize::from(*score >= threshold);
        family.1 += 1;
    }
    let attacks = families.iter().filter(|(name, _)| **name != "(benign)").map(|(_, count)| *count);
    let (found, all) = attacks.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    println!("  {:26} {found:5} of {all:5}  {:5.1} %", "(all attacks)", share(found, all));
    for (family, (found, all)) in families {
        println!("  {family:26} {found:5} of {all:5}  {:5.1} %", share(found, all));
    }
}

#[derive(Deserialize)]
struct Row {
    id: String,
    text: String,
    label: String,
    #[serde(default)]
    tier: String,
    #[serde(default)]
    category: String,
}

/// Judges labelled rows by family.
pub(crate) fn rows(model: &AttackModel, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut families: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut scores = Vec::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let row: Row = serde_json::from_str(line)?;
        let score = model.score(row.text.as_bytes());
        scores.extend((row.tier != "stretch").then(|| (score.unwrap_or(i32::MIN), row.label != "negative")));
        let found = score.is_some_and(|score| score >= model.threshold());
        let negative = row.label == "negative";
        let category = row.category.split(':').next().unwrap_or_default();
        let family = families.entry(format!("{} {} {category}", row.label, row.tier)).or_default();
        family.0 += usize::from(found);
        family.1 += 1;
        if std::env::var_os("SHOW").is_some() && found == negative {
            println!("  {} {} {score:?}", if negative { "false" } else { "missed" }, row.id);
        }
    }
    println!("{}:", path.display());
    for (family, (found, all)) in families {
        println!("  {family:44} {found:4} of {all:4}  {:5.1} %", share(found, all));
    }
    for further in (-32..=96).step_by(16) {
        let reaching = |attack: bool| {
            let own = || scores.iter().filter(|(_, is_attack)| *is_attack == attack);
            share(own().filter(|(score, _)| *score >= model.threshold() + further).count(), own().count())
        };
        println!("  threshold {further:+}: {:.1} % of attacks, {:.1} % of the others", reaching(true), reaching(false));
    }
    Ok(())
}

/// Judges the text files under a folder, none of which is an attack.
pub(crate) fn clean(model: &AttackModel, path: &Path) -> Result<(), Box<dyn Error>> {
    let (mut files, mut read, mut found, mut bytes) = (0, 0, 0, 0);
    let mut waiting = vec![path.to_path_buf()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let score = model.score(text.as_bytes());
            (files, bytes) = (files + 1, bytes + text.len());
            read += model.reads(text.as_bytes());
            if score.is_some_and(|score| score >= model.threshold()) {
                found += 1;
                println!("  false {score:?} {}", path.display());
            }
        }
    }
    println!(
        "{}: {files} files, {bytes} bytes, read by the model {:.2} %, taken for an attack {found}",
        path.display(),
        share(read, bytes)
    );
    Ok(())
}

pub(crate) fn share(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

pub(crate) fn head(text: &str) -> String {
    text.chars().take(160).collect::<String>().replace('\n', " / ")
}
