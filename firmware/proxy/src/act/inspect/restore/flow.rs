//! One text with its placeholders put back as it comes, held back only where it may be the beginning of one.

use gate_core::KindCount;

use super::nest::{Nest, escaped};
use crate::act::inspect::budget::Charge;
use crate::act::inspect::vault::{self, Found, Live, MARK};

/// What may be put back at once, in bytes: a placeholder is short, and what it stands for may be long.
const PUSH_MAX: usize = 1024 * 1024;

/// What may be put back into one answer, in bytes.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// What an answer may keep of itself without asking for it, in bytes.
const FREE: usize = 16 * 1024;

/// What may be put back, and what was.
pub(super) struct Book {
    live: Live,
    pub(super) restored: Vec<KindCount>,
    /// Bytes that may still be put back: now, and in all.
    now: usize,
    left: usize,
    /// A placeholder stayed because too much was put back already.
    is_spent: bool,
    /// What the answer keeps of itself is booked with the bodies of requests, beyond what is free.
    charge: Charge,
    paid: usize,
}

/// A text under way.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) nest: Nest,
    /// Came, and not handed on: the beginning of a live placeholder.
    held: Vec<u8>,
}

impl Book {
    pub(super) fn new(live: Live, charge: Charge) -> Self {
        let (now, left) = (PUSH_MAX, ANSWER_MAX);
        Self { live, restored: Vec::new(), now, left, is_spent: false, charge, paid: FREE }
    }

    /// More of the answer comes.
    pub(super) fn begin(&mut self) {
        self.now = PUSH_MAX;
    }

    /// Whether so many bytes of the answer may be kept.
    pub(super) fn afford(&mut self, bytes: usize) -> bool {
        let due = bytes.saturating_sub(self.paid);
        let granted = due == 0 || self.charge.try_grow(due);
        self.paid += if granted { due } else { 0 };
        granted
    }

    /// Whether a placeholder has stayed since this was asked last because too much was put back.
    pub(super) fn take_spent(&mut self) -> bool {
        std::mem::take(&mut self.is_spent)
    }

    /// Counts a value that is put back; not one that would be too much.
    fn may_put(&mut self, kind: &str, bytes: usize) -> bool {
        let (Some(now), Some(left)) = (self.now.checked_sub(bytes), self.left.checked_sub(bytes)) else {
            self.is_spent = true;
            return false;
        };
        (self.now, self.left) = (now, left);
        vault::count(&mut self.restored, kind);
        true
    }
}

impl Flow {
    pub(super) fn new(nest: Nest) -> Self {
        Self { nest, held: Vec::new() }
    }

    /// What is held back.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes what comes next, and hands on what is sure.
    pub(super) fn push(&mut self, bytes: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        let joined = (!self.held.is_empty()).then(|| {
            let mut joined = std::mem::take(&mut self.held);
            joined.extend_from_slice(bytes);
            joined
        });
        let data = joined.as_deref().unwrap_or(bytes);
        let (mut done, mut from) = (0, 0);
        while let Some(start) = memchr::memmem::find(&data[from..], MARK).map(|found| from + found) {
            match book.live.find(&data[start..]) {
                Found::Whole(length, kept) => {
                    self.pass(&data[done..start], out);
                    done = start + length;
                    from = done;
                    let token = &data[start..done];
                    let value = self.nest.depth().map(|depth| escaped(&kept.value, depth));
                    match value.filter(|value| book.may_put(&kept.kind, value.len())) {
                        Some(value) => out.extend_from_slice(value.as_bytes()),
                        None => out.extend_from_slice(token),
                    }
                    self.nest.push(token);
                }
                Found::Begun => {
                    self.pass(&data[done..start], out);
                    self.held = data[start..].to_vec();
                    return;
                }
                Found::None => from = start + 1,
            }
        }
        let mark = (1..MARK.len()).rev().find(|length| data[from..].ends_with(&MARK[..*length]));
        let (sure, held) = data.split_at(data.len() - mark.unwrap_or(0));
        self.pass(&sure[done..], out);
        self.held = held.to_vec();
    }

    /// Hands on what is held: it went no further.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        self.pass(&held, out);
    }

    fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.nest.push(bytes);
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
pub(super) mod tests;
