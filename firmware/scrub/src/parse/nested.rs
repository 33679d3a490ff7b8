//! Runs of base64 and hexadecimal in a text, and what they spell.

use std::ops::Range;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Shortest run that is looked into: `user:pw@x` has 12 characters in base64, and shorter runs are all words.
const MIN_RUN: usize = 16;

/// Characters that are decoded to see whether a run spells text. Twelve bytes of noise are all printable once in
/// 100,000 runs, which costs a decoding and no more.
const PROBE: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// An encoded run that spells text, as far as its beginning shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) range: Range<usize>,
    coding: Coding,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    Hex,
    Base64,
    Base64Url,
}

/// The runs in `text` that begin at `from` or later. A run that goes on at `from` is one of them if `resume`.
pub(crate) fn runs(text: &[u8], from: usize, resume: bool) -> impl Iterator<Item = Run> {
    let inside = !resume && from > 0 && is_run_byte(text[from - 1]);
    let skipped = text[from..].iter().take_while(|byte| inside && is_run_byte(**byte)).count();
    let mut at = from + skipped;
    std::iter::from_fn(move || {
        loop {
            at += text[at..].iter().position(|byte| is_run_byte(*byte))?;
            let len = text[at..].iter().take_while(|byte| is_run_byte(**byte)).count();
            let range = at..at + len;
            at += len;
            if len >= MIN_RUN
                && let Some(coding) = coding(&text[range.clone()])
            {
                let padding = text[range.end..].iter().take(2).take_while(|byte| **byte == b'=').count();
                let padding = if coding == Coding::Hex { 0 } else { padding };
                at += padding;
                return Some(Run { range: range.start..range.end + padding, coding });
            }
        }
    })
}

impl Run {
    /// What the run spells; `None` when it is not text after all.
    pub(crate) fn decode(&self, text: &[u8]) -> Option<Vec<u8>> {
        let run = &text[self.range.clone()];
        let decoded = decode(run, self.coding)?;
        is_text(&decoded).then_some(decoded)
    }
}

fn is_run_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// How the run is encoded, if its first bytes spell text. Only they decide whether it is one, so that a run that is
/// still growing is known for one early.
fn coding(run: &[u8]) -> Option<Coding> {
    let probe = |coding: Coding, len: usize| {
        let head = &run[..len.min(run.len() & !3)];
        decode(head, coding).is_some_and(|decoded| is_text(&decoded))
    };
    let is_hex = |run: &[u8]| run.iter().all(u8::is_ascii_hexdigit);
    if is_hex(&run[..run.len().min(PROBE * 2)]) && probe(Coding::Hex, PROBE * 2) && is_hex(run) {
        return Some(Coding::Hex);
    }
    let url_safe = |run: &[u8]| run.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let alphabet = |run: &[u8]| if url_safe(run) { Coding::Base64Url } else { Coding::Base64 };
    probe(alphabet(&run[..PROBE]), PROBE).then(|| alphabet(run))
}

fn decode(run: &[u8], coding: Coding) -> Option<Vec<u8>> {
    match coding {
        Coding::Hex => {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            run.as_chunks::<2>().0.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
        }
        // A last group of one character encodes no byte: it is a letter that happens to follow, not an error.
        Coding::Base64 => STANDARD.decode(trim_odd(run)).ok(),
        Coding::Base64Url => URL_SAFE.decode(trim_odd(run)).ok(),
    }
}

fn trim_odd(run: &[u8]) -> &[u8] {
    let run = run.trim_ascii_end();
    let body = run.iter().position(|byte| *byte == b'=').unwrap_or(run.len());
    if body % 4 == 1 { &run[..body - 1] } else { run }
}

/// Whether nearly all bytes are printable: UTF-8 of any script, or UTF-16 of a Latin one.
fn is_text(bytes: &[u8]) -> bool {
    let odd = |byte: &&u8| matches!(**byte, 1..=8 | 11 | 12 | 14..=31 | 127);
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if bytes.len() < 9 || bytes.iter().filter(odd).count() * 20 > bytes.len() {
        return false;
    }
    if zeros > 0 {
        // Every other byte is zero.
        return zeros * 5 >= bytes.len() * 2 && zeros * 2 <= bytes.len() + 2;
    }
    let head = &bytes[..bytes.len().min(512)];
    match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end inside a character.
        Err(error) => error.error_len().is_none() && error.valid_up_to() + 4 > head.len(),
    }
}
