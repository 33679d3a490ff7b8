//! Trains the attack model: `cargo run --release -p gate-scrub --example train_attacks`.
//!
//! Reads the phrases in `firmware/packs/kb7-attacks/model`, makes documents of them, learns the weights and writes
//! `firmware/packs/kb7-attacks/model.bin`: the same bytes for the same phrases. Prints what the model finds of phrases
//! that it was not trained on, of each family when all of that family was left out, and what it takes for an attack by
//! mistake. `--check FILE.jsonl` also judges labelled rows of `{"id", "text", "label", "tier", "category"}`, which have no
//! part in the training; `--clean PATH` judges text files that hold no attack; `--quick` leaves out the
//! families, `--dry` writes nothing.

mod data;
mod gate;
mod generate;
mod learn;
mod report;

use std::error::Error;
use std::path::PathBuf;

use gate_scrub::{AttackModel, Lexicon, SLOT_BITS};

use self::data::Phrases;
use self::generate::documents;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../packs/kb7-attacks"));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let phrases = Phrases::read(&folder.join("model"))?;
    let documents = documents(&phrases);
    let concepts = gate::learned(phrases.concepts(), &documents)?;
    let empty = AttackModel::new(Lexicon::new(concepts.clone())?, vec![0; 1 << SLOT_BITS], 0, phrases.inputs)?;
    let examples = learn::examples(&empty, &documents);
    report::sizes(&phrases, &examples);
    let threshold = report::unseen_phrases(&examples);
    if !arguments.iter().any(|argument| argument == "--quick") {
        report::unseen_families(&examples);
    }
    let (weights, threshold) = learn::quantised(&learn::train(&examples, |_| true), threshold);
    let model = AttackModel::new(Lexicon::new(concepts)?, weights, threshold, phrases.inputs)?;
    let bytes = model.to_bytes();
    println!("model: {} bytes, threshold {threshold}, inputs {:016x}", bytes.len(), phrases.inputs);
    for pair in arguments.windows(2) {
        match pair[0].as_str() {
            "--check" => report::rows(&model, pair[1].as_ref())?,
            "--clean" => report::clean(&model, pair[1].as_ref())?,
            _ => {}
        }
    }
    if !arguments.iter().any(|argument| argument == "--dry") {
        std::fs::write(folder.join("model.bin"), bytes)?;
    }
    Ok(())
}
