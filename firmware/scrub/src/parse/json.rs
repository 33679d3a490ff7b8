//! Finds the strings of a JSON text and lays them out as lines of `"key": "value"` for the rules to match in.

use std::ops::Range;

use super::map::Map;
use super::{Shadow, Source};
use crate::accept::ScanError;

/// What is left of the limits while structures unfold inside each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nesting {
    pub(crate) max_depth: usize,
    pub(crate) max_decoded: usize,
    pub(crate) decoded: usize,
}

impl Nesting {
    /// Books `bytes` that some nested encoding unfolds to.
    pub(crate) fn spend(&mut self, bytes: usize) -> Result<(), ScanError> {
        self.decoded = self.decoded.saturating_add(bytes);
        if self.decoded > self.max_decoded { Err(ScanError::Budget { limit: self.max_decoded }) } else { Ok(()) }
    }
}

/// A string of the text, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    range: Range<usize>,
    is_key: bool,
}

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Not JSON by RFC 8259.
    Malformed,
    TooDeep,
}

/// Appends all strings of one JSON text; says whether it was one. Numbers, `true` and structure stay out: they cannot
/// be edited without changing the types that the reader expects.
pub(crate) fn json(
    source: Source<'_>,
    range: Range<usize>,
    depth: usize,
    nesting: &mut Nesting,
    out: &mut Shadow,
) -> Result<bool, ScanError> {
    let tokens = match tokens(source.bytes, range, nesting.max_depth.saturating_sub(depth)) {
        Ok((tokens, deepest)) => (tokens, depth + deepest),
        Err(Stop::Malformed) => return Ok(false),
        Err(Stop::TooDeep) => return Err(ScanError::TooDeep { limit: nesting.max_depth }),
    };
    for token in tokens.0 {
        out.glue("\"");
        leaf(source, token.range, tokens.1, nesting, out)?;
        out.glue(if token.is_key { "\": " } else { "\"\n" });
    }
    Ok(true)
}

/// Appends one JSON text for each line; a line that is none is read as text.
pub(crate) fn ndjson(source: Source<'_>, nesting: &mut Nesting, out: &mut Shadow) -> Result<(), ScanError> {
    let mut start = 0;
    for line in source.bytes.split_inclusive(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        if !json(source, range.clone(), 0, nesting, out)? {
            out.push(source, range);
        }
    }
    Ok(())
}

/// Appends one string: as the JSON it holds, or as text.
fn leaf(
    source: Source<'_>,
    range: Range<usize>,
    depth: usize,
    nesting: &mut Nesting,
    out: &mut Shadow,
) -> Result<(), ScanError> {
    let bytes = &source.bytes[range.clone()];
    let opens = bytes.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'[' | b'"' | b'\\'));
    let closes = bytes
        .last()
        .is_some_and(|byte| matches!(byte, b'}' | b']' | b'"') || byte.is_ascii_whitespace() || *byte == b'n');
    if opens && closes {
        nesting.spend(range.len())?;
        let (text, map) = decode(source, range.clone());
        let inner = Source { bytes: &text, map: Some(&map) };
        if text.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'{' | b'[' | b'"'))
            && json(inner, 0..text.len(), depth, nesting, out)?
        {
            return Ok(());
        }
    }
    out.push(source, range);
    Ok(())
}

/// Resolves one level of JSON escapes exactly.
fn decode(source: Source<'_>, range: Range<usize>) -> (Vec<u8>, Map) {
    let mut shadow = Shadow::with_capacity(range.len());
    let bytes = &source.bytes[..range.end];
    let mut at = range.start;
    while at < range.end {
        let plain = bytes[at..].iter().position(|byte| *byte == b'\\').unwrap_or(range.end - at);
        shadow.copy(source, at..at + plain);
        at += plain;
        if at == range.end {
            break;
        }
        let (taken, byte) = match bytes.get(at + 1) {
            Some(b'n') => (2, b'\n'),
            Some(b'r') => (2, b'\r'),
            Some(b't') => (2, b'\t'),
            Some(b'b' | b'f') => (2, b' '),
            Some(b'u') => match ascii_escape(bytes, at) {
                Some(byte) => (6, byte),
                // Beyond ASCII it is no structure: it stays escaped, and the shadow resolves it.
                None => (1, b'\\'),
            },
            Some(other) => (2, *other),
            None => (1, b'\\'),
        };
        shadow.unit(source, at..at + taken, byte);
        at += taken;
    }
    (shadow.text, shadow.map)
}

fn ascii_escape(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = std::str::from_utf8(bytes.get(at + 2..at + 6)?).ok()?;
    u8::from_str_radix(digits.strip_prefix("00")?, 16).ok().filter(u8::is_ascii)
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Comma,
}

/// Reads `range` as one JSON text with an explicit stack, so that nesting costs one byte a level.
fn tokens(bytes: &[u8], range: Range<usize>, max_depth: usize) -> Result<(Vec<Token>, usize), Stop> {
    let mut tokens = Vec::new();
    let mut open: Vec<u8> = Vec::new();
    let mut deepest = 0;
    let mut expect = Expect::Value;
    let mut at = range.start;
    let bytes = &bytes[..range.end];
    loop {
        at = skip_space(bytes, at);
        let Some(byte) = bytes.get(at) else { break };
        match (*byte, expect) {
            (b'"', Expect::Value | Expect::ValueOrEnd) => {
                let end = string_end(bytes, at)?;
                tokens.push(Token { range: at + 1..end, is_key: false });
                (at, expect) = (end + 1, Expect::Comma);
            }
            (b'"', Expect::Key | Expect::KeyOrEnd) => {
                let end = string_end(bytes, at)?;
                tokens.push(Token { range: at + 1..end, is_key: true });
                at = skip_space(bytes, end + 1);
                if bytes.get(at) != Some(&b':') {
                    return Err(Stop::Malformed);
                }
                (at, expect) = (at + 1, Expect::Value);
            }
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) => {
                open.push(*byte);
                deepest = deepest.max(open.len());
                if deepest > max_depth {
                    return Err(Stop::TooDeep);
                }
                (at, expect) = (at + 1, if *byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd });
            }
            (b'}', Expect::Comma | Expect::KeyOrEnd) if open.pop() == Some(b'{') => {
                (at, expect) = (at + 1, Expect::Comma);
            }
            (b']', Expect::Comma | Expect::ValueOrEnd) if open.pop() == Some(b'[') => {
                (at, expect) = (at + 1, Expect::Comma);
            }
            (b',', Expect::Comma) if !open.is_empty() => {
                (at, expect) = (at + 1, if open.last() == Some(&b'{') { Expect::Key } else { Expect::Value });
            }
            (_, Expect::Value | Expect::ValueOrEnd) => (at, expect) = (scalar_end(bytes, at)?, Expect::Comma),
            _ => return Err(Stop::Malformed),
        }
    }
    if open.is_empty() && expect == Expect::Comma { Ok((tokens, deepest)) } else { Err(Stop::Malformed) }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(**byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes[at..].iter().take_while(space).count()
}

/// The closing quote of the string that opens at `at`.
fn string_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let mut at = at + 1;
    loop {
        at += bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')))
            .ok_or(Stop::Malformed)?;
        if bytes[at] == b'"' {
            return Ok(at);
        }
        at += 2;
    }
}

/// One past a number or word; only its alphabet is checked, for it is neither read nor edited.
fn scalar_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(**byte, b'+' | b'-' | b'.');
    match bytes[at..].iter().take_while(part).count() {
        0 => Err(Stop::Malformed),
        len => Ok(at + len),
    }
}
