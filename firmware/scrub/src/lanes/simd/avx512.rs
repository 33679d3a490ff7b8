//! A register holds all 64 bytes, a comparison makes a bit for each of them, and one instruction looks every byte up by its
//! five lower bits (AVX-512 VBMI).

use std::arch::x86_64::{
    __m512i, _mm512_and_si512, _mm512_cmpge_epu8_mask, _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_or_si512,
    _mm512_permutexvar_epi8, _mm512_set1_epi8, _mm512_srli_epi16, _mm512_sub_epi8, _mm512_test_epi8_mask,
    _mm512_testn_epi8_mask,
};

use super::{BLOCK, Classes, Wanted, blocks};
use crate::lanes::wanted::{SETS, WINDOW};

type Windows = [[__m512i; WINDOW]; SETS / 8];

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn classes(text: &[u8], wanted: &Wanted, mut each: impl FnMut(Classes)) {
    let signs = [repeated(&wanted.signs.low), repeated(&wanted.signs.high)];
    let windows = wanted.windows.map(|eight| eight.map(|sets| repeated(&sets)));
    blocks(text, |block| each(of(block, &signs, &windows)));
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
#[inline]
fn of(block: &[u8; BLOCK], [low, high]: &[__m512i; 2], windows: &Windows) -> Classes {
    let bytes = load(block, 0);
    let letters = among(_mm512_or_si512(bytes, byte(0x20)), b'a', 26);
    let upper = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), byte(0x0F));
    let sign = _mm512_and_si512(_mm512_permutexvar_epi8(bytes, *low), _mm512_permutexvar_epi8(upper, *high));
    let having = |sets: u8| _mm512_test_epi8_mask(sign, byte(sets));
    let [mut one, mut other] = [byte(u8::MAX); 2];
    for (at, (eight, others)) in windows[0].iter().zip(&windows[1]).enumerate() {
        let bytes = load(block, at);
        one = _mm512_and_si512(one, _mm512_permutexvar_epi8(bytes, *eight));
        other = _mm512_and_si512(other, _mm512_permutexvar_epi8(bytes, *others));
    }
    let sets = _mm512_or_si512(one, other);
    Classes {
        letters,
        // Small letters have bit 5.
        capitals: letters & _mm512_testn_epi8_mask(bytes, byte(0x20)),
        digits: among(bytes, b'0', 10),
        leads: _mm512_cmpge_epu8_mask(bytes, byte(0xC0)),
        joiners: having(Wanted::JOINERS),
        escapes: having(Wanted::ESCAPES),
        links: having(Wanted::LINKS),
        signs: having(Wanted::SIGNS),
        windows: _mm512_test_epi8_mask(sets, sets),
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn byte(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// A table as often as it fits: the bits of a byte above those that it has entries for do not matter.
#[target_feature(enable = "avx512f")]
#[inline]
fn repeated<const N: usize>(table: &[u8; N]) -> __m512i {
    let all: [u8; BLOCK] = std::array::from_fn(|at| table[at % N]);
    load(&all, 0)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(block: &[u8; BLOCK], at: usize) -> __m512i {
    let bytes: &[u8; 64] = block[at..].first_chunk().expect("a block has more bytes than are loaded");
    // SAFETY: reads the 64 bytes of the array, wherever it lies.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Which bytes are those from `first` on, of which there are `count`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn among(bytes: __m512i, first: u8, count: u8) -> u64 {
    _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, byte(first)), byte(count - 1))
}
