//! Whether a value is a secret that someone chose or something drew, and no name, sample or reference.

use std::sync::LazyLock;

use crate::decide::value::{entropy, is_random, is_reference, is_sample_word, word_share};

/// Names of algorithms, formats and versions, which have digits as passwords do.
static TECHNICAL: LazyLock<Words> = LazyLock::new(|| {
    Words::new(&[
        b"sha1", b"sha2", b"sha3", b"sha5", b"sha-", b"md5", b"utf8", b"utf-8", b"base64", b"base32", b"base58",
        b"bcrypt", b"argon2", b"pbkdf2", b"scrypt", b"aes-", b"aes1", b"aes2", b"ed25519", b"x509", b"oauth2",
        b"int32", b"int64", b"http",
    ])
});

/// Names of algorithms that occur in names of code, with too many digits to be taken for words.
static ALGORITHMS: LazyLock<Words> = LazyLock::new(|| {
    Words::new(&[
        b"25519", b"ed448", b"x448", b"pkcs", b"sha1", b"sha2", b"sha3", b"sha5", b"aes128", b"aes256", b"base64",
        b"oauth2",
    ])
});

/// Parts of names and sentences about secrets, which a secret does not have.
static ABOUT: LazyLock<Words> = LazyLock::new(|| {
    Words::new(&[
        b"password",
        b"passwort",
        b"passwd",
        b"passphrase",
        b"secret",
        b"token",
        b"credential",
        b"login",
        b"username",
        b"forgot",
        b"reset",
        b"enter",
        b"invalid",
        b"require",
        b"missing",
        b"confirm",
        b"current",
        b"field",
        b"input",
        b"label",
        b"error",
        b"button",
        b"email",
        b"auth",
        b"value",
        b"config",
    ])
});

/// Given here and not somewhere else: no sample and no reference. For places where nothing but a secret stands.
pub(super) fn not_sample(value: &[u8]) -> bool {
    !is_sample_word(value) && !is_reference(value)
}

/// A password that someone or something chose, where code may stand as well: it has digits or signs among letters.
pub(super) fn password_like(value: &[u8]) -> bool {
    let starts_well = value.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"!#+=?~^@".contains(byte));
    starts_well && !is_code(value) && password_text(value) && value.iter().any(u8::is_ascii_alphabetic)
}

/// The same between quotes, where no code stands.
pub(super) fn password_text(value: &[u8]) -> bool {
    let value = &value[..value.len().min(HEAD)];
    let Signs { digits, signs, strong, mixed } = Signs::of(value);
    let formed = || {
        (digits > 0 && signs > 0)
            || (digits > 1 && !value.contains(&b'_') && (value[0].is_ascii_uppercase() || is_mingled(value)))
            || (digits > 1 && value.iter().all(u8::is_ascii_alphanumeric) && value.len() <= 16)
            || (digits == 1 && mixed && !capital_words(value))
            || (strong > 0 && value.len() >= 8)
            || is_numbered_word(value)
            || is_passphrase(value)
    };
    // What costs least comes first: most of what stands behind the word is neither.
    let plain = digits + signs == 0 && !mixed;
    if value.len() < 5 || plain && !is_passphrase(value) {
        return false;
    }
    let random = is_random(value);
    if !(random || formed()) || !not_sample(value) || is_name(value) || entropy(value) < 2.0 {
        return false;
    }
    if random && (value.len() >= 12 || !TECHNICAL.stand_in(value)) {
        return !plain;
    }
    !(TECHNICAL.stand_in(value) || signs == 0 && ABOUT.stand_in(value)) && formed()
}

/// What a value has besides words: digits, signs, those of them that names and code hardly have, and a capital behind a small
/// letter.
#[derive(Default)]
struct Signs {
    digits: usize,
    signs: usize,
    strong: usize,
    mixed: bool,
}

impl Signs {
    fn of(value: &[u8]) -> Self {
        let (mut all, mut small) = (Self::default(), false);
        for byte in value {
            let strong = matches!(byte, b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'~');
            all.digits += usize::from(byte.is_ascii_digit());
            all.signs += usize::from(strong || matches!(byte, b'=' | b'?' | b'|'));
            all.strong += usize::from(strong);
            all.mixed |= small && byte.is_ascii_uppercase();
            small = byte.is_ascii_lowercase();
        }
        all
    }
}

/// What nothing but a password looks like, for places where anything else may stand: signs and digits among letters,
/// words and a number, or letters of both cases and digits drawn at random.
pub(super) fn password_strong(value: &[u8]) -> bool {
    let has = |kind: fn(&u8) -> bool| value.iter().any(kind);
    let signs = has(|byte| b"!@#$%^&*+=?~".contains(byte));
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    let letters = has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit);
    let formed = (signs && mixed) || (mixed && plain && is_random(value)) || (plain && is_passphrase(value));
    letters && formed && password_like(value)
}

/// A word or two with a number of three digits or more behind them, or what is a password anywhere.
pub(super) fn password_adjacent(value: &[u8]) -> bool {
    let digits = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let words = value[..value.len() - digits].iter().all(|byte| byte.is_ascii_alphabetic() || b"-_.".contains(byte));
    password_strong(value)
        || (words
            && (3..=4).contains(&digits)
            && value.first().is_some_and(u8::is_ascii_uppercase)
            && password_like(value))
}

/// The same as [`password_like`] of what stands before the words or signs that say so.
pub(super) fn password_head(value: &[u8]) -> bool {
    let end = value.iter().position(|byte| byte.is_ascii_whitespace() || b"\"\x27`".contains(byte));
    let head = &value[..end.unwrap_or(value.len())];
    let at = [&b"@tcp("[..], b"@unix(", b"@//"].iter().find_map(|sign| head.strip_suffix(*sign));
    password_like(at.unwrap_or(head))
}

/// Base32 as programs print it, with digits or without words: names in capitals are none.
pub(super) fn base32_seed(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    value.len() >= 16 && digits < value.len() && (is_random(value) || digits * 10 >= value.len())
}

/// A session's number: drawn at random, as a digest as well, but not the UUID of a log line.
pub(super) fn session_like(value: &[u8]) -> bool {
    let hex = value.len() >= 24 && value.iter().all(u8::is_ascii_hexdigit);
    let digits = value.iter().any(u8::is_ascii_digit);
    let uuid = value.len() == 36 && [8, 13, 18, 23].iter().all(|at| value[*at] == b'-');
    !uuid && digits && entropy(value) >= 3.0 && not_sample(value) && (hex || is_random(value)) && !is_name(value)
}

/// A value drawn at random from letters and digits; a UUID, a digest, a path or a name in code is none.
pub(super) fn secret_like(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    if value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') {
        return false;
    }
    let (worded, all) = word_share(value);
    let random = worded * 100 < all * 45 || (digits * 8 >= all && worded * 100 < all * 60);
    // Words joined by signs have signs often, random text in base64url about every 32nd byte.
    let few_signs = (value.len() - all) * 6 <= value.len();
    if !random || !few_signs {
        return false;
    }
    let cases =
        usize::from(value.iter().any(u8::is_ascii_lowercase)) + usize::from(value.iter().any(u8::is_ascii_uppercase));
    // One value in thirty has no digit among its letters; then they change their case far more often than in names.
    let letters = || digits == 0 && worded * 100 < all * 40 && is_jagged(value);
    let enough = digits * 24 >= value.len() || (digits > 0 && cases == 2) || letters();
    enough && cases + usize::from(digits > 0) >= 2 && !is_name(value) && !ALGORITHMS.stand_in(value)
}

/// Whether the letters and digits of a value change their case as often as chance has it.
fn is_jagged(value: &[u8]) -> bool {
    let letters: Vec<u8> = value.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let changes =
        letters.windows(2).filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()).count();
    changes * 20 >= letters.len() * 7
}

/// Several words in a row, as people are told to choose: `copper-saddle-orchid-71`, `correct-horse-battery-staple`.
fn is_passphrase(value: &[u8]) -> bool {
    let vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let word = |part: &[u8]| {
        (3..=10).contains(&part.len()) && part.iter().all(u8::is_ascii_alphabetic) && part.iter().any(vowel)
    };
    let number = |part: &[u8]| (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    let (mut words, mut numbers) = (0, 0);
    for part in value.split(|byte| b"-. _".contains(byte)) {
        match (word(part), number(part)) {
            (true, _) => words += 1,
            (_, true) => numbers += 1,
            _ => return false,
        }
    }
    (words >= 4 || (words >= 2 && numbers == 1)) && !value.contains(&b' ')
}

/// A capitalised word and a number: `Summer_2026`.
fn is_numbered_word(value: &[u8]) -> bool {
    let digits = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((sign, word)) = value[..value.len() - digits].split_last() else { return false };
    (2..=4).contains(&digits)
        && b"_-.".contains(sign)
        && word.len() >= 3
        && word[0].is_ascii_uppercase()
        && word[1..].iter().all(u8::is_ascii_lowercase)
}

/// Whether letters follow on digits, as they rarely do in names.
fn is_mingled(value: &[u8]) -> bool {
    let changes = value.windows(2).filter(|pair| pair[0].is_ascii_digit() && pair[1].is_ascii_alphabetic()).count();
    changes > 0 && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(byte))
}

/// Whether capitals begin all its words, as in `OAuth2Token`, which passwords rarely do.
fn capital_words(value: &[u8]) -> bool {
    let (worded, all) = word_share(value);
    value.iter().all(u8::is_ascii_alphanumeric) && worded + 1 >= all
}

/// Names joined by dots or colons, an address, a version, a date or a path.
fn is_name(value: &[u8]) -> bool {
    let name = |part: &[u8]| {
        part.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    let chain = value.strip_prefix(b"!").unwrap_or(value);
    let chain = chain.strip_suffix(b"?").or(chain.strip_suffix(b"!")).unwrap_or(chain);
    let worded = || {
        let (worded, all) = word_share(value);
        worded * 2 >= all
    };
    let dotted = chain.contains(&b'.') && chain.split(|byte| *byte == b'.').all(name) && worded();
    let number =
        value.strip_prefix(b"v").unwrap_or(value).iter().all(|byte| byte.is_ascii_digit() || b".:-/+, ".contains(byte));
    let port = value.iter().position(|byte| *byte == b'/').is_some_and(|at| value[..at].iter().all(u8::is_ascii_digit));
    let path = (value[0] == b'/' && !is_random(value))
        || [&b"./"[..], b"~/", b"../"].iter().any(|start| value.starts_with(start))
        || value.windows(3).any(|three| three == b"://")
        || (port && value[0] != b'/');
    dotted || number && value.iter().any(|byte| !byte.is_ascii_digit()) || path || is_address(value)
}

/// An address of mail, which has a domain of words behind its `@`.
fn is_address(value: &[u8]) -> bool {
    let domain = value.iter().position(|byte| *byte == b'@').map(|at| &value[at + 1..]).unwrap_or_default();
    let label = |part: &[u8]| {
        part.len() >= 2 && part.iter().all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(byte))
    };
    domain.contains(&b'.') && domain.split(|byte| *byte == b'.').all(label)
}

/// Signs that stand in code and not in what people choose.
fn is_code(value: &[u8]) -> bool {
    // Most bytes are none of the first ones, which is all that there is to ask about them.
    let sign = |pair: &[u8]| {
        matches!(pair[0], b':' | b'-' | b'(' | b'=' | b'/' | b'.' | b'?')
            && matches!(pair, b"::" | b"->" | b"()" | b"==" | b"//" | b".." | b"=>" | b":/" | b"?." | b":!")
    };
    let list = value.contains(&b':') && !value.iter().any(u8::is_ascii_digit);
    // A package: `from "@office/password"`.
    let package = value[0] == b'@' && value.contains(&b'/');
    list || package || value.windows(2).any(sign) || value.ends_with(b":")
}

/// Words by their first byte.
struct Words {
    /// A bit for the five lower bits of each first byte: most bytes of a value begin none of the words.
    initials: u32,
    all: Vec<&'static [u8]>,
}

impl Words {
    /// Words in lower case.
    fn new(all: &[&'static [u8]]) -> Self {
        let mut all = all.to_vec();
        all.sort_unstable();
        Self { initials: all.iter().fold(0, |initials, word| initials | 1 << (word[0] & 31)), all }
    }

    /// Whether one of them stands in a value, whatever its case.
    fn stand_in(&self, value: &[u8]) -> bool {
        let begins = |at: usize| {
            let initial = value[at].to_ascii_lowercase();
            let first = self.all.partition_point(|word| word[0] < initial);
            let same = self.all[first..].iter().take_while(|word| word[0] == initial);
            let is =
                |word: &&'static [u8]| value[at..].get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word));
            same.into_iter().any(is)
        };
        (0..value.len()).any(|at| self.initials >> (value[at] & 31) & 1 != 0 && begins(at))
    }
}

/// Bytes of a long value by which it is judged: nobody chooses a longer password, and what is drawn shows sooner.
const HEAD: usize = 96;

#[cfg(test)]
mod tests {
    use super::{password_like, password_text, secret_like};

    #[test]
    fn what_people_choose_is_a_password() {
        let values = [
            "Summer2026!",
            "Velvet@4821ian",
            "copper-saddle-orchid-71",
            "correct-horse-battery-staple",
            "hLp7WbZrGt#!",
            "xVkJbfQwhAh",
            "winter2024",
            "q4N7w9LtzRcXKJD2m6pE",
            "Tr0ub4dor&3",
            "jbkn_1LBT3J.kdj",
        ];
        for value in values {
            assert!(password_like(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_stands_in_code_is_none() {
        let values = [
            "getPassword",
            "user.password1",
            "String::new",
            "password_hash2",
            "sha256-hashed",
            "bob@corp.example.com",
            "/run/secret1",
            "input2",
            "OAuth2Token",
            "SecretString",
            "2026-01-31",
            "v1.2.3.4",
            "1.2.3",
            "https://a.b/c1",
            "base64UrlSafe1",
        ];
        for value in values {
            assert!(!password_like(value.as_bytes()), "{value}");
        }
        assert!(password_text(b"8472910365") && !password_like(b"8472910365"), "digits alone need quotes");
    }

    #[test]
    fn a_secret_was_drawn() {
        for value in ["TdhkgNQxrFsj3ylaGNHO", "f1blo3bw0bjuxgaa9liib9ms", "q4N7w9LtzRcXKJD2", "bWlycm9yOnQ1R3pSdzgx"] {
            assert!(secret_like(value.as_bytes()), "{value}");
        }
        let others = [
            "9330cf2de2a8a894d0d3a37aef82b84c4971aebe",
            "b9a513cc-3dc2-4749-a5ca-a491d6b4bdff",
            "AccessTokenForServicePrincipal2",
            "kubernetes.io/service-account-token1",
            "application/json1",
        ];
        for value in others {
            assert!(!secret_like(value.as_bytes()), "{value}");
        }
    }
}
