//! How deep in JSON inside of JSON strings a place stands, so that what is put there is escaped as often.

/// Strings inside strings that are told apart; tool arguments stand in the second.
const LEVELS: usize = 4;

/// Follows text as it comes, cut anywhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Nest([Level; LEVELS]);

/// One text: the body itself, or what a string in the level above says.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    form: Form,
    in_string: bool,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Form {
    /// Nothing but blanks so far.
    #[default]
    Unknown,
    Json,
    Prose,
}

/// How far an escape in a string has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    Unicode {
        left: u8,
        code: u32,
    },
}

impl Nest {
    pub(super) fn json() -> Self {
        Self::of(Form::Json)
    }

    pub(super) fn prose() -> Self {
        Self::of(Form::Prose)
    }

    fn of(form: Form) -> Self {
        let mut levels = [Level::default(); LEVELS];
        levels[0].form = form;
        Self(levels)
    }

    /// Goes on inside of a string of another JSON text; what the strings before said goes on in this one.
    pub(super) fn enter_string(&mut self) {
        self.0[0] = Level { form: Form::Json, in_string: true, escape: Escape::None };
    }

    /// How often a value is to be escaped here; `None` where no value can stand.
    pub(super) fn depth(&self) -> Option<usize> {
        let depth = self.0.iter().take_while(|level| level.form == Form::Json && level.in_string).count();
        (depth > 0 || self.0[0].form == Form::Prose).then_some(depth)
    }

    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some((&byte, rest)) = bytes.split_first() {
            // Prose in a string is most of every answer, and its next mark is found quickly.
            let skipped =
                if self.is_in_prose() { memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len()) } else { 0 };
            if skipped > 0 {
                bytes = &bytes[skipped..];
                continue;
            }
            self.byte(byte);
            bytes = rest;
        }
    }

    fn is_in_prose(&self) -> bool {
        let [outer, inner, ..] = &self.0;
        outer.in_string && outer.escape == Escape::None && inner.form == Form::Prose
    }

    fn byte(&mut self, mut byte: u8) {
        for at in 0..LEVELS {
            let level = &mut self.0[at];
            match level.form {
                Form::Prose => return,
                Form::Unknown => {
                    if !byte.is_ascii_whitespace() {
                        level.form = if matches!(byte, b'{' | b'[') { Form::Json } else { Form::Prose };
                    }
                    return;
                }
                Form::Json if !level.in_string => {
                    if byte == b'"' {
                        level.in_string = true;
                        level.escape = Escape::None;
                        self.0[at + 1..].fill(Level::default());
                    }
                    return;
                }
                Form::Json => match level.said(byte) {
                    Some(said) => byte = said,
                    None => return,
                },
            }
        }
    }
}

impl Level {
    /// What a byte in a string says, if it says something by itself. Characters beyond ASCII are part of no structure.
    fn said(&mut self, byte: u8) -> Option<u8> {
        let escape = std::mem::take(&mut self.escape);
        match (escape, byte) {
            (Escape::None, b'\\') => self.escape = Escape::Begun,
            (Escape::None, b'"') => self.in_string = false,
            (Escape::None, other) => return Some(other),
            (Escape::Begun, b'u') => self.escape = Escape::Unicode { left: 4, code: 0 },
            (Escape::Begun, b'n' | b'r' | b't') => return Some(b' '),
            (Escape::Begun, other) => return Some(other),
            (Escape::Unicode { left, code }, digit) => {
                let code = code << 4 | char::from(digit).to_digit(16).unwrap_or(0);
                if left == 1 {
                    return Some(u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xff));
                }
                self.escape = Escape::Unicode { left: left - 1, code };
            }
        }
        None
    }
}

/// A value as it stands inside of `depth` strings of JSON.
pub(super) fn escaped(value: &str, depth: usize) -> String {
    let mut text = value.to_owned();
    for _ in 0..depth {
        let quoted = serde_json::Value::String(text).to_string();
        text = quoted[1..quoted.len() - 1].to_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Nest, escaped};

    /// The depth before each `^` of a text, however it is cut.
    fn depths(mut nest: Nest, text: &str, size: usize) -> Vec<Option<usize>> {
        let mut depths = Vec::new();
        for (index, piece) in text.split('^').enumerate() {
            if index > 0 {
                depths.push(nest.depth());
            }
            piece.as_bytes().chunks(size).for_each(|chunk| nest.push(chunk));
        }
        depths
    }

    #[test]
    fn strings_in_strings_are_told_from_prose_with_quotes() {
        let rows: [(&str, &[Option<usize>]); 8] = [
            (r#"^{^"^": "^a \" ^ b", ^"c": 1}"#, &[None, None, Some(1), Some(1), Some(1), None]),
            (r#"{"a": "{\"to\": \"^\", ^\"n\": 1}", "b": "^"}"#, &[Some(2), Some(1), Some(1)]),
            (r#"{"a": "say {\"to\": \"^\"}"}"#, &[Some(1)]),
            (r#"{"a": "[\"x\\\"^\", {\"b\": \"{\\\"c\\\": \\\"^\\\"}\"}]^"}"#, &[Some(2), Some(3), Some(1)]),
            (r#"{"a": "\u007b\u0022b\u0022: \u0022^"}"#, &[Some(2)]),
            (r#"{"a": "\n {\n\"b\": \"^"}"#, &[Some(2)]),
            (r#"{"a": "\\", "b": "^"}"#, &[Some(1)]),
            (r#"{"a": "\ud83d\ude00{\"^"}"#, &[Some(1)]),
        ];
        for (text, want) in rows {
            for size in [1, 2, 3, 100] {
                assert_eq!(depths(Nest::json(), text, size), want, "{text} by {size}");
            }
        }
        assert_eq!(depths(Nest::prose(), "^ \"a^\" {\"b\": \"^", 1), [Some(0); 3]);
    }

    #[test]
    fn a_value_is_escaped_as_often_as_it_is_deep() {
        assert_eq!(escaped("a \"b\"\n", 0), "a \"b\"\n");
        assert_eq!(escaped("a \"b\"\n", 1), r#"a \"b\"\n"#);
        assert_eq!(escaped("a \"b\"\n", 2), r#"a \\\"b\\\"\\n"#);
    }
}
