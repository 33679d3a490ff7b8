//! Numbers of machines: networks, telephones, cars.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{luhn, varied, weighted};

/// An address that somebody outside has, not a version and not one of the ranges that documents and offices use.
pub(super) fn public_ipv4(value: &[u8]) -> bool {
    let Some(address) = std::str::from_utf8(value).ok().and_then(|text| text.parse::<Ipv4Addr>().ok()) else {
        return false;
    };
    let [a, b, _, last] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || address.is_unspecified()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b));
    // Resolvers that stand in every configuration, and what is more often a version than an address.
    let known = matches!(address.octets(), [1, 1, 1, 1] | [1, 0, 0, 1] | [8, 8, 8, 8] | [8, 8, 4, 4] | [9, 9, 9, 9]);
    !special && !known && (11..240).contains(&a) && last != 0
}

/// A global unicast address that is not kept for documents (RFC 3849, RFC 9637) and no resolver of everybody.
pub(super) fn public_ipv6(value: &[u8]) -> bool {
    let Some(address) = std::str::from_utf8(value).ok().and_then(|text| text.parse::<Ipv6Addr>().ok()) else {
        return false;
    };
    let [a, b, c, .., last] = address.segments();
    let documentation = (a == 0x2001 && b == 0xDB8) || (a == 0x3FFF && b < 0x1000);
    let resolver = matches!((a, b, c), (0x2606, 0x4700, 0x4700) | (0x2001, 0x4860, 0x4860) | (0x2620, 0xFE, 0));
    (0x2000..0x4000).contains(&a) && !documentation && !resolver && last != 0 && value.len() >= 9
}

/// Six pairs that are one machine's: not all alike, no group address, not the range of documents (RFC 7042).
pub(super) fn mac(value: &[u8]) -> bool {
    let hex: Vec<u8> = value.iter().filter(|byte| byte.is_ascii_hexdigit()).map(u8::to_ascii_lowercase).collect();
    let pairs: Vec<&[u8]> = hex.chunks(2).collect();
    let second = hex.get(1).and_then(|byte| char::from(*byte).to_digit(16)).unwrap_or(1);
    let counted = pairs.windows(2).all(|pair| pair[0] <= pair[1] && pair[1][0] == pair[1][1] || pair[0] == pair[1]);
    hex.len() == 12
        && second.is_multiple_of(2)
        && !counted
        && !hex.starts_with(b"00005e0053")
        && !matches!(&*hex, b"001122334455" | b"112233445566" | b"0123456789ab" | b"aabbccddeeff" | b"123456789abc")
}

/// Fifteen digits with Luhn (3GPP TS 23.003).
pub(super) fn imei(digits: &[u8]) -> bool {
    digits.len() == 15 && varied(digits) && luhn(digits)
}

/// Seventeen characters without I, O and Q (ISO 3779); in North America and China the ninth checks the others
/// (49 CFR 565).
pub(super) fn vin(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let worth = |byte: &u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        letter @ (b'A'..=b'H' | b'J'..=b'N' | b'P' | b'R') => Some((letter - b'A') % 9 + 1),
        letter @ b'S'..=b'Z' => Some(letter - b'S' + 2),
        _ => None,
    };
    let Some(values) = value.iter().map(worth).collect::<Option<Vec<u8>>>().filter(|values| values.len() == 17) else {
        return false;
    };
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let rest = weighted(&values, &WEIGHTS) % 11;
    let check = value[8].to_ascii_uppercase();
    let checked = if rest == 10 { check == b'X' } else { u32::from(check.wrapping_sub(b'0')) == rest };
    let must_check = matches!(value[0], b'1'..=b'5');
    (4..=16).contains(&digits) && (checked || !must_check)
}
