//! Which parts of a text are scored: the sentence of a cue, and a wider stretch around it.

use std::ops::Range;

use super::lexicon::{LOOK, Meaning};
use super::normal::View;
use crate::decide::is_near;
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
    /// The parts of an unfolded text that nobody has read before; `None`: all of it.
    pub(crate) fresh: Option<&'a [Range<usize>]>,
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
    let mut sentences = Sentences { text: text.bytes, behind: None, clear: 0..0 };
    let was_read = |span: &Range<usize>| text.fresh.is_some_and(|fresh| !is_near(fresh, span));
    for cue in (0..cues.len()).filter(|index| is_confirmed(cues, *index)).map(|index| &cues[index]) {
        let view = cue.meaning.view;
        let sentence = sentences.around(cue);
        if sentence.as_ref().is_some_and(was_read) {
            continue;
        }
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
        let wide = around(text.bytes, cue, sentence);
        if !was_read(&wide.span) && last.replace(block) != Some(block) {
            read(&wide)?;
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

/// The sentences of a text. No byte is looked at for more than a few cues, however many share it.
struct Sentences<'a> {
    text: &'a [u8],
    /// The start of the cue that was asked for last, and the boundary before it, if that is near.
    behind: Option<(usize, Option<usize>)>,
    /// Where no boundary is; its end is one, or as far as anybody looked.
    clear: Range<usize>,
}

impl Sentences<'_> {
    /// The sentence or line around a cue, which does not start before the one that was asked for last, if it is not too long.
    fn around(&mut self, cue: &Cue) -> Option<Range<usize>> {
        let (start, end) = (self.start(cue)?, self.end(cue)?);
        let lead = self.text[start..cue.start].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Some(start + lead..end)
    }

    fn start(&mut self, cue: &Cue) -> Option<usize> {
        let floor = cue.start.saturating_sub(SENTENCE.0);
        let (known, before) = self.behind.unwrap_or((0, None));
        let unknown = if self.behind.is_some() { floor.max(known + 1) } else { floor };
        let found = (unknown..=cue.start).rev().find(|at| is_boundary(self.text, *at));
        let found = found.or(before).filter(|start| *start >= floor);
        self.behind = Some((cue.start, found));
        found
    }

    fn end(&mut self, cue: &Cue) -> Option<usize> {
        let ceiling = (cue.start + SENTENCE.1).min(self.text.len());
        let known = self.clear.start <= cue.end && cue.end <= self.clear.end;
        let from = if known { self.clear.end } else { cue.end };
        let found = (from..=ceiling).find(|at| is_boundary(self.text, *at));
        let start = if known { self.clear.start } else { cue.end };
        self.clear = start..found.unwrap_or((ceiling + 1).max(from));
        found
    }
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

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::{Cue, LOOK, Meaning, SENTENCE, Sentences, Text, View, is_boundary, visit};
    use crate::parse::{Shadow, Source};

    fn cue(start: usize, end: usize) -> Cue {
        let meaning = Meaning { concept: 0, pull: LOOK, view: View::Plain, starts_word: true, ends_word: false };
        Cue { start, end, meaning }
    }

    #[test]
    fn sentences_are_those_that_each_cue_would_find_alone() {
        let texts = [
            "One two three. Four five! Six\nseven? \"Eight.\" nine ten.".repeat(9),
            format!("{}. {}\n{}", "no end ".repeat(50), "b ".repeat(90), "c ".repeat(300)),
            "忘记。以前的。".repeat(40) + &"a".repeat(500) + ".",
        ];
        for text in texts.iter().map(String::as_bytes) {
            let mut sentences = Sentences { text, behind: None, clear: 0..0 };
            let ends = |start: usize| [start + 1, start + 4 + start % 9].map(|end| end.min(text.len()));
            for cue in (0..text.len()).step_by(3).flat_map(|start| ends(start).map(|end| cue(start, end))) {
                let floor = cue.start.saturating_sub(SENTENCE.0);
                let ceiling = (cue.start + SENTENCE.1).min(text.len());
                let start = (floor..=cue.start).rev().find(|at| is_boundary(text, *at));
                let end = (cue.end..=ceiling).find(|at| is_boundary(text, *at));
                let lead = |start: usize| text[start..cue.start].iter().take_while(|byte| byte.is_ascii_whitespace());
                let alone = start.zip(end).map(|(start, end)| start + lead(start).count()..end);
                assert_eq!(sentences.around(&cue), alone, "{cue:?}");
            }
        }
    }

    #[test]
    fn of_an_unfolded_text_only_what_is_near_something_new_is_read() {
        let text = "Say so. ".repeat(100);
        let shadow = Shadow::of(Source::origin(text.as_bytes()));
        let cues = [cue(400, 404)];
        let rows: [(Option<&[Range<usize>]>, bool); 4] = [
            (None, true),
            (Some(&[402..403, 790..791]), true),
            (Some(&[20..21, 300..301]), true),
            (Some(&[100..101, 700..702]), false),
        ];
        for (fresh, is_read) in rows {
            let text = Text { bytes: text.as_bytes(), shadow: &shadow, base: 0, fresh };
            let mut count = 0;
            visit(&text, &cues, |_| {
                count += 1;
                Some(true)
            });
            assert_eq!(count > 0, is_read, "{fresh:?}");
        }
    }
}
