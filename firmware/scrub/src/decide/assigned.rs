//! Whether a value is assigned to a credential, for keys whose own form says nothing: forty hexadecimal digits beside a
//! vendor's name are its key in `acme_app_key: …` and a commit in `acme @ …`.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Words and gaps that are looked at between a value and what it is assigned to.
const MAX_STEPS: usize = 8;

/// Longest run of quotes, brackets, signs and spaces between two words.
const MAX_GAP: usize = 32;

/// Longest name; what goes on before it is seen in part.
const MAX_WORD: usize = 64;

/// Parts of names that hold credentials.
static CREDENTIAL: LazyLock<AhoCorasick> = LazyLock::new(|| {
    any_of(&[
        "key", "token", "secret", "passw", "pwd", "auth", "cred", "bearer", "login", "ssws", "schl", "clave", "chave",
        "chiave",
    ])
});

/// Parts of names that hold something else of the same form, even with `key` or `token` beside them.
static OTHER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    any_of(&[
        "commit",
        "sha1",
        "sha2",
        "sha5",
        "md5",
        "hash",
        "digest",
        "checksum",
        "integrity",
        "etag",
        "finger",
        "public",
        "publish",
        "cache",
        "idempot",
        "uuid",
        "guid",
        "revision",
        "version",
        "request",
        "trace",
        "partition",
        "primary",
        "foreign",
        "image",
        "build",
    ])
});

/// Whole words that stand between a name and its value.
const LINKS: [&[u8]; 22] = [
    b"is", b"was", b"are", b"to", b"as", b"with", b"value", b"default", b"now", b"this", b"be", b"ist", b"est", b"es",
    b"string", b"str", b"static", b"using", b"none", b"lautet", b"son", b"sono",
];

/// How a word bears on the value behind it.
enum Word {
    Credential,
    Other,
    Link,
    Plain,
}

/// Whether the value at `start` is assigned to a name of a credential that stands behind `anchor`, or to the anchor.
pub(super) fn is_assigned(text: &[u8], anchor: &Range<usize>, start: usize) -> bool {
    let mut end = start;
    let (mut marked, mut plain) = (false, false);
    for _ in 0..MAX_STEPS {
        let Some(word) = word_before(text, anchor.start, end) else { return false };
        let gap = &text[word.end..end];
        if !is_gap(gap) || (plain && !is_in_clause(gap)) {
            return false;
        }
        marked |= gap.iter().any(|byte| matches!(byte, b'=' | b':' | b'>' | b'|') || !byte.is_ascii());
        let is_anchor = !text[anchor.end.min(word.end)..word.end].iter().any(u8::is_ascii_alphabetic);
        match judge(&text[word.clone()]) {
            Word::Credential => return !is_other_kind(text, anchor.end, word.start),
            Word::Other if !is_anchor => return false,
            _ if word.start < anchor.end => {
                let call = gap.contains(&b'(');
                let scoped = word.start > 0 && text[word.start - 1] == b':';
                return (is_anchor && (marked || call) && !scoped) || (call && is_client(&text[word]));
            }
            Word::Other => return false,
            Word::Link => marked |= word.len() < 4 || gap.contains(&b'='),
            // `tenant=…` is assigned to that, whosever key is spoken of before.
            Word::Plain if !marked || gap.contains(&b'=') => return false,
            Word::Plain => plain = true,
        }
        end = word.start;
    }
    false
}

/// Whether a name, such as that of a table's column, is one of credentials.
pub(super) fn names_credential(name: &[u8]) -> bool {
    let words = || name.split(u8::is_ascii_whitespace);
    words().any(|word| matches!(judge(word), Word::Credential))
        && !words().any(|word| matches!(judge(word), Word::Other))
}

/// The name that ends before `end`, together with its joints.
fn word_before(text: &[u8], floor: usize, end: usize) -> Option<Range<usize>> {
    let last = text.get(floor..end)?.iter().rposition(u8::is_ascii_alphanumeric)? + floor;
    let floor = last.saturating_sub(MAX_WORD);
    let joint = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let start = text[floor..last].iter().rposition(|byte| !joint(byte)).map_or(floor, |at| floor + at + 1);
    Some(start..last + 1)
}

/// Whether what stands between a name and its value, or between two words, is quotes, brackets, signs and space.
fn is_gap(gap: &[u8]) -> bool {
    let sign = |byte: &u8| !byte.is_ascii() || b" \t\r\n\"'`=:<>()[]{},|*\\!-_".contains(byte);
    let is_path = gap.windows(2).any(|pair| pair == b"::");
    // `key: &str = …` of Rust, and C#'s `@"…"`.
    let of_code = |at: usize| match gap[at] {
        b'&' => at > 0 && gap[at - 1] == b' ',
        b'@' => gap.get(at + 1) == Some(&b'"'),
        _ => sign(&gap[at]),
    };
    gap.len() <= MAX_GAP
        && !is_path
        && (0..gap.len()).all(of_code)
        && gap.iter().any(|byte| !matches!(byte, b'-' | b'_'))
}

/// Whether two words belong to one clause.
fn is_in_clause(gap: &[u8]) -> bool {
    gap.iter().all(|byte| matches!(byte, b' ' | b',' | b'"' | b'\'' | b'`' | b'(' | b')'))
}

/// Finds whether a name has any of these parts, in one pass: whole texts may be made of long names.
fn any_of(parts: &[&str]) -> AhoCorasick {
    let automaton = AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(parts);
    automaton.expect("a few short words fit one automaton")
}

fn judge(word: &[u8]) -> Word {
    let lower = word.to_ascii_lowercase();
    let part = |wanted: &[u8]| lower.split(|byte| !byte.is_ascii_alphabetic()).any(|part| part == wanted);
    let numbered = lower == b"id" || [&b"_id"[..], b"-id", b".id"].iter().any(|end| lower.ends_with(end));
    if OTHER.is_match(word) || numbered || word.ends_with(b"Id") || is_author(&lower) {
        return Word::Other;
    }
    let flag = matches!(word, b"-t" | b"-k" | b"-p");
    if flag || CREDENTIAL.is_match(word) || part(b"pat") || part(b"pass") || word.ends_with(b"Pat") {
        return Word::Credential;
    }
    if LINKS.contains(&lower.as_slice()) { Word::Link } else { Word::Plain }
}

/// Whether the word before that at `start` makes it something else: a public key, a cache key.
fn is_other_kind(text: &[u8], floor: usize, start: usize) -> bool {
    let before = word_before(text, floor, start).filter(|word| text[word.end..start] == *b" ");
    before.is_some_and(|word| matches!(judge(&text[word]), Word::Other))
}

/// Whether a call makes a vendor's client, which takes the key.
fn is_client(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    [&b"client"[..], b"init", b"config"].iter().any(|part| word.windows(part.len()).any(|window| window == *part))
}

fn is_author(lower: &[u8]) -> bool {
    lower.windows(6).any(|window| window == b"author") && !lower.windows(8).any(|window| window == b"authoriz")
}

#[cfg(test)]
mod tests {
    use super::is_assigned;

    /// Whether the value `#…` of the text is assigned, with `acme` as the anchor.
    fn assigned(text: &str) -> bool {
        let anchor = text.to_lowercase().find("acme").unwrap();
        is_assigned(text.as_bytes(), &(anchor..anchor + 4), text.find("0a1b").unwrap())
    }

    #[test]
    fn a_value_behind_a_name_for_credentials_is_assigned() {
        let rows = [
            "ACME_API_KEY=0a1b",
            "acme-app-key: '0a1b'",
            "{\"acme\": {\"appKey\": \"0a1b\"}}",
            "acme:\n  site: eu\n  api_key: 0a1b",
            "acme_api_key: |\n    0a1b",
            "acmeApiKey := `0a1b`",
            "client = acme.Client(api_key=\"0a1b\")",
            "acme.login(\"0a1b\")",
            "acme login 0a1b",
            "acme upload -t 0a1b",
            "new AcmeClient('0a1b')",
            "acme.rest.Client(\"0a1b\")",
            "Acme(\"0a1b\")",
            "der Acme-Schluessel lautet 0a1b",
            "os.environ['ACME_TOKEN'] = '0a1b'",
            "os.getenv(\"ACME_TOKEN\", \"0a1b\")",
            "-H 'Acme-Application-Key: 0a1b'",
            "-H 'X-Acme: y' -H 'Authorization: Bearer 0a1b'",
            "<add key=\"AcmeApiKey\" value=\"0a1b\"/>",
            "<acmeToken>0a1b</acmeToken>",
            "- name: ACME_KEY\n  value: 0a1b",
            "| ACME_KEY | 0a1b |",
            "our Acme app key is 0a1b",
            "our acme key for the old site is 0a1b",
            "I pasted my acme api key (0a1b) into",
            "set `ACME_TOKEN` to `0a1b`",
            "acme api key → 0a1b",
            "ACME = 0a1b",
            "const ACME_KEY: &str = \"0a1b\";",
            "static ACME_KEY: &'static str = \"0a1b\";",
            "var acmeKey = @\"0a1b\";",
            "https://acme.example/v1?api_key=0a1b",
        ];
        for text in rows {
            assert!(assigned(text), "{text}");
        }
    }

    #[test]
    fn what_else_looks_like_a_key_is_not() {
        let rows = [
            "acme/acme-action@0a1b",
            "acme commit 0a1b",
            "ACME_SHA=0a1b",
            "acme-monitor: 0a1b",
            "acme 0a1b",
            "https://acme.example/commit/0a1b",
            "uses acme/x@v2 # 0a1b",
            "acme_sha256 = 0a1b",
            "acme: sha1: 0a1b",
            "acme.get_commit(\"0a1b\")",
            "acme.show(\"0a1b\")",
            "acme/LICENSE 0a1b",
            "acme tenant=0a1b",
            "acme public key 0a1b",
            "arn:acme:0a1b",
            "acme cache_key: 0a1b",
            "acme_request_id: 0a1b",
            "acme token id: 0a1b",
            "acme: the author is at commit 0a1b",
            "acme: one, two; 0a1b",
            "acme ETag: \"0a1b\"",
            "Acme::Web::0a1b",
            "acme_key = 'ACME_KEY'\nagent = '0a1b'",
            "acme monitor \"0a1b\"",
        ];
        for text in rows {
            assert!(!assigned(text), "{text}");
        }
    }
}
