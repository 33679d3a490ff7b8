use std::fmt::Write;

/// Lower-case hexadecimal without separators, as identifiers are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Upper-case hexadecimal with a colon between bytes, as `openssl x509 -fingerprint` prints it and people compare it.
pub fn colon_hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::{colon_hex, hex};

    #[test]
    fn keeps_leading_zeros() {
        assert_eq!(hex(&[0, 10, 255]), "000aff");
        assert_eq!(colon_hex(&[0, 10, 255]), "00:0A:FF");
        assert_eq!((hex(&[]), colon_hex(&[])), (String::new(), String::new()));
    }
}
