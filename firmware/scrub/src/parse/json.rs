//! Finds the strings of a JSON text and lays them out as lines of `"key": "value"` for the rules to match in.

use std::ops::Range;

use memchr::memchr;

use super::map::Map;
use super::{Reading, Shadow, Source};
use crate::accept::ScanError;
use crate::lanes;

/// Digits of the shortest and the longest number that a rule could speak of.
const MIN_NUMBER: usize = 7;
const MAX_NUMBER: usize = 32;

/// Bytes of a key that are read beside a number.
const MAX_NAME: usize = 48;

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
        self.afford(0)
    }

    /// Whether `bytes` more could be booked.
    pub(crate) fn afford(&self, bytes: usize) -> Result<(), ScanError> {
        let within = self.decoded.saturating_add(bytes) <= self.max_decoded;
        if within { Ok(()) } else { Err(ScanError::Budget { limit: self.max_decoded }) }
    }
}

/// A string of the text, without its quotes, or a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Token {
    range: Range<usize>,
    kind: TokenKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TokenKind {
    Key,
    Text,
    /// With its own key and that of the object or list around it; empty where there is none.
    Number([Range<usize>; 2]),
}

/// An object or a list that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Level {
    bracket: u8,
    /// The last key of an object, or the key that a list stands under.
    key: Range<usize>,
}

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Not JSON by RFC 8259.
    Malformed,
    TooDeep,
}

/// Appends all strings and long numbers of one JSON text; says whether it was one.
pub(crate) fn json(
    source: Source<'_>,
    range: Range<usize>,
    depth: usize,
    nesting: &mut Nesting,
    out: &mut Reading,
) -> Result<bool, ScanError> {
    unfold(source, range, depth, nesting, out, |_| true)
}

fn unfold(
    source: Source<'_>,
    range: Range<usize>,
    depth: usize,
    nesting: &mut Nesting,
    out: &mut Reading,
    accept: fn(&[Token]) -> bool,
) -> Result<bool, ScanError> {
    let (tokens, deepest) = match tokens(source.bytes, range, nesting.max_depth.saturating_sub(depth)) {
        Ok((tokens, deepest)) => (tokens, depth + deepest),
        Err(Stop::Malformed) => return Ok(false),
        Err(Stop::TooDeep) => return Err(ScanError::TooDeep { limit: nesting.max_depth }),
    };
    if !accept(&tokens) {
        return Ok(false);
    }
    for token in tokens {
        if let TokenKind::Number(names) = token.kind {
            number(source, token.range, names, &mut out.numbers);
            continue;
        }
        out.text.glue("\"");
        leaf(source, token.range, deepest, nesting, out)?;
        out.text.glue(if token.kind == TokenKind::Key { "\": " } else { "\"\n" });
    }
    Ok(true)
}

/// Whether JSON inside a string is a structure. A list of numbers without a key is what a person wrote, and is read as
/// text, in which a number needs no key that names it.
fn is_structure(tokens: &[Token]) -> bool {
    let has = |kind: fn(&TokenKind) -> bool| tokens.iter().any(|token| kind(&token.kind));
    has(|kind| *kind == TokenKind::Key) || !has(|kind| matches!(kind, TokenKind::Number(_)))
}

/// Appends the whole part of a number, if it is long enough for any rule, as a line behind the words of its keys.
fn number(source: Source<'_>, range: Range<usize>, [name, around]: [Range<usize>; 2], out: &mut Shadow) {
    let sign = usize::from(source.bytes[range.start] == b'-');
    let start = range.start + sign;
    let len = source.bytes[start..range.end].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(MIN_NUMBER..=MAX_NUMBER).contains(&len) || name.is_empty() {
        return;
    }
    let words = [around, name].map(|key| words(source, key));
    out.glue(&format!("{} {}: ", words[0], words[1]));
    out.copy(source, start..start + len);
    out.glue("\n");
}

/// The words of a key, whether it is written `card_number` or `cardNumber`.
fn words(source: Source<'_>, key: Range<usize>) -> String {
    let mut resolved = Shadow::default();
    resolved.push(source, key.start..key.end.min(key.start + MAX_NAME));
    let mut words = Vec::with_capacity(resolved.text.len() + 4);
    let mut lower = false;
    for byte in resolved.text {
        if lower && byte.is_ascii_uppercase() {
            words.push(b' ');
        }
        lower = byte.is_ascii_lowercase();
        words.push(if byte.is_ascii_alphanumeric() || !byte.is_ascii() { byte } else { b' ' });
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// Appends one JSON text for each line; a line that is none is read as text.
pub(super) fn ndjson(
    source: Source<'_>,
    range: Range<usize>,
    nesting: &mut Nesting,
    out: &mut Reading,
) -> Result<(), ScanError> {
    let mut start = range.start;
    for line in source.bytes[range].split_inclusive(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        if !json(source, range.clone(), 0, nesting, out)? {
            out.text.push(source, range);
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
    out: &mut Reading,
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
            && unfold(inner, 0..text.len(), depth, nesting, out, is_structure)?
        {
            return Ok(());
        }
    }
    out.text.push(source, range);
    Ok(())
}

/// Resolves one level of JSON escapes exactly.
fn decode(source: Source<'_>, range: Range<usize>) -> (Vec<u8>, Map) {
    let mut shadow = Shadow::with_capacity(range.len());
    let bytes = &source.bytes[..range.end];
    let mut at = range.start;
    while at < range.end {
        let plain = memchr(b'\\', &bytes[at..]).unwrap_or(range.end - at);
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

/// Reads `range` as one JSON text with an explicit stack, so that nesting costs a few words a level.
fn tokens(bytes: &[u8], range: Range<usize>, max_depth: usize) -> Result<(Vec<Token>, usize), Stop> {
    let mut tokens = Vec::new();
    let mut open: Vec<Level> = Vec::new();
    let mut deepest = 0;
    let mut expect = Expect::Value;
    let mut at = range.start;
    let bytes = &bytes[..range.end];
    let mut marks = lanes::either(bytes, *b"\"\\");
    let mut string_end = |at: usize| string_end(bytes, at, |from| marks.next(from));
    loop {
        at = skip_space(bytes, at);
        let Some(byte) = bytes.get(at) else { break };
        match (*byte, expect) {
            (b'"', Expect::Value | Expect::ValueOrEnd) => {
                let end = string_end(at)?;
                tokens.push(Token { range: at + 1..end, kind: TokenKind::Text });
                (at, expect) = (end + 1, Expect::Comma);
            }
            (b'"', Expect::Key | Expect::KeyOrEnd) => {
                let end = string_end(at)?;
                tokens.push(Token { range: at + 1..end, kind: TokenKind::Key });
                if let Some(object) = open.last_mut() {
                    object.key = at + 1..end;
                }
                at = skip_space(bytes, end + 1);
                if bytes.get(at) != Some(&b':') {
                    return Err(Stop::Malformed);
                }
                (at, expect) = (at + 1, Expect::Value);
            }
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) => {
                let list = *byte == b'[';
                let key = open.last().filter(|_| list).map_or(0..0, |level| level.key.clone());
                open.push(Level { bracket: *byte, key });
                deepest = deepest.max(open.len());
                if deepest > max_depth {
                    return Err(Stop::TooDeep);
                }
                (at, expect) = (at + 1, if list { Expect::ValueOrEnd } else { Expect::KeyOrEnd });
            }
            (b'}', Expect::Comma | Expect::KeyOrEnd) if closes(&mut open, b'{') => {
                (at, expect) = (at + 1, Expect::Comma);
            }
            (b']', Expect::Comma | Expect::ValueOrEnd) if closes(&mut open, b'[') => {
                (at, expect) = (at + 1, Expect::Comma);
            }
            (b',', Expect::Comma) if !open.is_empty() => {
                (at, expect) = (at + 1, if is_in(&open, b'{') { Expect::Key } else { Expect::Value });
            }
            (b'-' | b'0'..=b'9', Expect::Value | Expect::ValueOrEnd) => {
                let end = number_end(bytes, at)?;
                tokens.push(Token { range: at..end, kind: TokenKind::Number(names(&open)) });
                (at, expect) = (end, Expect::Comma);
            }
            (_, Expect::Value | Expect::ValueOrEnd) => (at, expect) = (literal_end(bytes, at)?, Expect::Comma),
            _ => return Err(Stop::Malformed),
        }
    }
    if open.is_empty() && expect == Expect::Comma { Ok((tokens, deepest)) } else { Err(Stop::Malformed) }
}

fn is_in(open: &[Level], bracket: u8) -> bool {
    open.last().is_some_and(|level| level.bracket == bracket)
}

fn closes(open: &mut Vec<Level>, bracket: u8) -> bool {
    open.pop().is_some_and(|level| level.bracket == bracket)
}

/// The keys that a value which stands here is named by.
fn names(open: &[Level]) -> [Range<usize>; 2] {
    let mut keys = open.iter().rev().map(|level| level.key.clone());
    let [own, around] = [keys.next(), keys.next()].map(Option::unwrap_or_default);
    // A list has the key that stands around it.
    let around = if around == own { 0..0 } else { around };
    [own, around]
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(**byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes[at..].iter().take_while(space).count()
}

/// The closing quote of the string that opens at `at`, with what finds the next quote or backslash.
#[inline]
fn string_end(bytes: &[u8], at: usize, mut next: impl FnMut(usize) -> usize) -> Result<usize, Stop> {
    let mut at = at + 1;
    loop {
        at = next(at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at),
            Some(_) => at += 2,
            None => return Err(Stop::Malformed),
        }
    }
}

/// One past a number, exactly as RFC 8259 section 6 writes them: what is nearly one is text that a person wrote.
fn number_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let digits = |at: usize| {
        let count = bytes[at.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { Err(Stop::Malformed) } else { Ok(at + count) }
    };
    let whole = at + usize::from(bytes[at] == b'-');
    let mut end = digits(whole)?;
    if bytes[whole] == b'0' && end > whole + 1 {
        return Err(Stop::Malformed);
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + signed)?;
    }
    Ok(end)
}

/// One past `true`, `false` or `null`.
fn literal_end(bytes: &[u8], at: usize) -> Result<usize, Stop> {
    let literal = ["true", "false", "null"].into_iter().find(|word| bytes[at..].starts_with(word.as_bytes()));
    literal.map(|word| at + word.len()).ok_or(Stop::Malformed)
}
