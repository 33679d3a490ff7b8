//! What a value looks like: entropy, kinds of characters, and whether it only stands for a secret.

use memchr::memchr2_iter;

/// Shannon entropy in bits per byte.
pub(crate) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let len = value.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / len)
        .map(|share| -share * share.log2())
        .sum()
}

/// How many of lower case, upper case, digits and others occur.
pub(crate) fn classes(value: &[u8]) -> usize {
    let has = |kind: fn(&u8) -> bool| usize::from(value.iter().any(kind));
    has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric())
}

/// Whether `text` contains `word` (lower case), whatever its own case.
pub(crate) fn contains(text: &[u8], word: &[u8]) -> bool {
    places(text, word).next().is_some()
}

/// Where `word` (lower case) stands in `text`, whatever its own case.
fn places(text: &[u8], word: &[u8]) -> impl Iterator<Item = usize> {
    let first = word.first().copied().unwrap_or_default();
    // Its first letter cannot stand later than this.
    let reach = &text[..(text.len() + 1).saturating_sub(word.len().max(1))];
    memchr2_iter(first, first.to_ascii_uppercase(), reach)
        .filter(|at| text[*at..*at + word.len()].eq_ignore_ascii_case(word))
}

/// Whether `text` contains `word` (lower case) with no letter on either side of it.
pub(crate) fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
    places(text, word)
        .any(|at| !letter(at.checked_sub(1).and_then(|before| text.get(before))) && !letter(text.get(at + word.len())))
}

/// Whether the value only stands for a secret: a sample of the vendor's manual, a mask, a reference.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 27] = [
        b"example",
        b"xxxx",
        b"your_",
        b"your-",
        b"yourkey",
        b"yourtoken",
        b"yoursecret",
        b"yourapi",
        b"placeholder",
        b"redacted",
        b"changeme",
        b"change_me",
        b"change-me",
        b"replaceme",
        b"replace_me",
        b"dummy",
        b"sample",
        b"****",
        b"....",
        b"${",
        b"{{",
        b"$(",
        b"%(",
        b"<",
        b"12345678",
        b"abcdefgh",
        b"insert",
    ];
    WORDS.iter().any(|word| contains(value, word)) || longest_run(value) >= 7
}

/// Whether the whole value is a word that manuals write where a password goes.
pub(crate) fn is_sample_word(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 24] = [
        b"password",
        b"passwd",
        b"pass",
        b"secret",
        b"token",
        b"test",
        b"testing",
        b"changeme",
        b"example",
        b"admin",
        b"root",
        b"user",
        b"username",
        b"postgres",
        b"mysql",
        b"guest",
        b"none",
        b"null",
        b"true",
        b"false",
        b"string",
        b"xxxx",
        b"redacted",
        b"hidden",
    ];
    WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// The length of the longest stretch of one and the same byte.
fn longest_run(value: &[u8]) -> usize {
    value.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0)
}
