//! Looks for inputs that cost more than any that somebody thought of: by chance, from the dearest ones so far.

use std::time::{Duration, Instant};

use gate_scrub::{BodyKind, Limits, Scanner};

use super::corpus::{self, Dice, Kind};
use super::{timed, worst};

/// Bytes of one body, small enough to try many.
const SIZE: usize = 8 << 10;

/// Pieces that others are made of, and longest piece in bytes.
const KEPT: usize = 96;
const LONGEST: usize = 400;

/// Pieces between two looks at what clean text costs at the moment.
const CALIBRATE: usize = 32;

/// What stands between pieces, or in them.
const GLUE: [&str; 24] = [
    "",
    " ",
    "1",
    "a",
    "-",
    "\n",
    "=",
    "\"",
    ":",
    "'",
    ".",
    ",",
    "_",
    "/",
    "@",
    "(",
    "Z9",
    "%",
    "\\",
    "\t",
    "é",
    "中",
    "+",
    "{\"a\":\"",
];

/// Tries pieces for so long, and prints the dearest with their share of the cost of clean text.
pub(crate) fn report(scanner: &Scanner, time: Duration, seed: u64) {
    let known: Vec<String> = worst::hostile().into_iter().map(|(_, piece)| piece).collect();
    let clean = corpus::bodies(Kind::Text, 8 * SIZE, SIZE).into_iter().map(|body| body.bytes).collect::<Vec<_>>();
    let (mut dice, mut kept, mut price) = (Dice::new(seed), Vec::<(f64, String)>::new(), 0.0);
    let (started, mut tried) = (Instant::now(), 0);
    while started.elapsed() < time {
        if tried % CALIBRATE == 0 {
            price = clean.iter().map(|body| cost(scanner, body)).sum::<f64>() / clean.len() as f64;
        }
        // A third of the time goes into what is known, so that all of it may become a part of something.
        let piece = if kept.len() < 8 || dice.roll(3) == 0 {
            known[dice.roll(known.len())].clone()
        } else {
            mutated(&mut dice, &kept, &known)
        };
        tried += 1;
        if piece.is_empty() || kept.iter().any(|kept| kept.1 == piece) {
            continue;
        }
        let ratio = cost(scanner, &worst::body(&piece, SIZE)) / price;
        kept.push((ratio, piece));
        kept.sort_by(|one, other| other.0.total_cmp(&one.0));
        kept.truncate(KEPT);
    }
    println!("{tried} pieces");
    kept.iter().take(worst::SHOWN).for_each(|(ratio, piece)| println!("{ratio:>8.1}  {piece:?}"));
}

/// Nanoseconds a byte, the best of a few scans.
fn cost(scanner: &Scanner, body: &[u8]) -> f64 {
    let scan = || timed(|| scanner.body(BodyKind::Text, body, &Limits::default())).0;
    let best = (0..3).map(|_| scan()).min().unwrap_or_default();
    best.as_nanos() as f64 / body.len() as f64
}

/// A piece made of one that is dear, and perhaps of another one.
fn mutated(dice: &mut Dice, kept: &[(f64, String)], known: &[String]) -> String {
    // The dearer ones more often.
    let reach = 1 + dice.roll(kept.len());
    let mut piece: Vec<char> = kept[dice.roll(reach)].1.chars().collect();
    for _ in 0..1 + dice.roll(3) {
        let at = dice.roll(piece.len() + 1);
        let other = match dice.roll(3) {
            0 => &known[dice.roll(known.len())],
            _ => &kept[dice.roll(kept.len())].1,
        };
        match dice.roll(5) {
            0 => drop(piece.splice(at..at, other.chars())),
            1 => piece.extend(other.chars()),
            2 => drop(piece.splice(at..at, GLUE[dice.roll(GLUE.len())].chars())),
            3 => drop(piece.drain(at..(at + 1 + dice.roll(12)).min(piece.len()))),
            _ => piece.truncate(at),
        }
    }
    piece.truncate(LONGEST);
    piece.into_iter().collect()
}
