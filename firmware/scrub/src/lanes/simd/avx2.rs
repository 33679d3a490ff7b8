//! Registers of 32 bytes (AVX2).

use std::arch::x86_64::{
    __m256i, _mm256_and_si256, _mm256_blendv_epi8, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set_epi64x, _mm256_set1_epi8, _mm256_setzero_si256,
    _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_srli_epi16, _mm256_sub_epi8,
};

use super::{BLOCK, Classes, Wanted, blocks};
use crate::lanes::wanted::{SETS, WINDOW};

/// The tables of sets, in registers.
#[derive(Clone, Copy)]
struct Table {
    low: __m256i,
    high: __m256i,
}

type Windows = [[Table; WINDOW]; SETS / 8];

#[target_feature(enable = "avx2")]
pub(super) fn classes(text: &[u8], wanted: &Wanted, mut each: impl FnMut(Classes)) {
    let signs = table(&wanted.signs.low, &wanted.signs.high);
    let windows = wanted.windows.map(|eight| {
        eight.map(|sets| {
            let ([low, high], _) = sets.as_chunks::<16>() else { unreachable!("32 are two of 16") };
            table(low, high)
        })
    });
    blocks(text, |block| {
        let (low, high) = (half::<0>(block, &signs, &windows), half::<32>(block, &signs, &windows));
        each(low.joined(high, 32));
    });
}

#[target_feature(enable = "avx2")]
#[inline]
fn half<const AT: usize>(block: &[u8; BLOCK], signs: &Table, windows: &Windows) -> Classes {
    let bytes = load(block, AT);
    let letters = among(_mm256_or_si256(bytes, _mm256_set1_epi8(0x20)), b'a', 25);
    // The highest bit of each byte counts: small letters have bit 5, and of what is no ASCII the first bytes have bit 6.
    let (bit5, bit6) = (_mm256_slli_epi16::<2>(bytes), _mm256_slli_epi16::<1>(bytes));
    let sign = sets(bytes, signs);
    let window = _mm256_or_si256(window::<AT>(block, &windows[0]), window::<AT>(block, &windows[1]));
    Classes {
        letters,
        capitals: letters & !mask(bit5),
        digits: among(bytes, b'0', 9),
        leads: mask(_mm256_and_si256(bytes, bit6)),
        joiners: mask(_mm256_or_si256(sign, _mm256_slli_epi16::<2>(sign))),
        escapes: mask(_mm256_slli_epi16::<1>(sign)),
        links: any(_mm256_and_si256(sign, _mm256_set1_epi8(Wanted::LINKS.cast_signed()))),
        signs: any(_mm256_and_si256(sign, _mm256_set1_epi8(Wanted::SIGNS.cast_signed()))),
        windows: any(window),
    }
}

/// The sets of windows that each byte may begin.
#[target_feature(enable = "avx2")]
#[inline]
fn window<const AT: usize>(block: &[u8; BLOCK], tables: &[Table; WINDOW]) -> __m256i {
    let first = five_bits(load(block, AT), &tables[0]);
    let second = five_bits(load(block, AT + 1), &tables[1]);
    let third = five_bits(load(block, AT + 2), &tables[2]);
    let fourth = five_bits(load(block, AT + 3), &tables[3]);
    let fifth = five_bits(load(block, AT + 4), &tables[4]);
    let sixth = five_bits(load(block, AT + 5), &tables[5]);
    let front = _mm256_and_si256(first, _mm256_and_si256(second, third));
    _mm256_and_si256(front, _mm256_and_si256(fourth, _mm256_and_si256(fifth, sixth)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn load(block: &[u8; BLOCK], at: usize) -> __m256i {
    let bytes: &[u8; 32] = block[at..].first_chunk().expect("a block has more bytes than are loaded");
    // SAFETY: reads the 32 bytes of the array, wherever it lies.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Both halves of a register look bytes up by themselves.
#[target_feature(enable = "avx2")]
#[inline]
fn table(low: &[u8; 16], high: &[u8; 16]) -> Table {
    let twice = |half: &[u8; 16]| {
        let ([low, high], _) = half.as_chunks::<8>() else { unreachable!("16 are two of eight") };
        let [low, high] = [i64::from_le_bytes(*low), i64::from_le_bytes(*high)];
        _mm256_set_epi64x(high, low, high, low)
    };
    Table { low: twice(low), high: twice(high) }
}

/// The sets that each byte is in by both of its halves.
#[target_feature(enable = "avx2")]
#[inline]
fn sets(bytes: __m256i, table: &Table) -> __m256i {
    let four = _mm256_set1_epi8(0x0F);
    let low = _mm256_shuffle_epi8(table.low, _mm256_and_si256(bytes, four));
    let high = _mm256_shuffle_epi8(table.high, _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), four));
    _mm256_and_si256(low, high)
}

/// The sets that each byte is in by its five lower bits, of which the highest chooses the table.
#[target_feature(enable = "avx2")]
#[inline]
fn five_bits(bytes: __m256i, table: &Table) -> __m256i {
    let four = _mm256_and_si256(bytes, _mm256_set1_epi8(0x0F));
    let (low, high) = (_mm256_shuffle_epi8(table.low, four), _mm256_shuffle_epi8(table.high, four));
    _mm256_blendv_epi8(low, high, _mm256_slli_epi16::<3>(bytes))
}

/// Which bytes are `first` or one of so many more.
#[target_feature(enable = "avx2")]
#[inline]
fn among(bytes: __m256i, first: u8, more: i8) -> u64 {
    let from = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.cast_signed()));
    mask(_mm256_cmpeq_epi8(_mm256_min_epu8(from, _mm256_set1_epi8(more)), from))
}

/// Which bytes have some bit.
#[target_feature(enable = "avx2")]
#[inline]
fn any(bytes: __m256i) -> u64 {
    mask(_mm256_cmpeq_epi8(bytes, _mm256_setzero_si256())) ^ u64::from(u32::MAX)
}

/// The highest bit of each byte.
#[target_feature(enable = "avx2")]
#[inline]
fn mask(bytes: __m256i) -> u64 {
    u64::from(_mm256_movemask_epi8(bytes).cast_unsigned())
}
