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

/// How many of a value's letters and digits stand in words, and how many there are. A word is a stretch of letters, `Word`,
/// `word` or `WORD`, cut where a capital begins another one.
pub(crate) fn word_share(value: &[u8]) -> (usize, usize) {
    let (mut worded, mut all, mut stretch, mut small) = (0, 0, Stretch::default(), false);
    for byte in value {
        let letter = byte.is_ascii_alphabetic();
        if !letter || small && byte.is_ascii_uppercase() {
            worded += stretch.worded();
            stretch = Stretch::default();
        }
        if letter {
            stretch.add(*byte);
        }
        small = byte.is_ascii_lowercase();
        all += usize::from(byte.is_ascii_alphanumeric());
    }
    (worded + stretch.worded(), all)
}

/// Whether letters could be a word: a vowel, and hardly a pair that words do not have.
pub(crate) fn is_word(letters: &[u8]) -> bool {
    let mut stretch = Stretch::default();
    letters.iter().for_each(|byte| stretch.add(*byte));
    stretch.worded() > 0
}

/// What tells whether letters are a word.
#[derive(Default)]
struct Stretch {
    len: usize,
    has_vowel: bool,
    rare: usize,
    /// The pairs that are rare behind the last byte, a bit for each letter.
    rare_next: u32,
}

impl Stretch {
    #[inline]
    fn add(&mut self, byte: u8) {
        // What is no letter has a number of which no row has a bit, and no row.
        let letter = usize::from(byte.to_ascii_lowercase().wrapping_sub(b'a')).min(RARE.len());
        self.len += 1;
        self.has_vowel |= matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
        self.rare += (self.rare_next >> letter & 1) as usize;
        self.rare_next = RARE.get(letter).copied().unwrap_or(0);
    }

    /// The letters, if they are a word.
    #[inline]
    fn worded(&self) -> usize {
        if self.len >= MIN_WORD && self.has_vowel && self.rare * 10 <= self.len { self.len } else { 0 }
    }
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
