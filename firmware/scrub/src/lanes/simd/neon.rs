//! Registers of 16 bytes, four at once (NEON).

use std::arch::aarch64::{
    uint8x16_t, uint8x16x2_t, vandq_u8, vceqq_u8, vcgeq_u8, vcleq_u8, vcombine_u8, vcreate_u8, vdupq_n_u8,
    vgetq_lane_u64, vorrq_u8, vpaddq_u8, vqtbl1q_u8, vqtbl2q_u8, vreinterpretq_u64_u8, vshrq_n_u8, vsubq_u8, vtstq_u8,
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

#[target_feature(enable = "neon")]
#[inline]
pub(super) fn either(block: &[u8; 64], [one, other]: [u8; 2]) -> u64 {
    let marked = |bytes| vorrq_u8(vceqq_u8(bytes, vdupq_n_u8(one)), vceqq_u8(bytes, vdupq_n_u8(other)));
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
