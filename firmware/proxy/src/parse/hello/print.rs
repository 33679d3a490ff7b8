//! The fingerprint of a TLS program, by which two programs on one machine are told apart.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::body::ClientHello;
use super::{is_grease, is_grease_name};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// What a program shows of itself in its ClientHello, GREASE (RFC 8701) removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Print {
    /// The highest version offered.
    version: u16,
    pub(crate) suites: Vec<u16>,
    /// In the client's order, which some programs shuffle each time.
    pub(crate) extensions: Vec<u16>,
    signatures: Vec<u16>,
    /// The protocol offered first.
    alpn: Vec<u8>,
    /// Whether GREASE was among suites or extensions.
    pub(crate) grease: bool,
}

impl Print {
    pub(super) fn of(hello: &ClientHello<'_>) -> Self {
        let suites = words(hello.suites);
        let grease = suites.iter().chain(&hello.extensions).any(|word| is_grease(*word));
        let honest = |words: Vec<u16>| words.into_iter().filter(|word| !is_grease(*word)).collect::<Vec<_>>();
        let alpn = hello.alpn.iter().find(|name| !is_grease_name(name));
        Self {
            version: hello.versions.iter().copied().filter(|version| !is_grease(*version)).max().unwrap_or_default(),
            suites: honest(suites),
            extensions: honest(hello.extensions.clone()),
            signatures: honest(words(hello.signatures)),
            alpn: alpn.map(|name| name.to_vec()).unwrap_or_default(),
            grease,
        }
    }

    pub(crate) fn has(&self, extension: u16) -> bool {
        self.extensions.contains(&extension)
    }

    /// JA4 for TLS over TCP, as FoxIO's technical description of JA4 writes it: 36 characters of ASCII.
    pub(crate) fn ja4(&self) -> String {
        let version = match self.version {
            0x0304 => "13",
            0x0303 => "12",
            0x0302 => "11",
            0x0301 => "10",
            0x0300 => "s3",
            _ => "00",
        };
        let named = if self.has(SERVER_NAME) { 'd' } else { 'i' };
        let (suites, extensions) = (self.suites.len().min(99), self.extensions.len().min(99));
        let mut sorted = self.suites.clone();
        sorted.sort_unstable();
        let mut kinds = self.extensions.clone();
        kinds.retain(|kind| ![SERVER_NAME, ALPN].contains(kind));
        kinds.sort_unstable();
        let mut second = list(&kinds);
        if !self.signatures.is_empty() {
            second = format!("{second}_{}", list(&self.signatures));
        }
        let alpn = ends(&self.alpn);
        let (first, second) = (digest(&list(&sorted)), digest(&second));
        format!("t{version}{named}{suites:02}{extensions:02}{alpn}_{first}_{second}")
    }
}

/// The first and the last character of a protocol's name; of one that is no text, the first and last digit of its bytes
/// in hexadecimal.
fn ends(name: &[u8]) -> String {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return "00".to_owned() };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(*first), char::from(*last)].iter().collect();
    }
    format!("{:x}{:x}", first >> 4, last & 0x0f)
}

fn words(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

fn list(words: &[u16]) -> String {
    let mut text = String::with_capacity(words.len() * 5);
    for (index, word) in words.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(text, "{comma}{word:04x}").expect("writing to a string never fails");
    }
    text
}

/// The first twelve digits of the hash; of nothing, zeros.
fn digest(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(text.as_bytes()).iter().take(6).fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::Print;

    /// The example that JA4's own description works through.
    #[test]
    fn the_published_example_has_its_published_fingerprint() {
        let example = Print {
            version: 0x0304,
            suites: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d,
                0x002f, 0x0035,
            ],
            extensions: vec![
                0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01,
                0x000b, 0x000a, 0x0015,
            ],
            signatures: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            alpn: b"h2".to_vec(),
            grease: true,
        };
        assert_eq!(example.ja4(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        let mut shuffled = example.clone();
        shuffled.extensions.reverse();
        shuffled.suites.reverse();
        assert_eq!(shuffled.ja4(), example.ja4());
    }

    #[test]
    fn what_is_missing_has_its_own_signs() {
        assert_eq!(Print::default().ja4(), "t00i000000_000000000000_000000000000");
        let odd = Print { alpn: vec![0xab, 0x01, 0xcd], extensions: vec![0, 16], ..Print::default() };
        assert!(odd.ja4().starts_with("t00d0002ad_000000000000_000000000000"), "{}", odd.ja4());
        let many = Print { suites: vec![0x1301; 200], ..Print::default() };
        assert!(many.ja4().starts_with("t00i990000_"));
    }
}
