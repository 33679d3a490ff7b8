//! Which parts of a text are scored: the sentence of a cue, and a wider stretch around it.

use std::ops::Range;

use super::lexicon::{LOOK, Meaning};
use super::normal::View;
use crate::parse::Shadow;

/// Bytes within which cues of different concepts pull together.
const CONFIRM: usize = 160;

/// How much cues of different concepts near each other have to pull together for the model to look. To read a sentence in vain
/// costs little.
const ENOUGH: u8 = 8;
const _: () = assert!(ENOUGH <= LOOK);

/// Most cues before and after a cue that are asked.
const MAX_NEAR: usize = 24;

/// Bytes before and after a cue within which its sentence begins and ends.
const SENTENCE: (usize, usize) = (200, 260);

/// Bytes before and after a cue that belong to a wide window.
const WIDE: (usize, usize) = (240, 330);

/// Bytes of the body of which one cue has a wide window, so that a text full of cues is not read over and over.
const BLOCK: usize = 192;

/// Bytes from a cue back to the first that may be a part of its finding.
pub(crate) const BACK: usize = SENTENCE.0;

/// Bytes from a cue's start to the last that has a part in judging it.
pub(crate) const AHEAD: usize = WIDE.1;

/// Bytes from a cue back to the first that has a part in judging it: its window, or a cue of its block and what confirms
/// that one.
pub(crate) const REACH: usize = BLOCK + CONFIRM + 48;
const _: () = assert!(REACH >= WIDE.0 + 4 && AHEAD >= CONFIRM + 48 && AHEAD >= SENTENCE.1);

/// A literal that makes the model look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cue {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(super) meaning: Meaning,
}

/// The text that cues were found in.
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) shadow: &'a Shadow,
    /// Place in the body of the shadow's origin.
    pub(crate) base: usize,
}

/// A part of a text to be scored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// What is read.
    pub(crate) read: Range<usize>,
    /// What a finding says.
    pub(crate) span: Range<usize>,
    pub(crate) view: View,
    /// The sentence that called for it, if it is a wide one around a sentence.
    pub(crate) after: Option<Range<usize>>,
}

/// Calls `read` with the windows that `cues`, which are in order of place, call for: the sentence of each cue, and the wide
/// window around it where `read` says that the sentence comes to something, or there is none. It ends when `read` says
/// nothing.
pub(super) fn visit(text: &Text<'_>, cues: &[Cue], mut read: impl FnMut(&Window) -> Option<bool>) -> Option<()> {
    let mut known: Vec<(Range<usize>, View, bool)> = Vec::new();
    let mut last: Option<(usize, usize)> = None;
    let mut sentences = Sentences { text: text.bytes, last: 0..0 };
    for cue in (0..cues.len()).filter(|index| is_confirmed(cues, *index)).map(|index| &cues[index]) {
        let view = cue.meaning.view;
        let sentence = sentences.around(cue);
        if let Some(sentence) = &sentence {
            let again = known.iter().rev().take(4).find(|known| known.0 == *sentence && known.1 == view);
            let promising = match again {
                Some(known) => known.2,
                None => {
                    let window = Window { read: sentence.clone(), span: sentence.clone(), view, after: None };
                    let promising = read(&window)?;
                    known.push((sentence.clone(), view, promising));
                    promising
                }
            };
            if !promising {
                continue;
            }
        }
        let (origin, inside) = text.shadow.map.place(cue.start);
        let block = ((text.base + origin) / BLOCK, inside / BLOCK);
        if last.replace(block) != Some(block) {
            read(&around(text.bytes, cue, sentence))?;
        }
    }
    Some(())
}

/// The wide window of a cue.
fn around(text: &[u8], cue: &Cue, sentence: Option<Range<usize>>) -> Window {
    let read = wide(text, cue);
    let span = sentence.clone().unwrap_or(read.start.max(cue.start.saturating_sub(BACK))..read.end);
    Window { read, span: whole_chars(text, span), view: cue.meaning.view, after: sentence }
}

/// Whether a cue and those nearby, each concept once, pull hard enough.
fn is_confirmed(cues: &[Cue], index: usize) -> bool {
    let cue = &cues[index];
    let near = |other: &&Cue| other.start.abs_diff(cue.start) <= CONFIRM;
    let before = cues[..index].iter().rev().take_while(near).take(MAX_NEAR);
    let after = cues[index + 1..].iter().take_while(near).take(MAX_NEAR);
    let (mut seen, mut pull) = (1_u128 << cue.meaning.concept, cue.meaning.pull);
    for other in before.chain(after).map(|cue| cue.meaning) {
        if pull >= ENOUGH {
            break;
        }
        if other.view == cue.meaning.view && seen & (1 << other.concept) == 0 {
            seen |= 1 << other.concept;
            pull = pull.saturating_add(other.pull);
        }
    }
    pull >= ENOUGH
}

/// The sentences of a text. Most cues stand in the same one as those before them.
struct Sentences<'a> {
    text: &'a [u8],
    /// Where the last one begins and ends; empty if others begin in its cue.
    last: Range<usize>,
}

impl Sentences<'_> {
    /// The sentence or line around a cue, which does not start before the one that was asked for last, if it is not too long.
    fn around(&mut self, cue: &Cue) -> Option<Range<usize>> {
        let text = self.text;
        let known = self.last.start <= cue.start && cue.end <= self.last.end && !self.last.is_empty();
        let found = if known { self.last.clone() } else { sentence(text, cue)? };
        if found.start + SENTENCE.0 < cue.start || cue.start + SENTENCE.1 < found.end {
            return None;
        }
        if !known {
            let parted = (cue.start + 1..cue.end).any(|at| is_boundary(text, at));
            self.last = if parted { 0..0 } else { found.clone() };
        }
        let lead = text[found.start..cue.start].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Some(found.start + lead..found.end)
    }
}

/// The boundaries around a cue, if they are near.
fn sentence(text: &[u8], cue: &Cue) -> Option<Range<usize>> {
    let floor = cue.start.saturating_sub(SENTENCE.0);
    let start = (floor..=cue.start).rev().find(|at| is_boundary(text, *at))?;
    let ceiling = (cue.start + SENTENCE.1).min(text.len());
    let end = (cue.end..=ceiling).find(|at| is_boundary(text, *at))?;
    Some(start..end)
}

/// Whether a sentence may end before `at` and another begin there.
fn is_boundary(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| text.get(before)) else { return at == 0 };
    match before {
        b'a'..=b'z' | b' ' => at == text.len(),
        b'\n' => true,
        b'.' | b'!' | b'?' => {
            text.get(at).is_none_or(|after| after.is_ascii_whitespace() || matches!(after, b'"' | b'<'))
        }
        0x80.. => text[..at].ends_with("。".as_bytes()) || text[..at].ends_with("।".as_bytes()),
        _ => at == text.len(),
    }
}

/// The stretch around a cue, from a word's beginning to a word's end.
fn wide(text: &[u8], cue: &Cue) -> Range<usize> {
    let start = cue.start.saturating_sub(WIDE.0);
    let end = (cue.start + WIDE.1).min(text.len()).max(cue.end);
    let skip = if start == 0 {
        0
    } else {
        text[start..cue.start].iter().take(32).position(u8::is_ascii_whitespace).unwrap_or(0)
    };
    let drop = if end == text.len() {
        0
    } else {
        text[cue.end..end].iter().rev().take(32).position(u8::is_ascii_whitespace).unwrap_or(0)
    };
    start + skip..end - drop
}

/// The range without parts of characters at its ends.
fn whole_chars(text: &[u8], range: Range<usize>) -> Range<usize> {
    let inside = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let start = (range.start..range.end).take(4).find(|at| !inside(at)).unwrap_or(range.start);
    let end = (start..=range.end).rev().take(4).find(|at| !inside(at)).unwrap_or(range.end);
    start..end
}
