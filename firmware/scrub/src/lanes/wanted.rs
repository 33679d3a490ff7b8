//! What a text is searched for, in the shape that the processor's instructions ask for.

/// Bytes that are looked at together: 64, and those that windows reach beyond them.
pub(super) const BLOCK: usize = 64 + WINDOW - 1;

/// Eight sets of bytes by the two halves of a byte: one is in the set `n` if both tables have bit `n` at its halves. A set
/// whose members differ in both halves has more members than were put in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nibbles {
    pub(super) low: [u8; 16],
    pub(super) high: [u8; 16],
}

impl Nibbles {
    /// Puts `byte` into `sets`.
    pub(crate) fn add(&mut self, byte: u8, sets: u8) {
        self.low[usize::from(byte & 15)] |= sets;
        self.high[usize::from(byte >> 4)] |= sets;
    }

    /// The sets that `byte` is in.
    #[cfg(any(test, not(target_arch = "aarch64")))]
    pub(crate) fn of(&self, byte: u8) -> u8 {
        self.low[usize::from(byte & 15)] & self.high[usize::from(byte >> 4)]
    }
}

/// Bytes of a window.
pub(crate) const WINDOW: usize = 6;

/// Sets of windows: two bytes have a bit for each.
pub(crate) const SETS: usize = 16;

/// For eight sets and the other eight, for each byte of a window by its five lower bits, which tell letters apart, the sets
/// of windows it may be in.
pub(crate) type Windows = [[[u8; 32]; WINDOW]; SETS / 8];

/// What to mark in a text beside letters and digits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(super) signs: Nibbles,
    pub(super) windows: Windows,
}

impl Wanted {
    /// The signs `+`, `-` and `/`, and `_`, which join letters and digits to a run of base64.
    pub(super) const JOINERS: u8 = 1 << 7 | 1 << 5;
    /// What an escape begins with: `%` or `&`.
    pub(super) const ESCAPES: u8 = 1 << 6;
    /// What stands between a name and its value: `:`, `<`, `=` and `>`, and quotes.
    pub(super) const LINKS: u8 = 1 << 4 | 1 << 3;
    /// The sets of signs to mark.
    pub(super) const SIGNS: u8 = 7;

    /// Marks these signs and windows, and perhaps some others.
    pub(crate) fn new(signs: &[u8], windows: Windows) -> Self {
        let mut sets = Nibbles::default();
        b"+-/".iter().for_each(|sign| sets.add(*sign, 1 << 7));
        b"_".iter().for_each(|sign| sets.add(*sign, 1 << 5));
        b"%&".iter().for_each(|sign| sets.add(*sign, Self::ESCAPES));
        b":<=>".iter().for_each(|sign| sets.add(*sign, 1 << 4));
        b"\"'".iter().for_each(|sign| sets.add(*sign, 1 << 3));
        // Signs with the same upper half make a set without any others.
        let mut halves: Vec<u8> = signs.iter().map(|sign| sign >> 4).collect();
        halves.sort_unstable();
        halves.dedup();
        for (index, half) in halves.into_iter().enumerate() {
            signs.iter().filter(|sign| **sign >> 4 == half).for_each(|sign| sets.add(*sign, 1 << index.min(2)));
        }
        Self { signs: sets, windows }
    }
}

#[cfg(test)]
impl Default for Wanted {
    fn default() -> Self {
        Self::new(b"", [[[0; 32]; WINDOW]; SETS / 8])
    }
}

/// Whether a byte is one of [`Wanted::LINKS`].
pub(crate) fn is_link(byte: u8) -> bool {
    matches!(byte, b':' | b'<' | b'=' | b'>' | b'"' | b'\'')
}

/// Calls `each` with 64 bytes of `text` and those of windows beyond them, again and again; behind the text stand zeros.
#[inline(always)]
pub(super) fn blocks(text: &[u8], mut each: impl FnMut(&[u8; BLOCK])) {
    let mut at = 0;
    while let Some(block) = text[at..].first_chunk() {
        each(block);
        at += 64;
    }
    while at < text.len() {
        let rest = &text[at..text.len().min(at + BLOCK)];
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        each(&block);
        at += 64;
    }
}
