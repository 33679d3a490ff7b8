//! Addresses of crypto-currencies, by their checksums.

/// BIP-173 and BIP-350: the polynomial over the human-readable part and the data is 1, or the constant of bech32m.
pub(in super::super) fn bech32(value: &[u8]) -> bool {
    const LETTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let lower = value.to_ascii_lowercase();
    let mixed = value != lower && value != value.to_ascii_uppercase();
    let Some(one) = lower.iter().rposition(|byte| *byte == b'1').filter(|_| !mixed) else { return false };
    let (prefix, data) = (&lower[..one], &lower[one + 1..]);
    let words: Option<Vec<u32>> = data
        .iter()
        .map(|byte| LETTERS.iter().position(|letter| letter == byte).and_then(|at| u32::try_from(at).ok()))
        .collect();
    let Some(words) = words.filter(|words| words.len() >= 6) else { return false };
    let high = prefix.iter().map(|byte| u32::from(byte >> 5));
    let low = prefix.iter().map(|byte| u32::from(byte & 31));
    let sum = high.chain([0]).chain(low).chain(words).fold(1, polymod);
    matches!(sum, 1 | 0x2BC8_30A3)
}

fn polymod(sum: u32, word: u32) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    let shifted = (sum & 0x1FF_FFFF) << 5 ^ word;
    GENERATOR.iter().enumerate().filter(|(bit, _)| sum >> 25 >> bit & 1 == 1).fold(shifted, |sum, (_, term)| sum ^ term)
}

/// ERC-55: forty digits in hexadecimal; letters of both cases follow the Keccak-256 of the lower-case ones.
pub(in super::super) fn eip55(value: &[u8]) -> bool {
    let Some(digits) = value.strip_prefix(b"0x").filter(|digits| digits.len() == 40) else { return false };
    let lower = digits.to_ascii_lowercase();
    let hash = keccak256(&lower);
    let nibble = |at: usize| if at.is_multiple_of(2) { hash[at / 2] >> 4 } else { hash[at / 2] & 15 };
    digits.iter().any(u8::is_ascii_uppercase)
        && digits.iter().any(u8::is_ascii_lowercase)
        && digits.iter().enumerate().all(|(at, byte)| match byte {
            b'0'..=b'9' => true,
            b'A'..=b'F' => nibble(at) >= 8,
            b'a'..=b'f' => nibble(at) < 8,
            _ => false,
        })
}

/// An account of Ethereum that is not a constant: one case, or the checksum of two.
pub(in super::super) fn ethereum(value: &[u8]) -> bool {
    let digits = value.strip_prefix(b"0x").unwrap_or_default();
    let one_case = !digits.iter().any(u8::is_ascii_uppercase) || !digits.iter().any(u8::is_ascii_lowercase);
    let distinct = (b'0'..=b'f').filter(|byte| digits.contains(byte)).count();
    digits.len() == 40 && distinct >= 8 && digits.iter().all(u8::is_ascii_hexdigit) && (one_case || eip55(value))
}

/// Keccak-256 of a text shorter than one block of 136 bytes, with the padding that came before FIPS 202.
fn keccak256(text: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 200];
    block[..text.len()].copy_from_slice(text);
    block[text.len()] = 1;
    block[135] |= 0x80;
    let mut state = [0_u64; 25];
    for (lane, bytes) in state.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = u64::from_le_bytes(*bytes);
    }
    keccak_f(&mut state);
    let mut hash = [0; 32];
    for (bytes, lane) in hash.chunks_mut(8).zip(state) {
        bytes.copy_from_slice(&lane.to_le_bytes());
    }
    hash
}

/// The permutation of FIPS 202, its constants by the rules that generate them.
fn keccak_f(state: &mut [u64; 25]) {
    let mut register = 1_u8;
    for _ in 0..24 {
        let column = |x: usize| (0..5).fold(0, |sum, y| sum ^ state[x + 5 * y]);
        let columns: [u64; 5] = std::array::from_fn(column);
        for (at, lane) in state.iter_mut().enumerate() {
            *lane ^= columns[(at + 4) % 5] ^ columns[(at + 1) % 5].rotate_left(1);
        }
        let (mut x, mut y, mut moved) = (1, 0, state[1]);
        for step in 0..24 {
            (x, y) = (y, (2 * x + 3 * y) % 5);
            let turned = moved.rotate_left((step + 1) * (step + 2) / 2 % 64);
            moved = std::mem::replace(&mut state[x + 5 * y], turned);
        }
        for row in state.as_chunks_mut::<5>().0 {
            let old = *row;
            for (x, lane) in row.iter_mut().enumerate() {
                *lane = old[x] ^ (!old[(x + 1) % 5] & old[(x + 2) % 5]);
            }
        }
        for bit in 0..7 {
            state[0] ^= u64::from(register & 1) << ((1 << bit) - 1);
            register = register << 1 ^ if register & 0x80 == 0 { 0 } else { 0x71 };
        }
    }
}
