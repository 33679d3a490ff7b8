//! 64 bytes at once, by the instructions that every processor of its kind has.
//!
//! **Safety.** Each `unsafe` block calls a function whose only demand is that the processor has a feature, and that
//! feature is part of the architecture's baseline: SSE2 of x86-64, NEON of AArch64. No pointer is read or written.

use super::Classes;

/// Sorts 64 bytes into classes.
#[inline]
pub(crate) fn classes(block: &[u8; 64]) -> Classes {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: x86-64 has SSE2.
    return unsafe { sse2::classes(block) };
    #[cfg(target_arch = "aarch64")]
    // SAFETY: AArch64 has NEON.
    return unsafe { neon::classes(block) };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return one_by_one(block);
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

/// What the instructions do.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn beyond_one_by_one(block: &[u8; 64], byte: u8) -> u64 {
    block.iter().rev().fold(0, |mask, it| mask << 1 | u64::from(*it >= 0x80 || *it == byte))
}

/// What the instructions do.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn one_by_one(block: &[u8; 64]) -> Classes {
    let mask = |is: fn(&u8) -> bool| block.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(is(byte)));
    Classes {
        letters: mask(u8::is_ascii_alphabetic),
        capitals: mask(u8::is_ascii_uppercase),
        digits: mask(u8::is_ascii_digit),
    }
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        _mm_sub_epi8,
    };

    use super::Classes;

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn classes(block: &[u8; 64]) -> Classes {
        let mut all = Classes::default();
        for index in 0..4 {
            let bytes = sixteen(block, index);
            all.letters |= among(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 25) << (16 * index);
            all.capitals |= among(bytes, b'A', 25) << (16 * index);
            all.digits |= among(bytes, b'0', 9) << (16 * index);
        }
        all
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn beyond(block: &[u8; 64], byte: u8) -> u64 {
        let byte = _mm_set1_epi8(byte.cast_signed());
        let mut all = 0;
        for index in 0..4 {
            let bytes = sixteen(block, index);
            // The highest bit of a byte says that it is no ASCII.
            let marked = _mm_movemask_epi8(_mm_or_si128(bytes, _mm_cmpeq_epi8(bytes, byte)));
            all |= u64::from(marked.cast_unsigned()) << (16 * index);
        }
        all
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn sixteen(block: &[u8; 64], index: usize) -> __m128i {
        let (eights, _) = block.as_chunks::<8>();
        let [low, high] = [eights[2 * index], eights[2 * index + 1]];
        _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low))
    }

    /// Which bytes are `first` or one of so many more.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn among(bytes: __m128i, first: u8, more: i8) -> u64 {
        let from = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
        let inside = _mm_cmpeq_epi8(_mm_min_epu8(from, _mm_set1_epi8(more)), from);
        u64::from(_mm_movemask_epi8(inside).cast_unsigned())
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{
        uint8x16_t, vandq_u8, vceqq_u8, vcgeq_u8, vcleq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8, vgetq_lane_u64,
        vorrq_u8, vpaddq_u8, vreinterpretq_u64_u8, vsubq_u8,
    };

    use super::Classes;

    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn classes(block: &[u8; 64]) -> Classes {
        let bytes = vectors(block);
        // Those from `first` on, of which there are `count`.
        let among = |bytes: [uint8x16_t; 4], first: u8, count: u8| {
            mask(bytes.map(|bytes| vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(first)), vdupq_n_u8(count - 1))))
        };
        Classes {
            letters: among(bytes.map(|bytes| vorrq_u8(bytes, vdupq_n_u8(0x20))), b'a', 26),
            capitals: among(bytes, b'A', 26),
            digits: among(bytes, b'0', 10),
        }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn beyond(block: &[u8; 64], byte: u8) -> u64 {
        let marked = |bytes| vorrq_u8(vcgeq_u8(bytes, vdupq_n_u8(0x80)), vceqq_u8(bytes, vdupq_n_u8(byte)));
        mask(vectors(block).map(marked))
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn vectors(block: &[u8; 64]) -> [uint8x16_t; 4] {
        let (eights, _) = block.as_chunks::<8>();
        let eight = |at: usize| vcreate_u8(u64::from_le_bytes(eights[at]));
        [0, 2, 4, 6].map(|at| vcombine_u8(eight(at), eight(at + 1)))
    }

    /// One bit for each byte, of which all bits are alike: neighbours are added three times.
    #[target_feature(enable = "neon")]
    #[inline]
    fn mask(bytes: [uint8x16_t; 4]) -> u64 {
        let weights = vcreate_u8(0x8040_2010_0804_0201);
        let weights = vcombine_u8(weights, weights);
        let [a, b, c, d] = bytes.map(|bytes| vandq_u8(bytes, weights));
        let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
    }
}

#[cfg(test)]
mod tests {
    use super::{beyond, beyond_one_by_one, classes, one_by_one};

    #[test]
    fn each_byte_is_sorted_as_if_alone() {
        for byte in 0..=u8::MAX {
            for (at, filler) in (0..64).flat_map(|at| [0, b'a', b'Z', b'9', 0xFF].map(|filler| (at, filler))) {
                let mut block = [filler; 64];
                block[at] = byte;
                assert_eq!(classes(&block), one_by_one(&block), "{byte} at {at}");
                assert_eq!(beyond(&block, b'\\'), beyond_one_by_one(&block, b'\\'), "{byte} at {at}");
            }
        }
    }
}
