//! One layer of what hides a text is taken off: percent escapes and character references resolved, look-alike letters
//! made Latin, encoded runs replaced by what they spell, in the middle of the text around them.
//!
//! The result is a second text beside the first, which stays as it is: a Russian word remains itself there. Only what stands
//! near such a place is copied, so that a long text with few of them is not read twice.

use std::iter::Peekable;
use std::ops::Range;

use super::chars::{decode_first, fold, letter_of, whole_units};
use super::escapes::{Escape, Unit, escapes};
use super::json::Nesting;
use super::letters::{is_mark, latin, may_begin};
use super::map::Map;
use super::nested::{Run, runs};
use super::shadow::{Shadow, Source};
use super::utf16;
use crate::accept::{Charset, ScanError, charset};
use crate::lanes::Marks;

/// Bytes around an unfolded place that are copied with it. More than twice what has a part in judging a value, so that
/// nothing near the place is judged by half its surroundings.
const MARGIN: usize = 512;

/// Fresh parts with less than this between them are one.
const FRESH_GAP: usize = 32;

/// A text with one layer taken off.
#[derive(Debug, Default)]
pub(crate) struct Unfolded {
    pub(crate) shadow: Shadow,
    /// The parts of its text that were not readable before, in order.
    pub(crate) fresh: Vec<Range<usize>>,
    /// Whether it may go on.
    pub(crate) open: bool,
}

/// What is to be unfolded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) shadow: &'a Shadow,
    /// Those of its text.
    pub(crate) marks: &'a Marks,
    /// The parts to look at; `None`: all of it.
    pub(crate) fresh: Option<&'a [Range<usize>]>,
    /// Whether the text may go on.
    pub(crate) open: bool,
    /// A run that goes on here is read in two parts.
    pub(crate) split: usize,
}

/// One place of a text and what stands there in the next one.
enum Place {
    Byte(Range<usize>, u8),
    Char(Range<usize>, char),
    Gone(Range<usize>),
    Run(Run),
}

impl Layer<'_> {
    /// Takes the layer off, if there is one, and says from where on more text may change the outcome.
    pub(crate) fn unfold(&self, nesting: &mut Nesting) -> Result<(Option<Unfolded>, usize), ScanError> {
        let text = self.shadow.text.as_slice();
        let text = if self.open { &text[..whole_units(text)] } else { text };
        let mut live_from = self.shadow.text.len();
        let mut draft = Draft::new(self.shadow, text);
        let places = Places {
            escapes: escapes(text).peekable(),
            letters: letters(text, self.marks).peekable(),
            runs: runs(text, self.marks, self.split).peekable(),
        };
        let mut places = places.filter(|place| self.fresh.is_none_or(|fresh| touches(fresh, &place.near()))).peekable();
        let mut escape_end = None;
        while let Some(place) = places.next() {
            let range = place.range();
            if range.start < draft.at {
                continue;
            }
            let is_escape = place.is_escape();
            match place {
                Place::Byte(range, byte) => draft.byte(range, byte),
                Place::Char(range, c) => draft.char(range, c),
                Place::Gone(range) => draft.gone(range),
                Place::Run(run) if self.open && run.may_grow(text) => {
                    live_from = live_from.min(run.range.start);
                }
                // Perhaps a part of a longer run, which the next layer reads whole.
                Place::Run(_)
                    if escape_end == Some(range.start)
                        || places.peek().is_some_and(|next| next.is_escape() && next.range().start == range.end) => {}
                Place::Run(run) => {
                    if let Some(decoded) = run.decode(text, nesting)? {
                        draft.decoded(run.range, &decoded);
                    }
                }
            }
            escape_end = is_escape.then_some(range.end);
        }
        Ok((draft.finish(self.open), live_from))
    }
}

/// Whether one of `parts`, which are in order, has a byte in `range`.
pub(crate) fn touches(parts: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = parts.partition_point(|part| part.end <= range.start);
    parts.get(next).is_some_and(|part| part.start < range.end)
}

/// The next text while it is put together.
struct Draft<'a> {
    source: Source<'a>,
    /// First byte that is neither copied nor replaced.
    at: usize,
    /// Where the margin of the last place ends.
    margin: usize,
    /// Escaped bytes that may be one character together.
    bytes: Shadow,
    out: Unfolded,
}

impl<'a> Draft<'a> {
    fn new(shadow: &'a Shadow, text: &'a [u8]) -> Self {
        let source = Source { bytes: text, map: Some(&shadow.map) };
        Self { source, at: 0, margin: 0, bytes: Shadow::default(), out: Unfolded::default() }
    }

    /// Copies what stands before a place that is replaced, and its margin.
    fn advance(&mut self, range: &Range<usize>) {
        if range.start > self.at {
            self.flush();
            let from = range.start.saturating_sub(MARGIN);
            if from > self.margin {
                if self.margin > 0 {
                    self.copy_to(self.margin);
                    self.out.shadow.glue("\n");
                }
                self.at = whole_character(self.source.bytes, from.max(self.at));
            }
            self.copy_to(range.start);
        }
        self.at = range.end;
        self.margin = (range.end + MARGIN).min(self.source.bytes.len());
    }

    fn copy_to(&mut self, end: usize) {
        if self.at < end {
            self.out.shadow.copy(self.source, self.at..end);
            self.at = end;
        }
    }

    fn byte(&mut self, range: Range<usize>, byte: u8) {
        self.advance(&range);
        if byte.is_ascii() {
            self.flush();
            let before = self.out.shadow.text.len();
            self.out.shadow.unit(self.source, range, byte);
            self.fresh_from(before);
        } else {
            self.bytes.unit(self.source, range, byte);
        }
    }

    /// Appends escaped bytes in their normal form.
    fn flush(&mut self) {
        if !self.bytes.text.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            let before = self.out.shadow.text.len();
            self.out.shadow.push(Source { bytes: &bytes.text, map: Some(&bytes.map) }, 0..bytes.text.len());
            self.fresh_from(before);
        }
    }

    fn char(&mut self, range: Range<usize>, c: char) {
        self.advance(&range);
        self.flush();
        if let Some(letter) = letter_of(c) {
            self.out.shadow.hide(self.source, range.clone(), letter);
        }
        let before = self.out.shadow.text.len();
        self.out.shadow.character(self.source, range, |text| fold(c, text));
        self.fresh_from(before);
    }

    fn gone(&mut self, range: Range<usize>) {
        self.advance(&range);
        self.flush();
        self.fresh_from(self.out.shadow.text.len());
    }

    fn decoded(&mut self, range: Range<usize>, decoded: &[u8]) {
        self.advance(&range);
        self.flush();
        let before = self.out.shadow.text.len();
        let Some(origin) = self.source.map.and_then(|map| map.origin(range.start, range.end)) else { return };
        let (charset, start) = charset(decoded);
        let wide = (charset != Charset::Utf8).then(|| utf16(decoded, start, charset).text);
        let text = wide.as_deref().unwrap_or(&decoded[start..]);
        let mut whole = Map::default();
        whole.unit(origin, text.len());
        self.out.shadow.push(Source { bytes: text, map: Some(&whole) }, 0..text.len());
        self.fresh_from(before);
    }

    /// Notes that what was appended since `before` is fresh; where something was left out, the byte after it is.
    fn fresh_from(&mut self, before: usize) {
        let end = self.out.shadow.text.len().max(before + 1);
        match self.out.fresh.last_mut() {
            Some(last) if before <= last.end + FRESH_GAP => last.end = last.end.max(end),
            _ => self.out.fresh.push(before..end),
        }
    }

    fn finish(mut self, open: bool) -> Option<Unfolded> {
        self.flush();
        if self.out.fresh.is_empty() {
            return None;
        }
        self.copy_to(self.margin);
        // A place in text to come would join this one if their margins meet.
        self.out.open = open && self.margin + MARGIN >= self.source.bytes.len();
        Some(self.out)
    }
}

fn whole_character(bytes: &[u8], at: usize) -> usize {
    at + bytes[at..].iter().take(3).take_while(|byte| **byte & 0xC0 == 0x80).count()
}

/// Look-alike letters and marks of a text, of which `marks` are the marks, or of more of it.
fn letters(text: &[u8], marks: &Marks) -> impl Iterator<Item = Place> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at = marks.lead_from(at).filter(|at| *at < text.len())?;
            let Some(c) = may_begin(text[at]).then(|| decode_first(&text[at..])).flatten() else {
                at += 1;
                continue;
            };
            let range = at..at + c.len_utf8();
            at = range.end;
            if let Some(letter) = latin(c) {
                return Some(Place::Byte(range, letter));
            }
            if is_mark(c) {
                return Some(Place::Gone(range));
            }
        }
    })
}

/// The places of all sorts in order.
struct Places<E: Iterator, L: Iterator, R: Iterator> {
    escapes: Peekable<E>,
    letters: Peekable<L>,
    runs: Peekable<R>,
}

impl<E, L, R> Iterator for Places<E, L, R>
where
    E: Iterator<Item = Escape>,
    L: Iterator<Item = Place>,
    R: Iterator<Item = Run>,
{
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let escape = self.escapes.peek().map_or(usize::MAX, |escape| escape.range.start);
        let letter = self.letters.peek().map_or(usize::MAX, |place| place.range().start);
        let run = self.runs.peek().map_or(usize::MAX, |run| run.range.start);
        if run < escape.min(letter) {
            self.runs.next().map(Place::Run)
        } else if letter < escape {
            self.letters.next()
        } else {
            self.escapes.next().map(|Escape { range, stands_for }| match stands_for {
                Unit::Byte(byte) => Place::Byte(range, byte),
                Unit::Char(c) => Place::Char(range, c),
            })
        }
    }
}

impl Place {
    fn is_escape(&self) -> bool {
        !matches!(self, Self::Run(_))
    }

    /// What must be fresh for the place to be looked at: a run is another one if something new stands beside it.
    fn near(&self) -> Range<usize> {
        let range = self.range();
        let beside = usize::from(!self.is_escape());
        range.start.saturating_sub(beside)..range.end + beside
    }

    fn range(&self) -> Range<usize> {
        match self {
            Self::Byte(range, _) | Self::Char(range, _) | Self::Gone(range) => range.clone(),
            Self::Run(run) => run.range.clone(),
        }
    }
}
