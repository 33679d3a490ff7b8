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
        let (eights, _) = block.as_chunks::<8>();
        for index in 0..4 {
            let low = i64::from_le_bytes(eights[2 * index]);
            let bytes = _mm_set_epi64x(i64::from_le_bytes(eights[2 * index + 1]), low);
            all.letters |= among(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 25) << (16 * index);
            all.capitals |= among(bytes, b'A', 25) << (16 * index);
            all.digits |= among(bytes, b'0', 9) << (16 * index);
        }
        all
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
        uint8x16_t, vandq_u8, vcleq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8, vgetq_lane_u64, vorrq_u8, vpaddq_u8,
        vreinterpretq_u64_u8, vsubq_u8,
    };

    use super::Classes;

    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn classes(block: &[u8; 64]) -> Classes {
        let [a, b, c, d, e, f, g, h] = block.as_chunks::<8>().0 else { unreachable!("64 bytes are eight times eight") };
        let vector = |low: &[u8; 8], high: &[u8; 8]| {
            vcombine_u8(vcreate_u8(u64::from_le_bytes(*low)), vcreate_u8(u64::from_le_bytes(*high)))
        };
        let bytes = [vector(a, b), vector(c, d), vector(e, f), vector(g, h)];
        let weights = vcreate_u8(0x8040_2010_0804_0201);
        let weights = vcombine_u8(weights, weights);
        // Those from `first` on, of which there are `count`, one bit each: neighbours are added three times.
        let among = |bytes: [uint8x16_t; 4], first: u8, count: u8| {
            let inside = |bytes| vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(first)), vdupq_n_u8(count - 1));
            let [a, b, c, d] = bytes.map(|bytes| vandq_u8(inside(bytes), weights));
            let sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(sums, sums)))
        };
        Classes {
            letters: among(bytes.map(|bytes| vorrq_u8(bytes, vdupq_n_u8(0x20))), b'a', 26),
            capitals: among(bytes, b'A', 26),
            digits: among(bytes, b'0', 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{classes, one_by_one};

    #[test]
    fn each_byte_is_sorted_as_if_alone() {
        for byte in 0..=u8::MAX {
            for (at, filler) in (0..64).flat_map(|at| [0, b'a', b'Z', b'9', 0xFF].map(|filler| (at, filler))) {
                let mut block = [filler; 64];
                block[at] = byte;
                assert_eq!(classes(&block), one_by_one(&block), "{byte} at {at}");
            }
        }
    }
}
