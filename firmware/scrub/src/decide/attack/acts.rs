//! Acts: concepts that together say what an attack does, in whatever words and language. To override what came before, to
//! ask for what is hidden, to take on a role without limits, to act behind the user's back ...

use super::features::Mention;

/// Most acts: each has a slot of its own.
pub(super) const MAX_ACTS: usize = 200;

/// Most parts of an act.
pub(super) const MAX_PARTS: usize = 6;

/// Concepts as bits of a word.
pub(super) type Concepts = u128;

/// What is done, as concepts that stand close together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// One concept of each part has to be there, each concept as its bit: concept `n` is `1 << n`.
    pub parts: Vec<u128>,
    /// Bytes of normal text from the first concept to the last.
    pub within: u8,
    /// Whether the first part has to stand before the others.
    pub ordered: bool,
}

impl Act {
    /// Whether the act is among mentions, which are in order of place.
    fn is_in(&self, mentions: &[Mention]) -> bool {
        // Where each part stands next, from the mention on that is looked at: from the last one to the first, once.
        let mut next = [usize::MAX; MAX_PARTS];
        let next = &mut next[..self.parts.len()];
        mentions.iter().rev().any(|mention| {
            let bit: Concepts = 1 << mention.concept;
            for (next, part) in next.iter_mut().zip(&self.parts) {
                if part & bit != 0 {
                    *next = mention.at;
                }
            }
            let limit = mention.at + usize::from(self.within);
            (!self.ordered || self.parts[0] & bit != 0) && next.iter().all(|next| *next <= limit)
        })
    }
}

/// All acts, and for each concept the acts that it may be a part of: most of what a text speaks of is in few of them.
#[derive(Debug)]
pub(super) struct Acts {
    all: Vec<Act>,
    /// By a concept: the acts that have it in their first part, and in their second part or in their only one.
    parts: Vec<[Numbers; 2]>,
}

/// Numbers of acts, as bits.
type Numbers = [u64; MAX_ACTS.div_ceil(64)];

impl Acts {
    /// Acts that have a part each, at most [`MAX_ACTS`].
    pub(super) fn new(all: Vec<Act>) -> Self {
        let mut parts = vec![[Numbers::default(); 2]; Concepts::BITS as usize];
        for (number, act) in all.iter().enumerate() {
            for (place, part) in [act.parts[0], act.parts[1 % act.parts.len()]].into_iter().enumerate() {
                let of_part = (0..).zip(&mut parts).filter(|(concept, _)| part >> concept & 1 != 0);
                of_part.for_each(|(_, parts)| parts[place][number / 64] |= 1 << (number % 64));
            }
        }
        Self { all, parts }
    }

    pub(super) fn all(&self) -> &[Act] {
        &self.all
    }

    /// The numbers of the acts among mentions.
    pub(super) fn among(&self, mentions: &[Mention]) -> impl Iterator<Item = u8> {
        let mut all: Concepts = 0;
        let mut parts = [Numbers::default(); 2];
        for mention in mentions {
            all |= 1 << mention.concept;
            for (numbers, more) in parts.iter_mut().zip(self.parts[usize::from(mention.concept)]) {
                numbers.iter_mut().zip(more).for_each(|(numbers, more)| *numbers |= more);
            }
        }
        let [first, second] = parts;
        let likely = (0_u8..).zip(first.into_iter().zip(second)).flat_map(|(word, (first, second))| {
            let mut numbers = first & second;
            std::iter::from_fn(move || {
                let number = (numbers != 0).then(|| 64 * word + numbers.trailing_zeros() as u8)?;
                numbers &= numbers - 1;
                Some(number)
            })
        });
        let found = move |act: &Act| act.parts.iter().all(|part| part & all != 0) && act.is_in(mentions);
        likely.filter(move |number| found(&self.all[usize::from(*number)]))
    }
}

#[cfg(test)]
mod tests {
    use super::{Act, Acts};
    use crate::decide::attack::features::Mention;

    #[test]
    fn an_act_is_there_when_its_parts_are_close_and_in_order() {
        let act = |parts: &[u128], ordered| Act { parts: parts.to_vec(), within: 20, ordered };
        let acts = Acts::new(vec![act(&[0b1, 0b110], false), act(&[0b10, 0b1], true), act(&[1 << 127], false)]);
        type Row = (&'static [(u8, usize)], &'static [u8]);
        let rows: [Row; 8] = [
            (&[(0, 5), (1, 20)], &[0]),
            (&[(1, 5), (0, 20)], &[0, 1]),
            (&[(0, 5), (2, 26)], &[]),
            (&[(2, 0), (0, 30), (2, 40)], &[0]),
            (&[(0, 5), (0, 18), (1, 30)], &[0]),
            (&[(1, 5), (0, 40), (1, 41)], &[0]),
            (&[(127, 3)], &[2]),
            (&[], &[]),
        ];
        for (mentions, expected) in rows {
            let mentions: Vec<Mention> =
                mentions.iter().map(|(concept, at)| Mention { concept: *concept, at: *at }).collect();
            assert_eq!(acts.among(&mentions).collect::<Vec<_>>(), expected, "{mentions:?}");
        }
    }
}
