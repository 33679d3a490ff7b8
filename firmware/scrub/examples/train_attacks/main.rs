//! Trains the attack model: `cargo run --release -p gate-scrub --example train_attacks`.
//!
//! Reads the phrases in `firmware/packs/kb7-attacks/model`, makes documents of them, learns the weights and writes
//! `firmware/packs/kb7-attacks/model.bin`: the same bytes for the same phrases. Prints what the model finds of phrases
//! that it was not trained on, of each family when all of that family was left out, and what it takes for an attack by
//! mistake. `--check FILE.jsonl` also judges labelled rows of `{"id", "text", "label", "tier", "category"}`, which have no
//! part in the training; `--clean PATH` judges text files that hold no attack; `--quick` leaves out the
//! families, `--dry` writes nothing, `--kept` judges by the model that is there. `--unseen` trains on the whole texts of
//! `kb7-attacks/written`, too, but every fifth, judges those, and writes nothing; with `--kept`, the model that is there
//! judges all of them. `--count PATH` counts cues in text files that hold no attack, and does nothing else.

mod data;
mod families;
mod gate;
mod generate;
mod learn;
mod report;

use std::error::Error;
use std::path::PathBuf;

use gate_scrub::{ACT_SLOTS, AttackModel, Lexicon, SLOT_BITS};

use self::data::Phrases;
use self::families::unseen_families;
use self::generate::{Document, documents};
use self::learn::Beliefs;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/kb7-attacks"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut phrases = Phrases::read(&folder.join("model"))?;
    if let Some(pair) = arguments.windows(2).find(|pair| pair[0] == "--count") {
        std::fs::write(folder.join("model/frequencies.toml"), gate::count(phrases.concepts(), pair[1].as_ref())?)?;
        return Ok(());
    }
    if has("--unseen") {
        phrases.add_whole(&folder.join("written"))?;
    }
    if has("--kept") {
        let model = AttackModel::from_bytes(&std::fs::read(folder.join("model.bin"))?)?;
        report::whole_texts(&model, &phrases);
        return judge(&model, &arguments);
    }
    let documents = documents(&phrases);
    let beliefs = Beliefs::new(phrases.acts()?.1);
    let seen = documents.iter().filter(|document| !has("--unseen") || document.unseen.is_none());
    let lexicon = lexicon(&phrases, seen)?;
    let empty = AttackModel::new(lexicon, vec![0; 1 << SLOT_BITS], 0, 0, phrases.inputs)?;
    let examples = learn::examples(&empty, &documents);
    report::sizes(&phrases, &examples);
    if has("--unseen") {
        report::unseen_texts(&examples, &beliefs);
        return Ok(());
    }
    let threshold = report::unseen_phrases(&examples, &beliefs);
    if !has("--quick") {
        unseen_families(&phrases, &documents, &beliefs)?;
    }
    let weights = learn::train(&examples, &beliefs, |_| true);
    if std::env::var_os("SHOW").is_some() {
        for (act, name) in phrases.act_names().enumerate() {
            println!("  act {:6.2} {name}", weights[ACT_SLOTS as usize + act]);
        }
    }
    let (weights, floor, threshold) = (learn::quantised(&weights), learn::steps(learn::FLOOR), learn::steps(threshold));
    let model =
        AttackModel::new(self::lexicon(&phrases, documents.iter())?, weights, floor, threshold, phrases.inputs)?;
    let bytes = model.to_bytes();
    println!("model: {} bytes, threshold {threshold}, inputs {:016x}", bytes.len(), phrases.inputs);
    judge(&model, &arguments)?;
    if !has("--dry") {
        std::fs::write(folder.join("model.bin"), bytes)?;
    }
    Ok(())
}

/// Judges the files that the arguments name.
fn judge(model: &AttackModel, arguments: &[String]) -> Result<(), Box<dyn Error>> {
    for pair in arguments.windows(2) {
        match pair[0].as_str() {
            "--check" => report::rows(model, pair[1].as_ref())?,
            "--clean" => report::clean(model, pair[1].as_ref())?,
            _ => {}
        }
    }
    Ok(())
}

/// The concepts, with pulls that fit the documents, and the acts.
fn lexicon<'a>(phrases: &Phrases, documents: impl Iterator<Item = &'a Document>) -> Result<Lexicon, Box<dyn Error>> {
    let concepts = gate::learned(phrases.concepts(), documents, &phrases.frequencies)?;
    Ok(Lexicon::new(concepts, phrases.acts()?.0)?)
}
