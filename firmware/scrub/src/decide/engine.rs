//! One pass over one text: anchors and digits first, then the rules that they call for.

use std::ops::Range;

use gate_core::Why;

use super::assigned::{is_assigned, names_credential};
use super::attack::{self, Cue, Meaning, Text};
use super::dump::is_in_dump;
use super::table::{self, Heading, Tables};
use super::unmarked::{Run, UNMET, base58_runs, phrases};
use super::value::{Letters, classes, entropy, is_placeholder};
use super::{Grounds, Work};
use crate::lanes::Marks;
use crate::pack::{Approach, Forward, MAX_ANCHOR, MAX_REACH, Pack, Rule, Trails};
use crate::parse::{Shadow, touches};

/// What may still follow a keyword on its line where the value stands on the next: ` number`, ` no.:`, a line's end.
const LABEL_REST: usize = 12;

/// Bytes before and after a value in which words of context count.
const CONTEXT: (usize, usize) = (72, 40);

/// Bytes before a place that may have a part in judging what starts there: an anchor or a lead, and what stands
/// before that.
pub(crate) const LOOKBEHIND: usize = 512;
const _: () = assert!(LOOKBEHIND >= 2 * MAX_REACH + 8 && LOOKBEHIND >= CONTEXT.0 + MAX_REACH);
const _: () = assert!(LOOKBEHIND >= attack::REACH + MAX_ANCHOR);

/// Bytes after a place that may have a part in judging what starts there: an anchor of which only a part is seen, with
/// a value or an attacking sentence that begins before it, and words of context.
pub(crate) const LOOKAHEAD: usize = attack::BACK + MAX_ANCHOR + 16;
const _: () = assert!(LOOKAHEAD >= CONTEXT.1 + 16 && LOOKAHEAD >= MAX_REACH + MAX_ANCHOR + 16);
const _: () = assert!(LOOKAHEAD >= UNMET + 16);

/// Bytes of a long value by which it is judged.
const HEAD: usize = 640;

/// Bytes before and after a value in which something unfolded may have a part in judging it.
const NEAR: (usize, usize) = (MAX_REACH + 8, 48);

/// How much a confirming word nearby adds to a rule's confidence.
const CONTEXT_BONUS: u8 = 10;

/// Steps of trying one rule at one place, apart from the bytes that it reads.
const ATTEMPT_COST: usize = 4;
/// Steps of an automaton's byte: its next state depends on the one before, and large automata lie in slower memory.
const READ_COST: usize = 2;
/// Steps of reading what a value is assigned to, and of handling a value that is found.
const ASSIGNED_COST: usize = 2000;
const CANDIDATE_COST: usize = 128;
/// Steps of seeing which words may stand near a value, and of looking for one of them.
const CONTEXT_COST: usize = 48;
const WORD_COST: usize = 24;
/// Steps of reading what stands around a keyword that may name a column.
const HEADING_COST: usize = 256;

/// A match of a rule that passed its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) rule: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) confidence: u8,
    pub(crate) why: Grounds,
    /// Whether the whole value is on the list of public ones.
    pub(crate) public: bool,
}

/// What one pass found.
#[derive(Debug)]
pub(crate) struct Sweep {
    pub(crate) candidates: Vec<Candidate>,
    /// From here on more bytes may change the outcome; the text's length when it is complete.
    pub(crate) live_from: usize,
    /// Places of the body that are read as one, never in parts.
    pub(crate) whole: Vec<Range<usize>>,
}

/// Runs the rules of a pack over one text.
pub(crate) struct Engine<'a> {
    pack: &'a Pack,
    shadow: &'a Shadow,
    text: &'a [u8],
    marks: &'a Marks,
    /// The parts that nobody has read before, of an unfolded text.
    fresh: Option<&'a [Range<usize>]>,
    /// The leaf that was asked for last.
    leaf: Range<usize>,
    /// The last value that went on `until` something: what begins in it is a part of it.
    covered: Range<usize>,
    /// Whether the text may go on.
    open: bool,
    work: Work,
    /// Literals that make the attack model look.
    cues: Vec<Cue>,
    /// Keywords that may name a column.
    headings: Vec<Heading>,
    /// What automata have read.
    trails: Trails,
    sweep: Sweep,
}

impl<'a> Engine<'a> {
    /// Finds all candidates in the text of `shadow`, which is complete unless `open` and whose origin begins at `base`
    /// of the body; of attacks, only those near what is `fresh` of an unfolded text. They are not all when `work` is spent.
    pub(crate) fn sweep(
        pack: &'a Pack,
        (shadow, marks): (&'a Shadow, &'a Marks),
        fresh: Option<&'a [Range<usize>]>,
        base: usize,
        open: bool,
        work: &mut Work,
    ) -> Sweep {
        let text = shadow.text.as_slice();
        let live_from = if open { text.len().saturating_sub(LOOKAHEAD) } else { text.len() };
        let mut engine = Self {
            pack,
            shadow,
            text,
            marks,
            fresh,
            leaf: 0..0,
            covered: 0..0,
            open,
            work: *work,
            cues: Vec::new(),
            headings: Vec::new(),
            trails: Trails::default(),
            sweep: Sweep { candidates: Vec::new(), live_from, whole: Vec::new() },
        };
        engine.anchors();
        engine.tables(base == 0);
        engine.digits();
        engine.unmarked();
        engine.attacks(base);
        *work = engine.work;
        engine.sweep
    }

    fn anchors(&mut self) {
        let (pack, text, marks) = (self.pack, self.text, self.marks);
        pack.anchors().find(text, marks, |literal, start| {
            for index in literal.rules() {
                self.attempt(*index, pack.rule(*index), start..start + literal.len(), literal.meaning());
            }
        });
    }

    /// Tries the cells below each heading. `first` says whether nothing precedes the text.
    fn tables(&mut self, first: bool) {
        let mut last = Tables::default();
        for Heading { rule: index, anchor } in std::mem::take(&mut self.headings) {
            let rule = self.pack.rule(index);
            let column = table::column(self.text, &anchor, first, &mut last);
            self.work.spend(HEADING_COST + column.read);
            self.keep_alive(self.open && column.open, anchor.start);
            if rule.assigned && !names_credential(&self.text[column.heading.clone()]) {
                continue;
            }
            for cell in column.cells {
                self.work.spend(ATTEMPT_COST + cell.len());
                if self.work.is_spent() {
                    return;
                }
                self.value(index, rule, anchor.start, cell.start, cell.start);
            }
        }
    }

    /// Lets the model look at what its cues stand in.
    fn attacks(&mut self, base: usize) {
        let Some((rule, model)) = self.pack.attack_model().filter(|_| !self.cues.is_empty()) else { return };
        let mut cues = std::mem::take(&mut self.cues);
        cues.sort_unstable_by_key(|cue| (cue.start, cue.end));
        for cue in &cues {
            let reach = cue.start + attack::AHEAD >= self.text.len();
            self.keep_alive(self.open && reach, cue.start.saturating_sub(attack::BACK));
        }
        let text = Text { bytes: self.text, shadow: self.shadow, base, fresh: self.fresh };
        model.judge(rule, &text, &cues, &mut self.work, &mut self.sweep.candidates);
    }

    fn digits(&mut self) {
        let (pack, text, marks) = (self.pack, self.text, self.marks);
        marks.numbers(|at| {
            // The digits behind a decimal point belong to the number before it, which has had its turn.
            let fraction = at.checked_sub(2).is_some_and(|two| text[two].is_ascii_digit() && text[two + 1] == b'.');
            if !fraction {
                for index in pack.digit_rules().at(text, at, self.open) {
                    self.attempt(*index, pack.rule(*index), at..at, None);
                }
            }
        });
    }

    /// Tries the rules for values that no literal marks, on whole runs.
    fn unmarked(&mut self) {
        let (pack, marks) = (self.pack, self.marks);
        if !pack.word_rules().is_empty() {
            phrases(self.text, marks).for_each(|run| self.run(pack.word_rules(), &run));
        }
        if !pack.base58_rules().is_empty() {
            base58_runs(self.text, marks).for_each(|run| self.run(pack.base58_rules(), &run));
        }
    }

    fn run(&mut self, rules: &[usize], run: &Run) {
        let (start, end) = (run.range.start, run.range.end);
        self.keep_alive(self.open && run.grows, start);
        for index in rules {
            let rule = self.pack.rule(*index);
            let reach = rule.pattern.run(self.text, start, end.min(start + rule.max_len), false);
            self.work.spend(READ_COST * reach.read);
            if self.work.is_spent() || reach.end != Some(end) {
                continue;
            }
            if let Some(grounds) = self.judge(rule, start, end) {
                self.found(*index, start, end, grounds);
            }
        }
    }

    fn found(&mut self, rule: usize, start: usize, end: usize, (confidence, why): (u8, Grounds)) {
        self.work.spend(CANDIDATE_COST);
        let public = self.pack.allows(&self.text[start..end]);
        self.sweep.candidates.push(Candidate { rule, start, end, confidence, why, public });
    }

    /// Matches forwards from `at`, reading no byte past `limit`; what may still grow is kept alive from `origin` on.
    fn forward(&mut self, machine: (&Forward, usize), at: usize, limit: usize, origin: usize) -> Option<usize> {
        let (machine, number) = machine;
        let reach = machine.run_on((&mut self.trails, number), self.text, at, limit, self.open);
        self.work.spend(READ_COST * reach.read);
        self.keep_alive(reach.live, origin);
        reach.end
    }

    /// Tries one rule where its anchor stands, which may mean something to the attack model.
    fn attempt(&mut self, index: usize, rule: &Rule, anchor: Range<usize>, meaning: Option<Meaning>) {
        self.work.spend(ATTEMPT_COST);
        if self.work.is_spent() {
            return;
        }
        match &rule.approach {
            Approach::Here => {
                self.value(index, rule, anchor.start, anchor.start, anchor.start);
            }
            Approach::Before(before) => {
                let (start, read) = before.run(self.text, anchor.start, MAX_REACH);
                self.work.spend(READ_COST * read);
                if let Some(start) = start {
                    self.value(index, rule, start, start, anchor.start);
                }
            }
            Approach::Lead(lead) => {
                self.heading(index, rule, &anchor);
                let lead = (lead, lead_of(index));
                if let Some(end) = self.forward(lead, anchor.start, anchor.start + MAX_REACH, anchor.start) {
                    self.value(index, rule, anchor.start, end, end);
                }
            }
            Approach::Within(within) => self.within(index, rule, anchor, *within),
            Approach::Model => self.cues.extend(meaning.and_then(|meaning| meaning.cue(self.text, anchor))),
        }
    }

    /// Tries the words that follow a keyword on its line.
    fn within(&mut self, index: usize, rule: &Rule, mut anchor: Range<usize>, within: usize) {
        // Signs and digits at its end only say what may follow the keyword.
        let letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        let last = self.text[anchor.clone()].iter().rposition(letter);
        anchor.end = last.map_or(anchor.end, |last| anchor.start + last + 1);
        if !self.is_keyword(&anchor, rule.assigned) {
            return;
        }
        self.heading(index, rule, &anchor);
        let end = (anchor.end + within).min(self.text.len());
        self.keep_alive(self.open && end == self.text.len(), anchor.start);
        self.work.spend(end - anchor.end);
        let mut seen_word = false;
        for at in anchor.end..end {
            let (byte, previous) = (self.text[at], self.text[at - 1]);
            if byte == b'\n' && seen_word && !rule.assigned && at - anchor.end > LABEL_REST {
                return;
            }
            let first = byte.is_ascii_alphanumeric() || (rule.assigned && b"_-+/".contains(&byte));
            let starts = first && !previous.is_ascii_alphanumeric();
            if starts && self.is_led(index, rule, &anchor, at) && self.value(index, rule, anchor.start, at, at) {
                return;
            }
            seen_word |= byte.is_ascii_alphanumeric();
        }
    }

    /// Notes a keyword that may name a column.
    fn heading(&mut self, index: usize, rule: &Rule, anchor: &Range<usize>) {
        if rule.heads_columns {
            self.headings.push(Heading { rule: index, anchor: anchor.clone() });
        }
    }

    /// Whether a value may stand at `at` by what leads to it. Its pattern, which most words fail at once, comes first.
    fn is_led(&mut self, index: usize, rule: &Rule, anchor: &Range<usize>, at: usize) -> bool {
        if !rule.assigned {
            return true;
        }
        let pattern = (&rule.pattern, pattern_of(index));
        let end = self.forward(pattern, at, at + rule.max_len, anchor.start);
        if end.is_some() {
            self.work.spend(ASSIGNED_COST);
        }
        end.is_some() && is_assigned(self.text, anchor, at)
    }

    /// Whether an anchor stands as a word of its own. An assignment proves more than that, and then it may be a part of
    /// a name such as `acmeApiKey`.
    fn is_keyword(&self, anchor: &Range<usize>, assigned: bool) -> bool {
        let letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        let before = anchor.start.checked_sub(1).and_then(|before| self.text.get(before));
        let after = self.text.get(anchor.end);
        // `patientSsn`, `ssnNumber`: a capital begins a word of a name in camel case.
        let hump = |left: Option<&u8>, right: Option<&u8>| {
            left.is_some_and(u8::is_ascii_lowercase) && right.is_some_and(u8::is_ascii_uppercase)
        };
        let (first, last) = (self.text.get(anchor.start), self.text.get(anchor.end - 1));
        (!letter(before) || hump(before, first)) && (assigned || !letter(after) || hump(last, after))
    }

    /// Judges the value that starts at `start` and whose pattern is matched from `from` on; `origin` is the first byte
    /// that had a part in finding it.
    fn value(&mut self, index: usize, rule: &Rule, origin: usize, start: usize, from: usize) -> bool {
        let before = origin.checked_sub(1).and_then(|before| self.text.get(before));
        if rule.not_before.has(before) {
            return false;
        }
        let pattern = (&rule.pattern, pattern_of(index));
        let end = self.forward(pattern, from, from + rule.max_len, origin);
        let Some(end) = end.filter(|end| *end > start) else { return false };
        if let Some(until) = &rule.until {
            return self.long_value(index, rule, until, start, end);
        }
        if let Some(tail) = &rule.tail
            && self.forward((tail, tail_of(index)), end, end + MAX_REACH, origin).is_none()
        {
            return false;
        }
        let mut end = end;
        loop {
            if let Some(grounds) = self.judge(rule, start, end) {
                self.found(index, start, end, grounds);
                return true;
            }
            let shorter = || self.text[start..end].iter().rposition(|byte| matches!(byte, b' ' | b'-'));
            match if rule.shrink { shorter().filter(|len| *len > 0) } else { None } {
                Some(len) => end = start + len,
                None => return false,
            }
        }
    }

    /// Judges a value by its head, and takes all that follows up to its end mark, or to the end of its leaf.
    fn long_value(&mut self, index: usize, rule: &Rule, until: &Forward, start: usize, end: usize) -> bool {
        if self.covered.contains(&start) {
            return false;
        }
        let leaf_end = self.leaf_end(start);
        let head_end = end.max(leaf_end.min(start + HEAD));
        self.keep_alive(self.open && head_end == self.text.len(), start);
        let Some(grounds) = self.judge(rule, start, head_end) else { return false };
        // The end mark may be what the pattern ended with.
        let reach = until.run(self.text, start, leaf_end, self.open);
        self.work.spend(READ_COST * reach.read);
        self.keep_alive(reach.end.is_none() && reach.live, start);
        let end = reach.end.unwrap_or(leaf_end).max(end);
        self.covered = start..end;
        self.found(index, start, end, grounds);
        true
    }

    /// The end of the string or text that `at` lies in.
    fn leaf_end(&mut self, at: usize) -> usize {
        if !self.leaf.contains(&at) {
            self.leaf = at..self.shadow.map.stretch_end(at);
        }
        self.leaf.end
    }

    /// The confidence of a value and what it rests on, if it passes everything that the rule asks for.
    fn judge(&mut self, rule: &Rule, start: usize, end: usize) -> Option<(u8, Grounds)> {
        self.work.spend(rule.judge_cost + rule.byte_cost * (end - start));
        let value = &self.text[start..end];
        if rule.not_after.has(self.text.get(end))
            || (rule.isolated && !is_isolated(self.text, start, end, rule.is_labelled()))
        {
            return None;
        }
        // What costs least, or stops most, comes first.
        let stopped = (rule.min_classes > 0 && classes(value) < rule.min_classes)
            || !rule.checks.iter().all(|check| check.passes(value))
            || (rule.min_entropy > 0.0 && entropy(value) < rule.min_entropy)
            || self.is_stopped(rule, value)
            || (rule.no_placeholders && is_placeholder(value));
        if stopped {
            return None;
        }
        let confirmed = self.is_confirmed(rule, start, end);
        match (confirmed, rule.context_required) {
            (false, true) => None,
            (false, false) => Some((rule.confidence, rule.grounds)),
            (true, _) => Some(((rule.confidence + CONTEXT_BONUS).min(100), rule.grounds.with(Why::Context, true))),
        }
    }

    /// Whether a value has a word of what the rule does not mean.
    fn is_stopped(&mut self, rule: &Rule, value: &[u8]) -> bool {
        let letters = if rule.stop.is_empty() { Letters::default() } else { Letters::of(value) };
        let mut asked = 0;
        let stopped = rule.stop.iter().filter(|word| word.may_be_of(letters)).any(|word| {
            asked += 1;
            word.is_in(value)
        });
        self.work.spend(WORD_COST * asked);
        stopped
    }

    /// Whether a word of the rule's context stands near a value.
    fn is_confirmed(&mut self, rule: &Rule, start: usize, end: usize) -> bool {
        if rule.context.is_empty() {
            return false;
        }
        let around = [start.saturating_sub(CONTEXT.0)..start, end..(end + CONTEXT.1).min(self.text.len())];
        let mut begun = Letters::default();
        for part in &around {
            // What the part begins with may be the rest of a word, which is taken for one.
            begun.add(Letters::of(&self.text[part.start..part.end.min(part.start + 1)]));
            self.marks.words_in(part.clone(), |at| begun.add(Letters::of(&self.text[at..=at])));
        }
        let (text, mut asked) = (self.text, 0);
        let confirmed = rule.context.iter().filter(|word| word.may_begin(begun)).any(|word| {
            asked += 1;
            around.iter().any(|part| word.stands_in(&text[part.clone()]))
        });
        self.work.spend(CONTEXT_COST + WORD_COST * asked);
        confirmed
    }

    fn keep_alive(&mut self, live: bool, origin: usize) {
        if live {
            self.sweep.live_from = self.sweep.live_from.min(origin);
        }
    }
}

/// Whether what stands in `range` of an unfolded text, of which these parts are fresh, has not been judged before.
pub(crate) fn is_near(fresh: &[Range<usize>], range: &Range<usize>) -> bool {
    touches(fresh, &(range.start.saturating_sub(NEAR.0)..range.end + NEAR.1))
}

/// The numbers of the automata of a rule.
fn lead_of(rule: usize) -> usize {
    3 * rule
}
fn pattern_of(rule: usize) -> usize {
    3 * rule + 1
}
fn tail_of(rule: usize) -> usize {
    3 * rule + 2
}

/// Digits that a comma next to them cannot make thousands of: those of a card, say, in a row of comma-separated values.
const LONG_NUMBER: usize = 12;
/// The same behind a keyword or below one.
const LABELLED_NUMBER: usize = 8;

/// Whether the value is no part of a longer number, date, version, path or identifier. A label may end with `#`.
fn is_isolated(text: &[u8], start: usize, end: usize, labelled: bool) -> bool {
    let value = &text[start..end];
    let printed = value.iter().any(|byte| matches!(byte, b' ' | b'-'));
    let in_row = printed || value.len() >= if labelled { LABELLED_NUMBER } else { LONG_NUMBER };
    let at = |index: Option<usize>| index.and_then(|index| text.get(index)).copied().unwrap_or(b' ');
    let (near, far) = (at(start.checked_sub(1)), at(start.checked_sub(2)));
    let joined_before = match near {
        b'-' | b'_' | b'/' | b'.' => far.is_ascii_alphanumeric(),
        b',' if in_row => false,
        b',' | b':' | b'+' => far.is_ascii_digit(),
        b'#' => !labelled,
        b'$' | b'@' => true,
        _ => false,
    };
    let (near, far) = (at(Some(end)), at(Some(end + 1)));
    let joined_after = match near {
        b'-' | b'_' | b'/' => far.is_ascii_alphanumeric(),
        b',' if in_row => false,
        b'.' | b',' | b':' => far.is_ascii_digit(),
        b'%' | b'@' => true,
        _ => false,
    };
    !joined_before && !joined_after && (labelled || !is_in_dump(text, start, end))
}
