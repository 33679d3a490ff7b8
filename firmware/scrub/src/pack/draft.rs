//! Rules while they are gathered from their files, and compiled on all cores: the automata of a pack take most of the time
//! in which a daemon starts.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gate_core::KnowledgeBase;

use super::allow::AllowList;
use super::machine::Alphabet;
use super::rule::Rule;
use super::source::{RawFile, RawRule, Start, line_of};
use super::{
    ALLOW_LIST, DigitRules, MANIFEST, MAX_ANCHORS, MAX_MEMORY, MAX_RULES, OfficeWord, Pack, PackError, PackInfo,
    ZONE_KEYS, anchors, examples, keys, keyword,
};
use crate::decide::{AttackModel, ModelError};

/// Most threads that compile: each has large tables of its own meanwhile.
const MAX_THREADS: usize = 4;

/// What is gathered while files are read.
#[derive(Default)]
pub(super) struct Draft {
    info: PackInfo,
    allow: AllowList,
    steps: Vec<Step>,
    /// The file of each rule so far.
    files: HashMap<String, String>,
    attack_model: Option<AttackModel>,
    /// Bytes of automata that there are before the first rule.
    pub(super) memory: usize,
}

/// What is read, in order.
enum Step {
    Mistake(PackError),
    Rule(Box<Source>),
}

/// A rule as its author wrote it.
struct Source {
    raw: RawRule,
    kb: KnowledgeBase,
    alphabet: Alphabet,
    origin: Origin,
}

enum Origin {
    File {
        file: String,
        line: usize,
    },
    /// The number of an office's word.
    Word(usize),
}

/// A rule with what is needed of its source, or the key that is wrong and why.
type Compiled = Result<Rule, (&'static str, String)>;

/// What the rules so far make.
#[derive(Default)]
struct Parts {
    rules: Vec<Rule>,
    examples: Vec<examples::Examples>,
    memory: usize,
    anchors: anchors::Draft,
    digits: Vec<usize>,
    words: Vec<usize>,
    base58: Vec<usize>,
    /// The rule that stands for the attack model.
    model_rule: Option<usize>,
}

impl Draft {
    pub(super) fn new(info: PackInfo) -> Self {
        Self { info, ..Self::default() }
    }

    /// Adds a file as what its name says it is.
    pub(super) fn add_file(&mut self, path: &str, text: &str, model: &[u8]) {
        let added = match path.rsplit('/').next() {
            Some(MANIFEST) => manifest(path, text).map(|info| self.info = info),
            Some(ALLOW_LIST) => self.allow.add(text).map_err(|(at, why)| PackError::Toml {
                file: path.to_owned(),
                line: line_of(text, at..at),
                why,
            }),
            Some(ZONE_KEYS) => keys::read(path, text).map(drop),
            _ => self.add_rules(path, text, model),
        };
        self.steps.extend(added.err().map(Step::Mistake));
    }

    /// Adds a file of rules. A mistake in one rule is noted, and the next one is read; the error is one of the whole file.
    fn add_rules(&mut self, path: &str, text: &str, model: &[u8]) -> Result<(), PackError> {
        let file: RawFile = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
        for spanned in file.rules {
            let (file_name, line) = (path.to_owned(), line_of(text, spanned.span()));
            let mut raw = spanned.into_inner();
            raw.fill_in();
            let rule = raw.id.clone();
            if let Some(earlier) = self.files.insert(rule.clone(), path.to_owned()) {
                self.steps.push(Step::Mistake(PackError::Duplicate { file: file_name, line, rule, earlier }));
                continue;
            }
            if raw.model {
                raw.anchors.extend(self.add_model(model)?);
                raw.ignore_case = true;
            }
            self.add(raw, file.kb, Alphabet::Ascii, Origin::File { file: file_name, line });
        }
        Ok(())
    }

    /// Reads the attack model, and returns the literals at which it looks.
    fn add_model(&mut self, bytes: &[u8]) -> Result<Vec<String>, ModelError> {
        let model = AttackModel::from_bytes(bytes)?;
        Ok(self.attack_model.insert(model).lexicon().anchors())
    }

    pub(super) fn add_word(&mut self, number: usize, word: &OfficeWord) {
        match word.rule(number) {
            Ok(raw) => self.add(raw, KnowledgeBase::Property, Alphabet::Unicode, Origin::Word(number)),
            Err(why) => self.steps.push(Step::Mistake(PackError::Word { number, why })),
        }
    }

    fn add(&mut self, raw: RawRule, kb: KnowledgeBase, alphabet: Alphabet, origin: Origin) {
        self.steps.push(Step::Rule(Box::new(Source { raw, kb, alphabet, origin })));
    }

    /// Compiles all rules, or names all mistakes.
    pub(super) fn finish(self) -> Result<Pack, Vec<PackError>> {
        let Self { info, allow, steps, attack_model, memory, .. } = self;
        let compiled = compile(&steps, memory);
        let (mut parts, mut errors) = (Parts { memory, ..Parts::default() }, Vec::new());
        for (step, compiled) in steps.into_iter().zip(compiled) {
            match (step, compiled) {
                (Step::Mistake(error), _) => errors.push(error),
                (Step::Rule(source), Some(rule)) => {
                    let Err(error) = parts.add(*source, rule, attack_model.as_ref()) else { continue };
                    let is_last = matches!(error, PackError::TooMuch { .. });
                    errors.push(error);
                    if is_last {
                        break;
                    }
                }
                // It follows those that are too large together.
                (Step::Rule(_), None) => break,
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let Parts { rules, examples, anchors, digits, words, base58, model_rule, .. } = parts;
        let (anchors, digits) = (anchors.finish(&rules), DigitRules::new(digits, &rules));
        let attack_model = model_rule.zip(attack_model);
        Ok(Pack { info, rules, allow, examples, anchors, digits, words, base58, attack_model })
    }
}

/// Compiles the rules among `steps`, one after the other by every thread that there may be. What lies behind those that are
/// too large together stays undone.
fn compile(steps: &[Step], memory: usize) -> Vec<Option<Compiled>> {
    let (next, memory) = (AtomicUsize::new(0), AtomicUsize::new(memory));
    let done: Mutex<Vec<_>> = Mutex::new(steps.iter().map(|_| None).collect());
    let work = || {
        while memory.load(Ordering::Relaxed) <= MAX_MEMORY {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(step) = steps.get(at) else { return };
            let Step::Rule(source) = step else { continue };
            let compiled = Rule::compile(source.raw.clone(), source.kb, source.alphabet);
            memory.fetch_add(compiled.as_ref().map_or(0, Rule::memory), Ordering::Relaxed);
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[at] = Some(compiled);
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
        // Where no more threads may be had, this one does it alone.
        (1..cores).for_each(|_| drop(thread::Builder::new().spawn_scoped(scope, work)));
        work();
    });
    done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Parts {
    fn add(&mut self, source: Source, rule: Compiled, model: Option<&AttackModel>) -> Result<(), PackError> {
        let Source { raw, origin, .. } = source;
        let rule = match (rule, &origin) {
            (Ok(rule), _) => rule,
            (Err((key, why)), Origin::File { file, line }) => {
                return Err(PackError::Rule { file: file.clone(), line: *line, rule: raw.id, key, why });
            }
            (Err((_, why)), Origin::Word(number)) => return Err(PackError::Word { number: *number, why }),
        };
        let index = self.rules.len();
        match raw.starts {
            Some(Start::Digits) => self.digits.push(index),
            Some(Start::Words) => self.words.push(index),
            Some(Start::Base58) => self.base58.push(index),
            None => {}
        }
        if let Origin::File { file, line } = &origin {
            self.examples.push(examples::Examples::new(file, *line, &raw));
        }
        let model = model.filter(|_| raw.model);
        self.model_rule = self.model_rule.or(model.map(|_| index));
        for anchor in keyword::literals(raw.anchors, &rule) {
            let begins_word =
                model.map_or_else(|| rule.begins_word(&anchor), |model| model.lexicon().begins_word(&anchor));
            let meaning = model.and_then(|model| model.lexicon().meaning(&anchor));
            self.anchors.add(&anchor, raw.ignore_case, begins_word, index, meaning);
        }
        self.memory += rule.memory();
        self.rules.push(rule);
        match (self.too_much(), origin) {
            (Some((what, limit)), Origin::File { file, line }) => {
                Err(PackError::TooMuch { file, line, rule: raw.id, what, limit })
            }
            _ => Ok(()),
        }
    }

    /// The cap that the rules so far have passed.
    fn too_much(&self) -> Option<(&'static str, usize)> {
        let caps = [
            ("rules", self.rules.len(), MAX_RULES),
            ("bytes of anchors", self.anchors.bytes(), MAX_ANCHORS),
            ("bytes of automata", self.memory, MAX_MEMORY),
        ];
        caps.into_iter().find(|(_, actual, limit)| actual > limit).map(|(what, _, limit)| (what, limit))
    }
}

/// Reads the file that names the pack.
pub(super) fn manifest(path: &str, text: &str) -> Result<PackInfo, PackError> {
    let info: PackInfo = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
    let named = |why: &str| PackError::Toml { file: path.to_owned(), line: 1, why: why.to_owned() };
    info.check().map_err(named)?;
    Ok(info)
}

pub(super) fn toml_error(path: &str, text: &str, error: &toml::de::Error) -> PackError {
    PackError::Toml {
        file: path.to_owned(),
        line: line_of(text, error.span().unwrap_or_default()),
        why: error.message().to_owned(),
    }
}
