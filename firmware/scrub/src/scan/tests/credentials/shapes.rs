//! Values of the shapes that people and programs choose, drawn from a number: the same on every run.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const WORDS: [&str; 20] = [
    "harbor", "copper", "meadow", "violet", "lantern", "gravel", "marble", "quartz", "falcon", "timber", "silver",
    "orange", "winter", "summer", "velvet", "canyon", "thunder", "pepper", "walnut", "rocket",
];

/// A source of numbers (splitmix64), so that no test hangs on chance.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % bound as u64).unwrap()
    }

    fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn text(&mut self, len: usize, alphabet: &str) -> String {
        (0..len).map(|_| char::from(alphabet.as_bytes()[self.below(alphabet.len())])).collect()
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }

    fn capital(&mut self) -> String {
        let word = self.pick(&WORDS);
        format!("{}{}", word[..1].to_uppercase(), &word[1..])
    }

    /// A value of one shape.
    pub(super) fn value(&mut self, shape: &str) -> String {
        match shape {
            "human" => self.human(),
            "strong" => format!("{}{}{}", self.text(5, ALL), self.text(2, DIGITS), self.text(8, ALL)),
            "signs" => format!(
                "{}{}{}{}",
                self.text(4, ALL),
                self.text(1, "!#%*_-.~"),
                self.text(2, DIGITS),
                self.text(5, ALL)
            ),
            "letters" => self.text(12, LETTERS),
            "key" => format!("{}{}{}", self.text(12, ALL), self.text(2, DIGITS), self.text(18, ALL)),
            "opaque" => format!("{}{}{}", self.text(14, ALL), self.text(1, "_-"), self.text(21, ALL)),
            "hex" => self.text(40, "0123456789abcdef"),
            "hex-32" => self.text(64, "0123456789abcdef"),
            "base64" | "base64-32" => STANDARD.encode(self.bytes(32)),
            "base64-64" => STANDARD.encode(self.bytes(64)),
            "base64-text" => STANDARD.encode(self.text(18, ALL)),
            "base32" => self.text(26, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
            "jwk-d" => URL_SAFE_NO_PAD.encode(self.bytes(32)),
            "basic" => STANDARD.encode(format!("{}:{}", self.pick(&["anna", "deploy", "ci"]), self.human())),
            "session" => self.text(32, &format!("{LOWER}{DIGITS}")),
            "crypt" => self.crypt(),
            "pem" => self.pem(),
            _ => panic!("no shape is called {shape}"),
        }
    }

    fn human(&mut self) -> String {
        let (word, number, sign) = (self.capital(), self.text(4, "123456789"), self.pick(&["!", "@", "#", "%", "*"]));
        match self.below(6) {
            0 => format!("{word}{sign}{number}"),
            1 => format!("{word}{number}{}", self.pick(&["!", "#"])),
            2 => format!("{}-{}-{}-{}", self.pick(&WORDS), self.pick(&WORDS), self.pick(&WORDS), &number[..2]),
            3 => format!("{word}{sign}{number}{}", self.text(4, LETTERS)),
            4 => format!("{word}{number}{}", self.text(1, "!#")),
            _ => format!("{}{}{}", self.text(4, LOWER), self.pick(&["!", "#"]), self.text(8, ALL) + &number[..1]),
        }
    }

    fn crypt(&mut self) -> String {
        let alphabet = format!("./{ALL}");
        match self.below(4) {
            0 => format!("$2b$12${}", self.text(53, &alphabet)),
            1 => format!("$6${}${}", self.text(16, &alphabet), self.text(86, &alphabet)),
            2 => format!("$argon2id$v=19$m=65536,t=3,p=4${}${}", self.text(22, ALL), self.text(43, ALL)),
            _ => format!("$y$j9T${}${}", self.text(22, &alphabet), self.text(43, &alphabet)),
        }
    }

    fn pem(&mut self) -> String {
        let label = self.pick(&["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"]);
        let lines: Vec<String> = (0..6).map(|_| STANDARD.encode(self.bytes(48))).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", lines.join("\n"))
    }
}
