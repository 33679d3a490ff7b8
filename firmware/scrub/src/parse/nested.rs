//! Runs of base64 and hexadecimal in a text, and what they spell.

mod coding;

use std::ops::Range;

use self::coding::{Coding, coding};
use super::json::Nesting;
use crate::accept::ScanError;
use crate::lanes::{MIN_RUN, Marks};

/// Shortest first line of a run that goes on in the next line: encoders break at 60 to 76 characters.
const MIN_LINE: usize = 40;

/// Deepest indentation of a line that a run goes on in.
const MAX_INDENT: usize = 16;

/// An encoded run that spells text, as far as its beginning shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) range: Range<usize>,
    coding: Coding,
    /// The ends of its lines but the last.
    lines: usize,
}

/// The runs in `text` in order of place; one that goes on at `split` is two. `marks` are those of the text, or of more of it.
pub(crate) fn runs(text: &[u8], marks: &Marks, split: usize) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let range = marks.run_from(at, text.len())?;
            let end = if range.start < split && split < range.end { split } else { range.end };
            at = end;
            if let Some(run) = run(text, range.start..end) {
                at = run.range.end;
                return Some(run);
            }
        }
    })
}

/// The encoded run in a stretch of its characters: the whole of it, or what follows a path, a name or `0x`.
fn run(text: &[u8], stretch: Range<usize>) -> Option<Run> {
    let mut start = stretch.start;
    while start + MIN_RUN <= stretch.end {
        let run = &text[start..stretch.end];
        if let Some(coding) = coding(run) {
            return Some(whole(text, start..stretch.end, coding));
        }
        let skip = match run {
            [b'0', b'x' | b'X', ..] if start == stretch.start => 2,
            _ => next_word(run)?,
        };
        start += skip;
    }
    None
}

/// The next word of a stretch that is long enough to be the beginning of a run.
fn next_word(run: &[u8]) -> Option<usize> {
    let mut at = run.iter().position(|byte| !byte.is_ascii_alphanumeric())? + 1;
    loop {
        let word = run.get(at..at + MIN_RUN)?;
        match word.iter().rposition(|byte| !byte.is_ascii_alphanumeric()) {
            Some(last) => at += last + 1,
            None => return Some(at),
        }
    }
}

/// Adds the following lines and the padding to the first line of a run.
fn whole(text: &[u8], first: Range<usize>, coding: Coding) -> Run {
    let Range { start, mut end } = first;
    let mut lines = 0;
    if coding != Coding::Hex {
        while first.len() >= MIN_LINE
            && let Some(line) = next_line(text, end, first.len(), lines + 1)
        {
            lines += 1;
            end = line.end;
            if line.len() < first.len() {
                break;
            }
        }
        end += text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    }
    Run { range: start..end, coding, lines }
}

/// The characters of the next line, if a run that has so many lines of `len` characters goes on there.
fn next_line(text: &[u8], end: usize, len: usize, lines: usize) -> Option<Range<usize>> {
    let start = line_start(text, end).filter(|start| *start < text.len())?;
    let line = text[start..].iter().take(len + 1).take_while(|byte| is_run_byte(**byte)).count();
    let padding = text[start + line..].iter().take(2).take_while(|byte| **byte == b'=').count();
    // A shorter line is the last one, which only whole groups of four in all tell from a word.
    let last = line > 0 && line < len && (lines * len + line + padding).is_multiple_of(4);
    (line == len || last).then_some(start..start + line)
}

/// The first character behind a line break at `end` and the indentation after it.
fn line_start(text: &[u8], end: usize) -> Option<usize> {
    let rest = &text[end..];
    let broken = match rest {
        [b'\n', ..] => 1,
        [b'\r', b'\n', ..] => 2,
        _ => return None,
    };
    let space = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    Some(end + broken + rest[broken..].iter().take(MAX_INDENT).take_while(space).count())
}

impl Run {
    /// Whether more of an unfinished text could belong to the run.
    pub(crate) fn may_grow(&self, text: &[u8]) -> bool {
        let end = self.range.end;
        let next = line_start(text, end).unwrap_or(end);
        let blank = text[end..].iter().take(2).all(|byte| matches!(byte, b'\r' | b'\n'));
        blank && text[next..].iter().all(|byte| is_run_byte(*byte) || *byte == b'=')
    }

    /// What the run spells; `None` when it is not text after all. Books what it unfolds to.
    pub(crate) fn decode(&self, text: &[u8], nesting: &mut Nesting) -> Result<Option<Vec<u8>>, ScanError> {
        let run = &text[self.range.clone()];
        if self.lines == 0 {
            return coding::decode(run, self.coding, nesting);
        }
        let joined: Vec<u8> = run.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        if let Some(decoded) = coding::decode(&joined, self.coding, nesting)? {
            return Ok(Some(decoded));
        }
        // The last line may have been a word.
        let last = run.iter().rposition(|byte| *byte == b'\n').map_or(joined.len(), |at| run.len() - at - 1);
        let last = last.min(joined.len());
        coding::decode(&joined[..joined.len() - last], self.coding, nesting)
    }
}

fn is_run_byte(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            table[byte] = matches!(byte as u8, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_');
            byte += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

#[cfg(test)]
mod tests;
