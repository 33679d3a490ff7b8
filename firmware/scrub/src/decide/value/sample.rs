//! Values that only stand for a secret: samples of manuals, masks, references to where the secret is kept.

use std::sync::LazyLock;

use super::{Letters, Word};

/// Parts that a secret does not have by chance.
const MARKS: [&str; 30] = [
    "example",
    "xxxx",
    "your_",
    "your-",
    "yourkey",
    "yourtoken",
    "yoursecret",
    "yourapi",
    "yourpass",
    "your ",
    "placeholder",
    "redacted",
    "changeme",
    "change_me",
    "change-me",
    "replaceme",
    "replace_me",
    "dummy",
    "sample",
    "****",
    "....",
    "${",
    "{{",
    "$(",
    "%(",
    "<",
    "12345678",
    "abcdefgh",
    "insert",
    "••",
];

/// Whether the value only stands for a secret: a sample of the vendor's manual, a mask, a reference.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    static WORDS: LazyLock<Vec<Word>> = LazyLock::new(|| MARKS.iter().map(|mark| Word::new(mark)).collect());
    let letters = Letters::of(value);
    WORDS.iter().any(|mark| mark.may_be_of(letters) && mark.is_in(value)) || longest_run(value) >= 7
}

/// The length of the longest stretch of one and the same byte.
fn longest_run(value: &[u8]) -> usize {
    value.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0)
}

/// Words that manuals write where a secret goes, and those that they put before and behind them.
const SAMPLES: [&[u8]; 75] = [
    b"password",
    b"passwd",
    b"passwort",
    b"passphrase",
    b"passcode",
    b"pass",
    b"pwd",
    b"pw",
    b"secret",
    b"token",
    b"key",
    b"api",
    b"auth",
    b"access",
    b"client",
    b"credentials",
    b"credential",
    b"test",
    b"testing",
    b"changeme",
    b"change",
    b"changeit",
    b"replace",
    b"example",
    b"admin",
    b"administrator",
    b"root",
    b"user",
    b"username",
    b"usr",
    b"postgres",
    b"mysql",
    b"mongo",
    b"redis",
    b"rabbit",
    b"guest",
    b"none",
    b"null",
    b"nil",
    b"undefined",
    b"true",
    b"false",
    b"string",
    b"redacted",
    b"hidden",
    b"masked",
    b"foo",
    b"bar",
    b"baz",
    b"qux",
    b"quux",
    b"foobar",
    b"abc",
    b"value",
    b"default",
    b"my",
    b"your",
    b"the",
    b"a",
    b"some",
    b"super",
    b"very",
    b"db",
    b"database",
    b"me",
    b"here",
    b"this",
    b"new",
    b"old",
    b"please",
    b"x",
    b"xyz",
    b"open",
    b"sesame",
    b"anonymous",
];

/// Whether the whole value is words that manuals write where a secret goes, perhaps with a number behind them:
/// `my-secret-password`, `changeme`, `test123`, `supersecret`, `***`.
pub(crate) fn is_sample_word(value: &[u8]) -> bool {
    let digits = value.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let body = &value[..value.len() - digits.min(4)];
    let mut parts = body.split(|byte| !byte.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    value.len() <= 64 && (body.is_empty() || parts.all(|part| is_joined(part, 0)))
}

/// Whether a part is samples without a gap; as many as fit a value.
fn is_joined(part: &[u8], depth: usize) -> bool {
    let fits = |word: &&&[u8]| part.len() >= word.len() && part[..word.len()].eq_ignore_ascii_case(word);
    part.is_empty() || (depth < 6 && SAMPLES.iter().filter(fits).any(|word| is_joined(&part[word.len()..], depth + 1)))
}

/// Beginnings of what names the place of a secret instead of the secret.
const SOURCES: [&[u8]; 26] = [
    b"process.env",
    b"os.environ",
    b"os.getenv",
    b"getenv",
    b"system.getenv",
    b"env.",
    b"env:",
    b"env(",
    b"env[",
    b"vault:",
    b"file:",
    b"op://",
    b"ssm:",
    b"sm://",
    b"secretsmanager",
    b"arn:aws",
    b"projects/",
    b"!ref",
    b"!sub",
    b"!secret",
    b"!getatt",
    b"config.",
    b"secrets.",
    b"var.",
    b"local.",
    b"enc[",
];

/// Whether a value names another place or a variable: `$NAME`, `${NAME}`, `%NAME%`, `{{ name }}`, `<name>`, `#{name}`,
/// `[name]`, `@name@`, `vault:path`, `DB_PASSWORD`.
pub(crate) fn is_reference(value: &[u8]) -> bool {
    let begins = |start: &&[u8]| value.len() >= start.len() && value[..start.len()].eq_ignore_ascii_case(start);
    let name = |text: &[u8]| {
        !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:".contains(byte))
    };
    let enclosed = match (value, value.last()) {
        ([b'<' | b'{' | b'[', ..], Some(b'>' | b'}' | b']')) | ([b'#' | b'@' | b'$', b'{', ..], _) => true,
        ([b'%' | b'@', inner @ ..], Some(b'%' | b'@')) => inner.len() > 1 && name(&inner[..inner.len() - 1]),
        ([b'$', inner @ ..], _) => name(inner),
        ([b'%' | b':', b's' | b'd' | b'v' | b'q'], _) => true,
        _ => false,
    };
    enclosed || is_constant(value) || SOURCES.iter().any(begins)
}

/// A constant of code or a variable of the environment: `DB_PASSWORD`, `API_KEY_2`.
fn is_constant(value: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    value.contains(&b'_')
        && value.iter().all(part)
        && value[0].is_ascii_uppercase()
        && value.split(|byte| *byte == b'_').any(super::wording::is_word)
}

#[cfg(test)]
mod tests {
    use super::{is_placeholder, is_reference, is_sample_word};

    #[test]
    fn samples_are_words_of_manuals_with_a_number_at_most() {
        for value in
            ["password", "my-secret_password", "supersecret", "test123", "CHANGE_ME", "***", "1234", "yourpw", "abc123"]
        {
            assert!(is_sample_word(value.as_bytes()), "{value}");
        }
        for value in ["Summer2026!", "keyboard", "12345678", "hunter2", "passworthy", "tokenX9q"] {
            assert!(!is_sample_word(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn references_name_another_place() {
        let places = [
            "$PASS",
            "${PASS}",
            "%PASS%",
            "{{ pass }}",
            "<pass>",
            "#{pass}",
            "[pass]",
            "@pass@",
            "vault:kv/db",
            "DB_PASSWORD",
            "process.env.PASS",
            "%s",
            "op://team/db/password",
            "!Ref",
            "$1",
        ];
        for value in places {
            assert!(is_reference(value.as_bytes()), "{value}");
        }
        for value in ["k7$Wq29zL", "Pa$$w0rd", "XK7_Q29_ZLW4", "%k7!mWq29zL", "[k7mWq", ""] {
            assert!(!is_reference(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn placeholders_carry_their_mark() {
        for value in ["AKIAEXAMPLE", "sk_xxxxx", "your-key-1", "0000000", "a****b"] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
        assert!(!is_placeholder(b"k7mWq29zL"));
    }
}
