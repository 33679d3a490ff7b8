//! An event with one of its texts and nothing else, so that the rest of a text can be said in an event of its own: who adds
//! up tool calls, counts or sequence numbers gets none of them twice.

use std::ops::Range;

use super::DEPTH_CAP;
use crate::json::{Token, Tokens};

/// Longest shell, in bytes before the text; real ones have a hundred.
const SHELL_CAP: usize = 1024;

/// Members that say which text it is.
const TELLING: [&[u8]; 7] = [
    b"\"type\"",
    b"\"index\"",
    b"\"output_index\"",
    b"\"content_index\"",
    b"\"summary_index\"",
    b"\"item_id\"",
    b"\"thought\"",
];

/// Members of the whole event that are the same in each of an answer, and that strict readers miss.
const TELLING_AT_TOP: [&[u8]; 5] = [b"\"object\"", b"\"model\"", b"\"id\"", b"\"created\"", b"\"done\""];

/// A container.
#[derive(Default)]
struct Level {
    is_object: bool,
    /// Its name in the container around it, quotes included; empty in an array.
    name: Range<usize>,
    /// The member whose value comes next.
    member: Range<usize>,
    /// The members that stay, each with a comma behind it.
    kept: Vec<u8>,
}

/// What stands around the text at `text`, which is one of [`super::read_event`]'s, in an event that says nothing else.
/// `None` where the event is broken off, or needs too many words to say where the text stands.
pub fn shell(json: &[u8], text: &Range<usize>) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut open: Vec<Level> = Vec::new();
    // The text's name, the containers around it that are closed, and how many are not.
    let (mut said, mut around, mut left) = (None, Vec::new(), 0);
    for token in Tokens::new(json) {
        match token {
            Token::Open { object, .. } => {
                if open.len() == DEPTH_CAP {
                    return None;
                }
                let name = open.last_mut().map(|level| std::mem::take(&mut level.member)).unwrap_or_default();
                open.push(Level { is_object: object, name, ..Level::default() });
            }
            Token::Close { .. } => {
                let level = open.pop()?;
                if open.len() < left {
                    left = open.len();
                    around.push(level);
                }
            }
            Token::Key(span) => open.last_mut()?.member = span,
            Token::Text(span) | Token::Bare(span) => {
                let (depth, is_call) = (open.len(), is_call(json, &open));
                let level = open.last_mut()?;
                let name = std::mem::take(&mut level.member);
                if span.start + 1 == text.start {
                    (said, left) = (Some(name), depth);
                } else if is_telling(&json[name.clone()], depth, is_call) {
                    if level.kept.len() + span.len() > SHELL_CAP {
                        return None;
                    }
                    push_name(&mut level.kept, json, name);
                    level.kept.extend_from_slice(&json[span]);
                    level.kept.push(b',');
                }
            }
        }
    }
    let said = said.filter(|_| left == 0)?;
    let mut before = Vec::new();
    for level in around.iter().rev() {
        push_name(&mut before, json, level.name.clone());
        before.push(if level.is_object { b'{' } else { b'[' });
        before.extend_from_slice(&level.kept);
    }
    push_name(&mut before, json, said);
    before.push(b'"');
    let mut after = vec![b'"'];
    after.extend(around.iter().map(|level| if level.is_object { b'}' } else { b']' }));
    (before.len() <= SHELL_CAP).then_some((before, after))
}

/// The elements of an array have no names.
fn push_name(out: &mut Vec<u8>, json: &[u8], name: Range<usize>) {
    if !name.is_empty() {
        out.extend_from_slice(&json[name]);
        out.push(b':');
    }
}

/// Whether the innermost container is a tool call, whose type is said once.
fn is_call(json: &[u8], open: &[Level]) -> bool {
    let around = open.len().checked_sub(2).map(|at| &open[at]);
    around.is_some_and(|level| &json[level.name.clone()] == b"\"tool_calls\"")
}

fn is_telling(name: &[u8], depth: usize, is_call: bool) -> bool {
    (TELLING.contains(&name) && !(is_call && name == TELLING[0])) || (depth == 1 && TELLING_AT_TOP.contains(&name))
}
