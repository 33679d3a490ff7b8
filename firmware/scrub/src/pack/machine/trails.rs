//! What automata have read of one text, so that values which lie in each other are not read over and over.
//!
//! Two runs of one automaton that are in the same state at the same place agree on all that follows. A run leaves its state
//! at every so many bytes of the text; another one that comes by in the same state goes on where the first one ended. So all
//! runs of an automaton together read a text about once, however many of them begin in it.

use super::{Forward, Reach, Run, State};

/// Bytes between places where a state is left: most runs are shorter and leave none.
const STEP: usize = 64;

/// Automata whose runs are remembered, the last one of each number modulo this: as many as share their anchors, and more.
const SLOTS: usize = 32;

/// Most states of one trail. What goes on behind them is read again.
const MOST: usize = 256;

/// Trails through one text.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    /// Empty before the first run that is long.
    slots: Vec<Trail>,
}

/// The last runs of one automaton.
#[derive(Clone, Debug, Default)]
struct Trail {
    /// The number of the automaton.
    machine: usize,
    /// The place of the first state; one more every [`STEP`] bytes, as far as there is room.
    first: usize,
    states: Vec<State>,
    /// The same of a run that has not met these states.
    fresh: Vec<State>,
    /// Where all that have these states end, in which state, and the end of their last match, if they have one.
    stop: usize,
    last: State,
    end: Option<usize>,
    /// Whether nothing more could match there.
    over: bool,
}

impl Forward {
    /// The same as [`Forward::run`] by the automaton with a number of its own, with the trails that runs left in the same
    /// text. What is read are the bytes that no run before has read.
    pub(crate) fn run_on(
        &self,
        (trails, machine): (&mut Trails, usize),
        text: &[u8],
        at: usize,
        limit: usize,
        open: bool,
    ) -> Reach {
        let limit = limit.min(text.len());
        let mut run = Run { state: self.table.start(), at, end: None, over: false };
        let mut read = self.follow(&mut run, text, next_stop(at).min(limit));
        if !run.over && run.at < limit {
            read += self.follow_trail(trails.of(machine), &mut run, text, limit);
        }
        if !run.over && self.table.matches_at_end(run.state) {
            run.end = Some(limit);
        }
        Reach { end: run.end, live: !run.over && open && limit == text.len(), read }
    }

    /// Goes on to `limit` from a place for a state, by what runs before have read if it meets one of their states.
    #[cold]
    fn follow_trail(&self, trail: &mut Trail, run: &mut Run, text: &[u8], limit: usize) -> usize {
        let (begin, mut joined, mut read) = (run.at, None, 0);
        trail.fresh.clear();
        while !run.over && run.at < limit {
            if joined.is_some() {
                trail.extend(run);
            } else if trail.has(run) && trail.stop <= limit {
                joined = Some(run.at);
                run.end = trail.end.filter(|end| *end >= run.at).or(run.end);
                (run.at, run.state, run.over) = (trail.stop, trail.last, trail.over);
                continue;
            } else if trail.fresh.len() < MOST {
                trail.fresh.push(run.state);
            }
            read += self.follow(run, text, next_stop(run.at).min(limit));
        }
        match joined {
            // What matched before it met the others is no match of theirs.
            Some(at) => trail.end = run.end.filter(|end| *end >= at).or(trail.end),
            None => {
                std::mem::swap(&mut trail.states, &mut trail.fresh);
                (trail.first, trail.end) = (begin, run.end);
            }
        }
        (trail.stop, trail.last, trail.over) = (run.at, run.state, run.over);
        read
    }
}

/// The place for a state behind this one.
fn next_stop(at: usize) -> usize {
    (at / STEP + 1) * STEP
}

impl Trails {
    fn of(&mut self, machine: usize) -> &mut Trail {
        if self.slots.is_empty() {
            self.slots.resize_with(SLOTS, Trail::default);
        }
        let trail = &mut self.slots[machine % SLOTS];
        if trail.machine != machine {
            trail.machine = machine;
            trail.states.clear();
        }
        trail
    }
}

impl Trail {
    /// Whether a run is where these had a state, in the same one.
    fn has(&self, run: &Run) -> bool {
        let index = run.at.checked_sub(self.first).map(|bytes| bytes / STEP);
        index.and_then(|index| self.states.get(index)).is_some_and(|state| *state == run.state)
    }

    /// Adds the state of a run that is one of these, if it is at the next place for one.
    fn extend(&mut self, run: &Run) {
        if run.at == self.first + STEP * self.states.len() && self.states.len() < MOST {
            self.states.push(run.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Forward, Trails};
    use crate::pack::machine::Alphabet;

    proptest! {
        #[test]
        fn a_run_with_trails_ends_as_one_without(
            text in "[ab=1 ]{0,300}",
            starts in prop::collection::vec((0..300_usize, 1..200_usize, 0..4_usize), 1..60),
            open in any::<bool>(),
        ) {
            let patterns = ["[^ ]{5}[^ ]*[^ =]", "(?:a[^ ]*)?b*", "(?:[ab=]{3}1?)*", "[ab= 1]{40,90}[b1]?"];
            let machines = patterns.map(|pattern| Forward::new(pattern, Alphabet::Ascii).unwrap());
            let (text, mut trails) = (text.as_bytes(), Trails::default());
            for (at, len, number) in starts {
                let at = at.min(text.len());
                let alone = machines[number].run(text, at, at + len, open);
                // One slot for all, so that each takes it from the others.
                let led = machines[number].run_on((&mut trails, super::SLOTS * number), text, at, at + len, open);
                prop_assert_eq!((led.end, led.live), (alone.end, alone.live));
                prop_assert!(led.read <= alone.read);
            }
        }

        #[test]
        fn runs_that_lie_in_each_other_read_a_text_once(step in 1..40_usize) {
            let machine = Forward::new("[^ ]{5}[^ ]*[^ =]", Alphabet::Ascii).unwrap();
            let (text, mut trails) = ("motdepasse=".repeat(400), Trails::default());
            let starts = (0..text.len()).step_by(step);
            let read: usize =
                starts.map(|at| machine.run_on((&mut trails, 7), text.as_bytes(), at, at + 256, false).read).sum();
            // To the first place for a state, and what is new.
            prop_assert!(read <= text.len() + text.len().div_ceil(step) * 2 * super::STEP);
        }
    }
}
