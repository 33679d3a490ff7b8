//! Registers of 16 bytes (SSE2).

use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};

#[target_feature(enable = "sse2")]
#[inline]
pub(super) fn beyond(block: &[u8; 64], byte: u8) -> u64 {
    let byte = _mm_set1_epi8(byte.cast_signed());
    // The highest bit of a byte says that it is no ASCII.
    highest(block, |bytes| _mm_or_si128(bytes, _mm_cmpeq_epi8(bytes, byte)))
}

#[target_feature(enable = "sse2")]
#[inline]
pub(super) fn either(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    let [one, other] = bytes.map(|byte| _mm_set1_epi8(byte.cast_signed()));
    highest(block, |bytes| _mm_or_si128(_mm_cmpeq_epi8(bytes, one), _mm_cmpeq_epi8(bytes, other)))
}

/// The highest bits of what becomes of the bytes.
#[target_feature(enable = "sse2")]
#[inline]
fn highest(block: &[u8; 64], marked: impl Fn(__m128i) -> __m128i) -> u64 {
    let mask = |index| u64::from(_mm_movemask_epi8(marked(sixteen(block, index))).cast_unsigned()) << (16 * index);
    mask(0) | mask(1) | mask(2) | mask(3)
}

#[target_feature(enable = "sse2")]
#[inline]
fn sixteen(block: &[u8; 64], index: usize) -> __m128i {
    let (eights, _) = block.as_chunks::<8>();
    let [low, high] = [eights[2 * index], eights[2 * index + 1]];
    _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low))
}
