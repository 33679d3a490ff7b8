//! One text with its placeholders put back as it comes, held back only where it may be the beginning of one.

use gate_core::KindCount;

use super::nest::{Nest, escaped};
use crate::act::inspect::vault::{self, Found, Live, MARK};

/// What may be put back, and what was.
pub(super) struct Book {
    live: Live,
    pub(super) restored: Vec<KindCount>,
}

/// A text under way.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) nest: Nest,
    /// Came, and not handed on: the beginning of a live placeholder.
    held: Vec<u8>,
}

impl Book {
    pub(super) fn new(live: Live) -> Self {
        Self { live, restored: Vec::new() }
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
                    match self.nest.depth() {
                        Some(depth) => {
                            out.extend_from_slice(escaped(&kept.value, depth).as_bytes());
                            vault::count(&mut book.restored, &kept.kind);
                        }
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
mod tests;
