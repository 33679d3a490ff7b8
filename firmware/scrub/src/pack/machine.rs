//! Patterns as dense automata: anchored, linear, without state of their own, so that any number of threads run them.

use regex_automata::dfa::Automaton;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Largest automaton of one pattern. A pattern past it would need rewriting, not memory.
const MAX_BYTES: usize = 4 << 20;

/// A pattern that is matched forwards from a given place.
#[derive(Clone, Debug)]
pub(crate) struct Forward(DFA<Vec<u32>>);

/// A pattern that is matched backwards, to end at a given place.
#[derive(Clone, Debug)]
pub(crate) struct Backward(DFA<Vec<u32>>);

/// What a forward match came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// One past the last byte of the match, if there is one so far.
    pub(crate) end: Option<usize>,
    /// The bytes ran out while more of them could have changed the outcome.
    pub(crate) live: bool,
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
        build(pattern, alphabet, dense::Config::new().match_kind(MatchKind::LeftmostFirst), false).map(Self)
    }

    /// Runs from `at`, reading no byte past `limit`; `open` says whether `text` may go on after its end.
    pub(crate) fn run(&self, text: &[u8], at: usize, limit: usize, open: bool) -> Reach {
        let dfa = &self.0;
        let limit = limit.min(text.len());
        let Some(mut state) = start(dfa) else { return Reach { end: None, live: false } };
        let mut end = None;
        for (index, byte) in text[at..limit].iter().enumerate() {
            state = dfa.next_state(state, *byte);
            if dfa.is_special_state(state) {
                if dfa.is_match_state(state) {
                    end = Some(at + index);
                } else if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                    return Reach { end, live: false };
                }
            }
        }
        // Matches are reported one byte late.
        if dfa.is_match_state(dfa.next_eoi_state(state)) {
            end = Some(limit);
        }
        Reach { end, live: open && limit == text.len() }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.0.memory_usage()
    }
}

impl Backward {
    /// Compiles `pattern`; the error is a sentence for the author of the rule.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        build(pattern, Alphabet::Ascii, dense::Config::new().match_kind(MatchKind::All), true).map(Self)
    }

    /// The start of the longest match that ends at `at`, reading at most `max_len` bytes.
    pub(crate) fn run(&self, text: &[u8], at: usize, max_len: usize) -> Option<usize> {
        let dfa = &self.0;
        let floor = at.saturating_sub(max_len);
        let mut state = start(dfa)?;
        let mut found = None;
        for index in (floor..at).rev() {
            state = dfa.next_state(state, text[index]);
            if dfa.is_special_state(state) {
                if dfa.is_match_state(state) {
                    found = Some(index + 1);
                } else if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
                    return found;
                }
            }
        }
        if dfa.is_match_state(dfa.next_eoi_state(state)) { Some(floor) } else { found }
    }
}

fn start(dfa: &DFA<Vec<u32>>) -> Option<regex_automata::util::primitives::StateID> {
    dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()
}

fn build(pattern: &str, alphabet: Alphabet, config: dense::Config, reverse: bool) -> Result<DFA<Vec<u32>>, String> {
    let config = config
        .start_kind(regex_automata::dfa::StartKind::Anchored)
        .dfa_size_limit(Some(MAX_BYTES))
        .determinize_size_limit(Some(MAX_BYTES));
    dense::Builder::new()
        .configure(config)
        .syntax(syntax::Config::new().unicode(alphabet == Alphabet::Unicode).utf8(false).nest_limit(64))
        .thompson(thompson::Config::new().utf8(false).reverse(reverse).nfa_size_limit(Some(MAX_BYTES)))
        .build(pattern)
        .map_err(|error| sentence(&error))
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
    use super::{Alphabet, Backward, Forward, Reach};

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
        assert_eq!(run("ab", 64), Reach { end: None, live: true });
        assert_eq!(run("abb", 64), Reach { end: Some(3), live: true });
        assert_eq!(run("abbb!!", 64), Reach { end: Some(4), live: false });
        assert_eq!(run("abbb", 2), Reach { end: None, live: false });
    }

    #[test]
    fn backwards_takes_the_longest() {
        let machine = Backward::new("[a-z]{2,4}").unwrap();
        assert_eq!(machine.run(b"12abcdef@", 8, 64), Some(4));
        assert_eq!(machine.run(b"12abc@", 5, 64), Some(2));
        assert_eq!(machine.run(b"12a@", 3, 64), None);
        assert_eq!(machine.run(b"abc@", 3, 2), Some(1));
    }

    #[test]
    fn a_pattern_that_blows_up_is_refused() {
        let error = Forward::new("(?:a|b)*a(?:a|b){24}", Alphabet::Ascii).unwrap_err();
        assert!(error.contains("limit"), "{error}");
        let error = Forward::new("a(", Alphabet::Ascii).unwrap_err();
        assert!(error.contains("unclosed group"), "{error}");
    }
}
