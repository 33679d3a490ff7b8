//! A tokeniser that takes any bytes as JSON: no recursion, no stack, no failure, offsets into the bytes as they came.

use std::borrow::Cow;
use std::ops::Range;

/// One piece of JSON with its place in the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{` or `[`, and where it stands.
    Open { object: bool, at: usize },
    /// `}` or `]`, and one past it.
    Close { end: usize },
    /// A string followed by a colon, quotes included.
    Key(Range<usize>),
    /// Any other string, quotes included.
    Text(Range<usize>),
    /// A number, a literal, or anything else up to the next delimiter.
    Bare(Range<usize>),
}

/// The tokens of some bytes.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        // A byte order mark is no JSON, but some writers send it and some readers forgive it (RFC 8259 section 8.1).
        let at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self { bytes, at }
    }

    fn skip_blanks(&self, from: usize) -> usize {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let rest = self.bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| blank(byte)).count()
    }

    fn string(&mut self, start: usize) -> Token {
        let end = string_end(self.bytes, start);
        self.at = end;
        match self.bytes.get(self.skip_blanks(end)) {
            Some(b':') => Token::Key(start..end),
            _ => Token::Text(start..end),
        }
    }

    fn bare(&mut self, start: usize) -> Token {
        let delimiter = |byte: &u8| matches!(byte, b',' | b':' | b'{' | b'}' | b'[' | b']' | b'"') || *byte <= b' ';
        let length = self.bytes[start..].iter().take_while(|byte| !delimiter(byte)).count();
        // A control byte is its own token, so that every call makes progress.
        self.at = start + length.max(1);
        Token::Bare(start..self.at)
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let at = self.skip_blanks(self.at);
            self.at = at + 1;
            match self.bytes.get(at)? {
                b',' | b':' => {}
                b'{' => return Some(Token::Open { object: true, at }),
                b'[' => return Some(Token::Open { object: false, at }),
                b'}' | b']' => return Some(Token::Close { end: at + 1 }),
                b'"' => return Some(self.string(at)),
                _ => return Some(self.bare(at)),
            }
        }
    }
}

/// One past the closing quote of the string that opens at `start`, or the end of the bytes.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        // The escaped byte is skipped with its backslash, whatever it is.
        at += 2;
    }
    bytes.len()
}

/// The longest quoted string that is unescaped to be compared: no word of any format comes near it, escaped or not.
const WORD_CAP: usize = 512;

/// What a quoted string says, or `None` where it is too long for a word or no string at all.
pub(crate) fn word(quoted: &[u8]) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if quoted.len() > WORD_CAP {
        return None;
    }
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned)
}

/// The bytes that the inside of a JSON string stands for, in UTF-8. Half a surrogate pair, and what follows `\u` and is no
/// number, is U+FFFD; any other escape that JSON does not know is what follows the backslash.
pub fn unescaped(inside: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let (mut rest, mut letter, mut left) = (inside, [0; 4], 0..0);
    std::iter::from_fn(move || {
        if let Some(at) = left.next() {
            return Some(letter[at]);
        }
        let mut next = || {
            let (byte, after) = rest.split_first()?;
            rest = after;
            Some(*byte)
        };
        match next()? {
            b'\\' => {}
            plain => return Some(plain),
        }
        Some(match next()? {
            b'u' => {
                let (char, length) = numbered(rest);
                rest = &rest[length..];
                left = 1..char.encode_utf8(&mut letter).len();
                letter[0]
            }
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            other => other,
        })
    })
}

/// The character whose number follows a `\u`, and the length of what says so.
fn numbered(rest: &[u8]) -> (char, usize) {
    let unit = |digits: &[u8]| -> Option<u16> {
        let digits = digits.get(..4).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(rest) else { return (char::REPLACEMENT_CHARACTER, 0) };
    let second = rest.get(4..).and_then(|rest| unit(rest.strip_prefix(b"\\u")?));
    match char::decode_utf16([first].into_iter().chain(second)).next() {
        Some(Ok(pair)) if pair.len_utf16() == 2 => (pair, 10),
        Some(Ok(char)) => (char, 4),
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

#[cfg(test)]
mod tests;
