//! An automaton's table as it stays in memory, for as long as its pack is in force. `regex_automata` makes it, of words of four
//! bytes, for searches of any kind; here half of that does, because few have more than some thousand states, and a column
//! less: that a text ends is a bit of its own.

use regex_automata::Anchored;
use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::DFA;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

/// A state: where nothing can match any more, those right after a match's last byte, and all others, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct State(u16);

/// Nothing can match any more.
const DEAD: u16 = 0;

/// The states that follow each other.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Which bytes are told apart.
    classes: Box<[u8; 256]>,
    /// A row for each state, with the next one for each class; as many places as the next power of two.
    next: Box<[u16]>,
    shift: u32,
    /// One past the last state that is a match.
    matches: u16,
    /// Whether a text that ends in a state ends in a match.
    ends: Box<[bool]>,
    start: State,
}

impl Table {
    /// The table of an automaton that begins where it is told to; the error is a sentence for the author of the pattern.
    pub(super) fn of(dfa: &DFA<Vec<u32>>) -> Result<Self, String> {
        let start =
            dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).map_err(|error| error.to_string())?;
        let (classes, bytes) = classes(dfa);
        let met = Met::all(dfa, start, &bytes)?;
        let shift = bytes.len().next_power_of_two().trailing_zeros();
        let mut next = vec![DEAD; met.order.len() << shift].into_boxed_slice();
        let mut ends = vec![false; met.order.len()].into_boxed_slice();
        for (number, state) in met.order.iter().enumerate().skip(1) {
            for (class, byte) in bytes.iter().enumerate() {
                next[(number << shift) + class] = met.number(dfa, dfa.next_state(*state, *byte));
            }
            ends[number] = dfa.is_match_state(dfa.next_eoi_state(*state));
        }
        let start = State(met.number(dfa, start));
        Ok(Self { classes, next, shift, matches: met.matches, ends, start })
    }

    pub(super) fn start(&self) -> State {
        self.start
    }

    #[inline]
    pub(super) fn next(&self, state: State, byte: u8) -> State {
        State(self.next[(usize::from(state.0) << self.shift) + usize::from(self.classes[usize::from(byte)])])
    }

    /// Whether it is dead or a match.
    #[inline]
    pub(super) fn is_special(&self, state: State) -> bool {
        state.0 < self.matches
    }

    #[inline]
    pub(super) fn is_dead(&self, state: State) -> bool {
        state.0 == DEAD
    }

    /// Whether a match ended one byte before, as `regex_automata` reports them.
    #[inline]
    pub(super) fn is_match(&self, state: State) -> bool {
        !self.is_dead(state) && self.is_special(state)
    }

    /// Whether a match ends here if the text does.
    #[inline]
    pub(super) fn matches_at_end(&self, state: State) -> bool {
        self.ends[usize::from(state.0)]
    }

    /// The bytes of each class.
    pub(super) fn classes(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for byte in 0..=u8::MAX {
            let class = usize::from(self.classes[usize::from(byte)]);
            all.resize_with(all.len().max(class + 1), Vec::new);
            all[class].push(byte);
        }
        all
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.next) + size_of_val(&*self.ends) + size_of_val(&*self.classes)
    }
}

/// The class of each byte, and a byte of each class.
fn classes(dfa: &DFA<Vec<u32>>) -> (Box<[u8; 256]>, Vec<u8>) {
    let (mut classes, mut bytes) = (Box::new([0; 256]), Vec::new());
    // They are numbered in the order in which bytes first have them.
    for byte in 0..=u8::MAX {
        let class = dfa.byte_classes().get(byte);
        if usize::from(class) == bytes.len() {
            bytes.push(byte);
        }
        classes[usize::from(byte)] = class;
    }
    (classes, bytes)
}

/// The states that can be met at all, by their new numbers.
struct Met {
    order: Vec<StateID>,
    /// By the old number; 0 for what nothing can match behind.
    numbers: Vec<u16>,
    matches: u16,
}

impl Met {
    fn all(dfa: &DFA<Vec<u32>>, start: StateID, bytes: &[u8]) -> Result<Self, String> {
        let mut seen = Vec::new();
        let (mut matches, mut others, mut open) = (Vec::new(), Vec::new(), vec![start]);
        while let Some(state) = open.pop() {
            let old = state.as_usize() >> dfa.stride2();
            seen.resize(seen.len().max(old + 1), false);
            // A byte that an automaton gives up at is none that it matches.
            if std::mem::replace(&mut seen[old], true) || dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                continue;
            }
            if dfa.is_match_state(state) { &mut matches } else { &mut others }.push(state);
            open.extend(bytes.iter().map(|byte| dfa.next_state(state, *byte)));
        }
        let narrow = |count: usize| u16::try_from(count).map_err(|_| "has too many states".to_owned());
        let (ends, mut order) = (narrow(matches.len() + 1)?, vec![StateID::default()]);
        order.append(&mut matches);
        order.append(&mut others);
        narrow(order.len())?;
        let mut numbers = vec![DEAD; seen.len()];
        for (number, state) in order.iter().enumerate().skip(1) {
            numbers[state.as_usize() >> dfa.stride2()] = narrow(number)?;
        }
        Ok(Self { order, numbers, matches: ends })
    }

    fn number(&self, dfa: &DFA<Vec<u32>>, old: StateID) -> u16 {
        self.numbers.get(old.as_usize() >> dfa.stride2()).copied().unwrap_or(DEAD)
    }
}
