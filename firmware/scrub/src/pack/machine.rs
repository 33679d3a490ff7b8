//! Patterns as dense automata: anchored, linear, without state of their own, so that any number of threads run them.

mod table;
mod trails;

use regex_automata::MatchKind;
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use self::table::{State, Table};
pub(crate) use self::trails::Trails;

/// Largest automaton of one pattern while it is made. A pattern past it would need rewriting, not memory.
const MAX_BYTES: usize = 4 << 20;

/// A pattern that is matched forwards from a given place.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    table: Table,
}

/// A pattern that is matched backwards, to end at a given place.
#[derive(Clone, Debug)]
pub(crate) struct Backward {
    table: Table,
}

/// What a forward match came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// One past the last byte of the match, if there is one so far.
    pub(crate) end: Option<usize>,
    /// The bytes ran out while more of them could have changed the outcome.
    pub(crate) live: bool,
    /// How many bytes were read.
    pub(crate) read: usize,
}

/// A forward match that is not at its end.
#[derive(Clone, Copy, Debug)]
struct Run {
    state: State,
    /// The next byte to be read.
    at: usize,
    /// One past the last byte of the last match that was reported, which is one byte late.
    end: Option<usize>,
    /// Whether nothing more can match.
    over: bool,
}

/// Whether a pattern speaks of bytes or of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Classes and case are ASCII; what is beyond stands for its bytes.
    Ascii,
    /// Case folds as Unicode says, for words that people write.
    Unicode,
}

impl Forward {
    /// Compiles `pattern`; the error is a sentence for the author of the rule.
    pub(crate) fn new(pattern: &str, alphabet: Alphabet) -> Result<Self, String> {
        let config = dense::Config::new().match_kind(MatchKind::LeftmostFirst);
        build(pattern, alphabet, config, false).map(|table| Self { table })
    }

    /// Runs from `at`, reading no byte past `limit`; `open` says whether `text` may go on after its end.
    pub(crate) fn run(&self, text: &[u8], at: usize, limit: usize, open: bool) -> Reach {
        let limit = limit.min(text.len());
        let mut run = Run { state: self.table.start(), at, end: None, over: false };
        let read = self.follow(&mut run, text, limit);
        // Matches are reported one byte late.
        if !run.over && self.table.matches_at_end(run.state) {
            run.end = Some(limit);
        }
        Reach { end: run.end, live: !run.over && open && limit == text.len(), read }
    }

    /// Goes on with a run up to the byte at `stop`, and says how many were read.
    #[inline]
    fn follow(&self, run: &mut Run, text: &[u8], stop: usize) -> usize {
        let (table, begin) = (&self.table, run.at);
        let (mut state, mut end) = (run.state, run.end);
        for (index, byte) in text[begin..stop].iter().enumerate() {
            state = table.next(state, *byte);
            if table.is_special(state) {
                if table.is_dead(state) {
                    *run = Run { state, at: begin + index + 1, end, over: true };
                    return index + 1;
                }
                end = Some(begin + index);
            }
        }
        *run = Run { state, at: stop, end, over: false };
        stop - begin
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.table.memory()
    }

    /// All ways that a match can begin.
    pub(super) fn walk(&self) -> Walk<'_> {
        Walk { table: &self.table, states: vec![self.table.start()], matched: false }
    }
}

/// Where an automaton may be after some bytes, for proofs about a pattern while a pack is built.
#[derive(Clone, Debug)]
pub(super) struct Walk<'a> {
    table: &'a Table,
    states: Vec<State>,
    matched: bool,
}

impl Walk<'_> {
    /// After one more byte, in either case if `any_case`.
    #[must_use]
    pub(super) fn step(&self, byte: u8, any_case: bool) -> Self {
        let other = if any_case { byte ^ (u8::from(byte.is_ascii_alphabetic()) << 5) } else { byte };
        self.step_any(&[byte, other])
    }

    /// After one more byte, which is any of `bytes`.
    #[must_use]
    pub(super) fn step_any(&self, bytes: &[u8]) -> Self {
        let next = |state: &State| bytes.iter().map(|byte| self.table.next(*state, *byte)).collect::<Vec<_>>();
        let mut states: Vec<State> = self.states.iter().flat_map(next).collect();
        states.sort_unstable();
        states.dedup();
        states.retain(|state| !self.table.is_dead(*state));
        let matched = states.iter().any(|state| self.table.is_match(*state));
        Self { table: self.table, states, matched }
    }

    /// After all of `text`.
    #[must_use]
    pub(super) fn along(self, text: &[u8], any_case: bool) -> Self {
        text.iter().fold(self, |walk, byte| walk.step(*byte, any_case))
    }

    /// Whether nothing matches that begins like this.
    pub(super) fn is_dead(&self) -> bool {
        self.states.is_empty()
    }

    /// Whether some match ends before the last byte.
    pub(super) fn has_matched(&self) -> bool {
        self.matched
    }

    /// One byte of each class that the automaton tells apart, with all bytes of that class.
    pub(super) fn classes(&self) -> Vec<Vec<u8>> {
        self.table.classes()
    }
}

/// What one byte backwards comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A match may contain the byte.
    Longer,
    /// Only the empty text before it matches.
    Empty,
    /// Nothing matches.
    Dead,
}

impl Backward {
    /// Compiles `pattern`; the error is a sentence for the author of the rule.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        let config = dense::Config::new().match_kind(MatchKind::All);
        build(pattern, Alphabet::Ascii, config, true).map(|table| Self { table })
    }

    /// What a match can be behind `byte`, or behind nothing at all.
    pub(super) fn first_step(&self, byte: Option<u8>) -> Step {
        let (table, start) = (&self.table, self.table.start());
        let Some(byte) = byte else {
            let empty = table.matches_at_end(start);
            return if empty { Step::Empty } else { Step::Dead };
        };
        let state = table.next(start, byte);
        // Matches are reported one byte late: whatever is not dead after two bytes has room for the first.
        let longer =
            table.matches_at_end(state) || (0..=u8::MAX).any(|second| !table.is_dead(table.next(state, second)));
        match (longer, table.is_match(state)) {
            (true, _) => Step::Longer,
            (false, true) => Step::Empty,
            (false, false) => Step::Dead,
        }
    }

    /// The start of the longest match that ends at `at`, reading at most `max_len` bytes, and how many were read.
    pub(crate) fn run(&self, text: &[u8], at: usize, max_len: usize) -> (Option<usize>, usize) {
        let table = &self.table;
        let floor = at.saturating_sub(max_len);
        let mut state = table.start();
        let mut found = None;
        for index in (floor..at).rev() {
            state = table.next(state, text[index]);
            if table.is_special(state) {
                if table.is_dead(state) {
                    return (found, at - index);
                }
                found = Some(index + 1);
            }
        }
        let whole = table.matches_at_end(state).then_some(floor);
        (whole.or(found), at - floor)
    }
}

/// The automaton of a pattern.
fn build(pattern: &str, alphabet: Alphabet, config: dense::Config, reverse: bool) -> Result<Table, String> {
    let config = config
        .start_kind(regex_automata::dfa::StartKind::Anchored)
        // Every byte is read one by one here: what skips ahead would only make more states special.
        .accelerate(false)
        .dfa_size_limit(Some(MAX_BYTES))
        .determinize_size_limit(Some(MAX_BYTES));
    let dfa = dense::Builder::new()
        .configure(config)
        .syntax(syntax::Config::new().unicode(alphabet == Alphabet::Unicode).utf8(false).nest_limit(64))
        .thompson(thompson::Config::new().utf8(false).reverse(reverse).nfa_size_limit(Some(MAX_BYTES)))
        .build(pattern)
        .map_err(|error| sentence(&error))?;
    Table::of(&dfa)
}

/// The error with its causes on one line.
fn sentence(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Alphabet, Backward, Forward, Reach, Step};

    #[test]
    fn a_match_is_as_long_as_the_pattern_prefers() {
        let machine = Forward::new("ab+(?:cd)?", Alphabet::Ascii).unwrap();
        let run = |text: &str| machine.run(text.as_bytes(), 0, 64, false).end;
        assert_eq!((run("abbcd!"), run("abbc"), run("abbbb"), run("xab")), (Some(5), Some(3), Some(5), None));
    }

    #[test]
    fn an_open_text_keeps_alive_what_may_still_grow() {
        let machine = Forward::new("ab{2,3}", Alphabet::Ascii).unwrap();
        let run = |text: &str, limit| machine.run(text.as_bytes(), 0, limit, true);
        assert_eq!(run("ab", 64), Reach { end: None, live: true, read: 2 });
        assert_eq!(run("abb", 64), Reach { end: Some(3), live: true, read: 3 });
        assert_eq!(run("abbb!!", 64), Reach { end: Some(4), live: false, read: 6 });
        assert_eq!(run("abbb", 2), Reach { end: None, live: false, read: 2 });
    }

    #[test]
    fn backwards_takes_the_longest() {
        let machine = Backward::new("[a-z]{2,4}").unwrap();
        assert_eq!(machine.run(b"12abcdef@", 8, 64), (Some(4), 6));
        assert_eq!(machine.run(b"12abc@", 5, 64), (Some(2), 5));
        assert_eq!(machine.run(b"12a@", 3, 64), (None, 2));
        assert_eq!(machine.run(b"abc@", 3, 2), (Some(1), 2));
    }

    #[test]
    fn one_byte_backwards_tells_what_can_match() {
        let step = |pattern: &str, byte: u8| Backward::new(pattern).unwrap().first_step(Some(byte));
        assert_eq!((step("[A-Z]{2}", b'X'), step("[A-Z]{2}", b'1')), (Step::Longer, Step::Dead));
        assert_eq!((step(r"\(?", b'('), step(r"\(?", b'x')), (Step::Longer, Step::Empty));
        let at_start = |pattern: &str| Backward::new(pattern).unwrap().first_step(None);
        assert_eq!((at_start(r"\(?"), at_start(r"\+")), (Step::Empty, Step::Dead));
    }

    #[test]
    fn a_pattern_that_blows_up_is_refused() {
        let error = Forward::new("(?:a|b)*a(?:a|b){24}", Alphabet::Ascii).unwrap_err();
        assert!(error.contains("limit"), "{error}");
        let error = Forward::new("a(", Alphabet::Ascii).unwrap_err();
        assert!(error.contains("unclosed group"), "{error}");
    }
}
