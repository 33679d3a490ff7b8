//! 64 bytes at once, by the processor's own instructions.
//!
//! **Safety.** All but two `unsafe` blocks call a function whose only demand is that the processor has a feature. Either the
//! feature is part of the architecture's baseline (SSE2 of x86-64, NEON of AArch64), or the processor has just said that
//! it has it (AVX2, AVX-512). The others read an array by its address, once it is one of as many bytes as are read. No
//! pointer is written.

#[cfg(target_arch = "x86_64")]
mod avx512;

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

#[cfg(target_arch = "x86_64")]
mod avx2 {
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
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};

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
}

#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::{
        uint8x16_t, uint8x16x2_t, vandq_u8, vceqq_u8, vcgeq_u8, vcleq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8,
        vgetq_lane_u64, vorrq_u8, vpaddq_u8, vqtbl1q_u8, vqtbl2q_u8, vreinterpretq_u64_u8, vshrq_n_u8, vsubq_u8,
        vtstq_u8,
    };

    use super::{BLOCK, Classes, Wanted, blocks};
    use crate::lanes::wanted::{SETS, WINDOW};

    /// The tables of sets, in registers.
    #[derive(Clone, Copy)]
    struct Table {
        low: uint8x16_t,
        high: uint8x16_t,
    }

    type Windows = [[Table; WINDOW]; SETS / 8];

    #[target_feature(enable = "neon")]
    pub(super) fn classes(text: &[u8], wanted: &Wanted, mut each: impl FnMut(Classes)) {
        let signs = table(&wanted.signs.low, &wanted.signs.high);
        let windows = wanted.windows.map(|eight| {
            eight.map(|sets| {
                let ([low, high], _) = sets.as_chunks::<16>() else { unreachable!("32 are two of 16") };
                table(low, high)
            })
        });
        blocks(text, |block| each(of(block, &signs, &windows)));
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn of(block: &[u8; BLOCK], signs: &Table, windows: &Windows) -> Classes {
        let bytes = vectors(block, 0);
        // Those from `first` on, of which there are `count`.
        let among = |bytes: [uint8x16_t; 4], first: u8, count: u8| {
            mask(bytes.map(|bytes| vcleq_u8(vsubq_u8(bytes, vdupq_n_u8(first)), vdupq_n_u8(count - 1))))
        };
        let sign = bytes.map(|bytes| sets(bytes, signs));
        let having = |sets: u8| mask(sign.map(|sign| vtstq_u8(sign, vdupq_n_u8(sets))));
        Classes {
            letters: among(bytes.map(|bytes| vorrq_u8(bytes, vdupq_n_u8(0x20))), b'a', 26),
            capitals: among(bytes, b'A', 26),
            digits: among(bytes, b'0', 10),
            leads: mask(bytes.map(|bytes| vcgeq_u8(bytes, vdupq_n_u8(0xC0)))),
            joiners: having(Wanted::JOINERS),
            escapes: having(Wanted::ESCAPES),
            links: having(Wanted::LINKS),
            signs: having(Wanted::SIGNS),
            windows: mask([0, 16, 32, 48].map(|at| {
                let sets = vorrq_u8(window(&block[at..], &windows[0]), window(&block[at..], &windows[1]));
                vtstq_u8(sets, sets)
            })),
        }
    }

    #[target_feature(enable = "neon")]
    #[inline]
    pub(super) fn beyond(block: &[u8; 64], byte: u8) -> u64 {
        let marked = |bytes| vorrq_u8(vcgeq_u8(bytes, vdupq_n_u8(0x80)), vceqq_u8(bytes, vdupq_n_u8(byte)));
        mask(vectors(block, 0).map(marked))
    }

    /// The sets of windows that each of the first 16 bytes may begin.
    #[target_feature(enable = "neon")]
    #[inline]
    fn window(bytes: &[u8], tables: &[Table; WINDOW]) -> uint8x16_t {
        let mut all = vdupq_n_u8(u8::MAX);
        for (at, table) in tables.iter().enumerate() {
            let five_bits = vandq_u8(sixteen(bytes, at), vdupq_n_u8(0x1F));
            all = vandq_u8(all, vqtbl2q_u8(uint8x16x2_t(table.low, table.high), five_bits));
        }
        all
    }

    /// The 16 bytes at `at`.
    #[target_feature(enable = "neon")]
    #[inline]
    fn sixteen(bytes: &[u8], at: usize) -> uint8x16_t {
        let (eights, _) = bytes[at..at + 16].as_chunks::<8>();
        let [low, high] = [eights[0], eights[1]].map(u64::from_le_bytes);
        vcombine_u8(vcreate_u8(low), vcreate_u8(high))
    }

    /// The 64 bytes at `at`.
    #[target_feature(enable = "neon")]
    #[inline]
    fn vectors(block: &[u8], at: usize) -> [uint8x16_t; 4] {
        [0, 16, 32, 48].map(|next| sixteen(block, at + next))
    }

    #[target_feature(enable = "neon")]
    #[inline]
    fn table(low: &[u8; 16], high: &[u8; 16]) -> Table {
        let register = |half: &[u8; 16]| {
            let ([low, high], _) = half.as_chunks::<8>() else { unreachable!("16 are two of eight") };
            vcombine_u8(vcreate_u8(u64::from_le_bytes(*low)), vcreate_u8(u64::from_le_bytes(*high)))
        };
        Table { low: register(low), high: register(high) }
    }

    /// The sets that each byte is in.
    #[target_feature(enable = "neon")]
    #[inline]
    fn sets(bytes: uint8x16_t, table: &Table) -> uint8x16_t {
        let low = vqtbl1q_u8(table.low, vandq_u8(bytes, vdupq_n_u8(0x0F)));
        vandq_u8(low, vqtbl1q_u8(table.high, vshrq_n_u8::<4>(bytes)))
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
    use proptest::prelude::*;

    use super::{Classes, Wanted, beyond, beyond_one_by_one, classes, one_by_one};

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
