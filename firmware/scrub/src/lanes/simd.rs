//! 64 bytes at once, by the processor's own instructions.
//!
//! **Safety.** All but two `unsafe` blocks call a function whose only demand is that the processor has a feature. Either the
//! feature is part of the architecture's baseline (SSE2 of x86-64, NEON of AArch64), or the processor has just said that
//! it has it (AVX2, AVX-512). The others read an array by its address, once it is one of as many bytes as are read. No
//! pointer is written.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod sse2;

use super::{BLOCK, Classes, Wanted, blocks};

/// Calls `each` with what every 64 bytes of `text` are; behind the text stand zeros.
pub(crate) fn classes(text: &[u8], wanted: &Wanted, each: impl FnMut(Classes)) {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        // SAFETY: the processor has these parts of AVX-512.
        return unsafe { avx512::classes(text, wanted, each) };
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::classes(text, wanted, each) };
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: AArch64 has NEON.
    return unsafe { neon::classes(text, wanted, each) };
    #[cfg(not(target_arch = "aarch64"))]
    one_by_one(text, wanted, each);
}

/// Whether the processor has the parts of AVX-512 that are used.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi")
}

/// Which of 64 bytes are no ASCII, or are `byte`.
#[inline]
pub(crate) fn beyond(block: &[u8; 64], byte: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: x86-64 has SSE2.
    return unsafe { sse2::beyond(block, byte) };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: AArch64 has NEON.
    return unsafe { neon::beyond(block, byte) };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return beyond_one_by_one(block, byte);
}

/// Which of 64 bytes are one of two.
#[inline]
pub(crate) fn either(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: x86-64 has SSE2.
    return unsafe { sse2::either(block, bytes) };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: AArch64 has NEON.
    return unsafe { neon::either(block, bytes) };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return either_one_by_one(block, bytes);
}

/// What the instructions do.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn either_one_by_one(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    block.iter().rev().fold(0, |mask, it| mask << 1 | u64::from(bytes.contains(it)))
}

/// What the instructions do.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn beyond_one_by_one(block: &[u8; 64], byte: u8) -> u64 {
    block.iter().rev().fold(0, |mask, it| mask << 1 | u64::from(*it >= 0x80 || *it == byte))
}

/// What the instructions do.
#[cfg(any(test, not(target_arch = "aarch64")))]
fn one_by_one(text: &[u8], wanted: &Wanted, mut each: impl FnMut(Classes)) {
    blocks(text, |block| {
        let mut all = Classes::default();
        for at in (0..64).rev() {
            let (byte, sign) = (block[at], wanted.signs.of(block[at]));
            let sets = |windows: &[[u8; 32]]| {
                windows.iter().zip(&block[at..]).fold(u8::MAX, |sets, (of, byte)| sets & of[usize::from(byte & 31)])
            };
            let add = |mask: &mut u64, is: bool| *mask = *mask << 1 | u64::from(is);
            add(&mut all.letters, byte.is_ascii_alphabetic());
            add(&mut all.capitals, byte.is_ascii_uppercase());
            add(&mut all.digits, byte.is_ascii_digit());
            add(&mut all.leads, byte >= 0xC0);
            add(&mut all.joiners, sign & Wanted::JOINERS != 0);
            add(&mut all.escapes, sign & Wanted::ESCAPES != 0);
            add(&mut all.links, sign & Wanted::LINKS != 0);
            add(&mut all.signs, sign & Wanted::SIGNS != 0);
            add(&mut all.windows, wanted.windows.iter().any(|windows| sets(windows) != 0));
        }
        each(all);
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Classes, Wanted, beyond, beyond_one_by_one, classes, either, either_one_by_one, one_by_one};

    /// By each kind of instructions that this processor has, and one by one.
    fn all(text: &[u8], wanted: &Wanted) -> Vec<Vec<Classes>> {
        let mut all = [const { Vec::new() }; 3];
        let [by_lanes, by_bytes, by_half] = &mut all;
        classes(text, wanted, |classes| by_lanes.push(classes));
        one_by_one(text, wanted, |classes| by_bytes.push(classes));
        // What such a processor would not be asked for.
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            unsafe { super::avx2::classes(text, wanted, |classes| by_half.push(classes)) };
            return all.into();
        }
        by_half.clone_from(by_bytes);
        all.into()
    }

    fn agree(all: &[Vec<Classes>]) -> bool {
        all.windows(2).all(|pair| pair[0] == pair[1])
    }

    #[test]
    fn each_byte_is_sorted_as_if_alone() {
        let wanted = Wanted::new(b"$*@]~", Default::default());
        for byte in 0..=u8::MAX {
            for (at, filler) in (0..64).flat_map(|at| [0, b'a', b'Z', b'9', 0xFF].map(|filler| (at, filler))) {
                let mut block = [filler; 64];
                block[at] = byte;
                let all = all(&block, &wanted);
                assert!(agree(&all), "{byte} at {at}: {all:?}");
                assert_eq!(beyond(&block, b'\\'), beyond_one_by_one(&block, b'\\'), "{byte} at {at}");
                assert_eq!(either(&block, *b"\\\""), either_one_by_one(&block, *b"\\\""), "{byte} at {at}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_is_sorted_as_if_byte_by_byte(
            text in prop::collection::vec(any::<u8>(), 0..300),
            windows in prop::array::uniform2(prop::array::uniform6(any::<[u8; 32]>())),
            signs in prop::collection::vec(any::<u8>(), 0..9),
        ) {
            let wanted = Wanted::new(&signs, windows);
            let all = all(&text, &wanted);
            prop_assert!(agree(&all), "{all:?}");
        }
    }
}
