//! Logistic regression over the best window of each document, in plain arithmetic that every machine does alike.

use gate_scrub::{ACT_SLOTS, AttackModel, BIAS_SLOT, CONCEPT_SLOTS, Features, SLOT_BITS};

use crate::generate::{Dice, Document};

/// Passes over all documents.
const EPOCHS: usize = 14;

/// Passes before the first of which the weights are averaged: single ones swing around where they settle.
const SETTLED: usize = 4;

/// Step of the first pass; AdaGrad shortens it for each slot by itself.
const STEP: f32 = 0.12;

/// Pull of every weight towards what was thought of it before: of words, and of all others. Words are held back more, so that
/// what is common to all wordings is learnt first.
const DECAY: (f32, f32) = (1e-4, 2e-5);

/// How far the weights of words and of concepts may lie from zero, downwards and upwards. A word that only harmless text
/// has says little against an attack that nobody has seen.
const WORDS: (f32, f32) = (-0.5, 0.5);
const CONCEPTS: (f32, f32) = (-1.0, 1.5);

/// The weight of a window before anything in it is read.
const BIAS: f32 = -3.0;

/// Of 16 features of words, so many have no part in a step: the others must do without them.
const DROPPED: usize = 9;

/// Steps of a weight's byte from one to the next whole number.
const STEPS: f32 = 32.0;

/// The score of a sentence from which on what stands around it is read: one of five hundred of plain text, and nearly all of
/// attacks that take more than a sentence.
pub(crate) const FLOOR: f32 = -0.7;

/// How much more a window of a benign document counts than one of an attack.
const NEGATIVE: f32 = 2.5;

/// What is thought of the weights before any document is seen, and what they may become.
#[derive(Clone, Debug)]
pub(crate) struct Beliefs {
    acts: Vec<f32>,
}

impl Beliefs {
    /// Beliefs in acts of these weights.
    pub(crate) fn new(acts: Vec<f32>) -> Self {
        Self { acts }
    }

    fn before(&self, slot: usize) -> f32 {
        match slot {
            _ if slot == BIAS_SLOT as usize => BIAS,
            _ => slot.checked_sub(ACT_SLOTS as usize).and_then(|act| self.acts.get(act)).copied().unwrap_or(0.0),
        }
    }
}

/// How hard the weight of a slot is pulled back, and between what it stays.
fn bounds(slot: u32) -> (f32, f32, f32) {
    match slot {
        ..CONCEPT_SLOTS => (DECAY.0, WORDS.0, WORDS.1),
        CONCEPT_SLOTS..ACT_SLOTS => (DECAY.1, CONCEPTS.0, CONCEPTS.1),
        _ => (DECAY.1, f32::MIN, f32::MAX),
    }
}

/// A document as features of its windows.
#[derive(Debug)]
pub(crate) struct Example<'a> {
    pub(crate) document: &'a Document,
    pub(crate) windows: Vec<Features>,
}

/// The features of all documents.
pub(crate) fn examples<'a>(model: &AttackModel, documents: &'a [Document]) -> Vec<Example<'a>> {
    let example = |document: &'a Document| Example { document, windows: model.features(document.text.as_bytes()) };
    documents.iter().map(example).collect()
}

/// Learns weights from the examples that `takes` takes.
pub(crate) fn train(examples: &[Example<'_>], beliefs: &Beliefs, takes: impl Fn(&Example<'_>) -> bool) -> Vec<f32> {
    let mut taken: Vec<&Example<'_>> =
        examples.iter().filter(|example| takes(example) && !example.windows.is_empty()).collect();
    let mut dice = Dice::new(7);
    let before: Vec<f32> = (0..1 << SLOT_BITS).map(|slot| beliefs.before(slot)).collect();
    let mut learner = Learner { weights: before.clone(), before, squares: vec![1e-3; 1 << SLOT_BITS] };
    let mut total = vec![0.0; 1 << SLOT_BITS];
    for epoch in 0..EPOCHS {
        for index in (1..taken.len()).rev() {
            taken.swap(index, dice.below(index + 1));
        }
        for example in &taken {
            learner.learn(example, &mut dice);
        }
        if epoch >= SETTLED {
            total.iter_mut().zip(&learner.weights).for_each(|(total, weight)| *total += weight);
        }
    }
    total.iter().map(|total| total / (EPOCHS - SETTLED) as f32).collect()
}

/// The highest score of a document's windows; without any it is never an attack.
pub(crate) fn score(weights: &[f32], example: &Example<'_>) -> f32 {
    let scores: Vec<f32> = example.windows.iter().map(|window| sum(weights, &window.slots)).collect();
    let is_read = |window: &Features| window.after.is_none_or(|after| scores[after] >= FLOOR);
    let read = example.windows.iter().zip(&scores).filter(|(window, _)| is_read(window));
    read.map(|(_, score)| *score).fold(f32::NEG_INFINITY, f32::max)
}

/// The weights as bytes, and a score in their unit.
pub(crate) fn quantised(weights: &[f32]) -> Vec<i8> {
    let byte = |weight: &f32| (weight * STEPS).round().clamp(-127.0, 127.0) as i8;
    weights.iter().map(byte).collect()
}

pub(crate) fn steps(score: f32) -> i32 {
    (score * STEPS).ceil() as i32
}

struct Learner {
    weights: Vec<f32>,
    before: Vec<f32>,
    squares: Vec<f32>,
}

impl Learner {
    fn learn(&mut self, example: &Example<'_>, dice: &mut Dice) {
        let attack = example.document.family.is_some();
        let best = (0..example.windows.len()).max_by(|a, b| {
            let of = |index: &usize| sum(&self.weights, &example.windows[*index].slots);
            of(a).total_cmp(&of(b))
        });
        let Some(best) = best else { return };
        if attack {
            self.step(&example.windows[best].slots, 1.0, 1.0, dice);
        } else {
            // The worst window and another one: all of them would drown what is rare in what is common.
            self.step(&example.windows[best].slots, 0.0, NEGATIVE, dice);
            let other = dice.below(example.windows.len());
            if other != best {
                self.step(&example.windows[other].slots, 0.0, NEGATIVE, dice);
            }
        }
    }

    fn step(&mut self, slots: &[u32], label: f32, importance: f32, dice: &mut Dice) {
        let mut drawn = dice.next();
        let mut kept = Vec::with_capacity(slots.len());
        for slot in slots {
            if drawn < 16 {
                drawn = dice.next();
            }
            let draw = drawn as usize % 16;
            drawn /= 16;
            if *slot >= CONCEPT_SLOTS || draw >= DROPPED {
                kept.push(*slot);
            }
        }
        let error = importance * (probability(sum(&self.weights, &kept)) - label);
        for slot in kept {
            let ((decay, low, high), at) = (bounds(slot), slot as usize);
            let away = self.weights[at] - self.before[at];
            let gradient = error + decay * away;
            self.squares[at] += gradient * gradient;
            let moved = self.weights[at] - STEP * gradient / self.squares[at].sqrt() - STEP * decay * away;
            self.weights[at] = moved.clamp(low, high);
        }
    }
}

fn sum(weights: &[f32], slots: &[u32]) -> f32 {
    slots.iter().map(|slot| weights[*slot as usize]).sum()
}

/// Nearly the logistic curve, without an exponential, which not every machine rounds alike; 0 and 1 from 6 away on.
pub(crate) fn probability(score: f32) -> f32 {
    let half = (score / 2.0).clamp(-3.0, 3.0);
    0.5 + 0.5 * half * (27.0 + half * half) / (27.0 + 9.0 * half * half)
}
