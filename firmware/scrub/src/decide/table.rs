//! Tables: the name of a column stands far from what is in it.
//!
//! ```text
//!   name,tax id,city            | SSN | note |          INSERT INTO p (id, "SSN")
//!   Ann,84370231654,Graz        |-----|------|          VALUES (7, '219-09-1834'),
//!   Bo,42175406836,Linz         | 219-09-1834 | x |            (8, '457-55-5462');
//! ```
//!
//! A keyword in a table's first line is a heading: it counts for each cell below it. A line belongs to one table only, so
//! that all tables of a text together are read once for each heading.

use std::ops::Range;

use memchr::memmem::{find, rfind};
use memchr::{memchr, memchr2, memchr3_iter, memrchr, memrchr2};

/// Bytes of a table, from its first line on, in which its headings count.
const REACH: usize = 32 << 10;

/// Bytes before a heading in which its line must begin.
const LINE_BACK: usize = 280;

/// Bytes of the line before that are looked at.
const PREVIOUS: usize = 200;

/// Bytes before a heading that have a part in what stands below it; less than what a stream keeps.
const BACK: usize = LINE_BACK + PREVIOUS;

/// Bytes of a heading beside its keyword: `Tax id (if any)`.
const HEADING_REST: usize = 24;

/// Longest line of a table, so that a text of one line costs no more than others.
const MAX_LINE: usize = 2 << 10;

/// Longest part of a cell that is looked at.
const MAX_CELL: usize = 96;

/// Between the list of columns and the first row of an SQL statement.
const VALUES: &[u8] = b"values";

/// A keyword that may be a heading.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    pub(super) rule: usize,
    pub(super) anchor: Range<usize>,
}

/// What stands below a heading.
#[derive(Debug, Default)]
pub(super) struct Column {
    /// Its name.
    pub(super) heading: Range<usize>,
    pub(super) cells: Vec<Range<usize>>,
    /// Whether the text ends in what is or may become a table.
    pub(super) open: bool,
    /// Bytes that were read.
    pub(super) read: usize,
}

/// The rows of a table, read once for all of its headings.
#[derive(Debug)]
pub(super) struct Table {
    /// Where its first line begins.
    start: usize,
    heads: Vec<Range<usize>>,
    /// All cells, row by row.
    cells: Vec<Range<usize>>,
    open: bool,
    read: usize,
}

/// The tables that were read last: of lines, and of a statement.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// The line that was looked at last.
    head: Option<Head>,
    lines: Option<Table>,
    statement: Option<Table>,
}

/// A line that may be the first of a table.
#[derive(Clone, Debug)]
struct Head {
    start: usize,
    /// Its bytes and where the next one begins, if it ends.
    line: Option<(Range<usize>, usize)>,
    joint: Option<Joint>,
}

/// How the cells of a line are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    Byte(u8),
    /// Two spaces or more.
    Gap,
}

/// The cells below a heading; none if the keyword is no heading. `first` says whether nothing precedes the text.
pub(super) fn column(text: &[u8], anchor: &Range<usize>, first: bool, last: &mut Tables) -> Column {
    if anchor.start < BACK && !first {
        return Column::default();
    }
    let from = anchor.start.saturating_sub(LINE_BACK);
    let line = memrchr(b'\n', &text[from..anchor.start]).map(|at| from + at + 1).or((from == 0).then_some(0));
    let lines = line.map(|start| last.below_line(text, anchor, start)).unwrap_or_default();
    if !lines.cells.is_empty() {
        return lines;
    }
    let from = anchor.start.saturating_sub(BACK);
    let paren = memrchr2(b'(', b')', &text[from..anchor.start]).map(|at| from + at).filter(|at| text[*at] == b'(');
    let inside =
        paren.map(|open| below(anchor, open, &mut last.statement, || statement(text, open))).unwrap_or_default();
    Column { open: lines.open || inside.open, read: lines.read + inside.read, ..inside }
}

/// The cells below a heading of the table that begins at `start`, which is read unless it was the last one.
fn below(anchor: &Range<usize>, start: usize, last: &mut Option<Table>, read: impl FnOnce() -> Table) -> Column {
    let known = last.as_ref().is_some_and(|table| table.start == start);
    let table = if known { last.as_ref() } else { None };
    let table = match table {
        Some(table) => table,
        None => last.insert(read()),
    };
    let column = Column { open: table.open, read: if known { 0 } else { table.read }, ..Column::default() };
    let Some(at) = table.heads.iter().position(|cell| cell.start <= anchor.start && anchor.end <= cell.end) else {
        return column;
    };
    let heading = table.heads[at].clone();
    let cells = table.cells.iter().skip(at).step_by(table.heads.len());
    let cells = if heading.len() <= anchor.len() + HEADING_REST { cells.cloned().collect() } else { Vec::new() };
    Column { heading, cells, ..column }
}

impl Tables {
    /// The cells below a heading of the table whose first line begins at `start`.
    fn below_line(&mut self, text: &[u8], anchor: &Range<usize>, start: usize) -> Column {
        let known = self.head.take().filter(|head| head.start == start);
        let read = if known.is_some() { 0 } else { MAX_LINE };
        let head = self.head.insert(known.unwrap_or_else(|| Head::at(text, start)));
        if head.line.is_some() && !head.may_name(text, anchor) {
            return Column { read, ..Column::default() };
        }
        let column = below(anchor, start, &mut self.lines, || table(text, head));
        Column { read: column.read + read, ..column }
    }
}

impl Head {
    fn at(text: &[u8], start: usize) -> Self {
        let line = line(text, start);
        let joint = line.as_ref().and_then(|(line, _)| joint(&text[line.clone()]));
        Self { start, line, joint }
    }

    /// Whether what stands around a keyword up to the next joints is short enough for a heading. In quotes a cell may be
    /// longer than that, but not shorter.
    fn may_name(&self, text: &[u8], anchor: &Range<usize>) -> bool {
        let (Some((line, _)), Some(joint)) = (&self.line, self.joint) else { return false };
        if anchor.end > line.end {
            return false;
        }
        let (before, after) = (&text[line.start..anchor.start], &text[anchor.end..line.end]);
        let (left, right) = match joint {
            Joint::Byte(byte) => (memrchr(byte, before).map(|at| at + 1), memchr(byte, after)),
            Joint::Gap => (rfind(before, b"  ").map(|at| at + 2), find(after, b"  ")),
        };
        let cell = line.start + left.unwrap_or(0)..anchor.end + right.unwrap_or(after.len());
        trimmed(text, cell).len() <= anchor.len() + HEADING_REST
    }
}

/// The table that a line is the first of; it has no heads if it is none.
fn table(text: &[u8], head: &Head) -> Table {
    let Head { start, joint, .. } = *head;
    let none = Table { start, heads: Vec::new(), cells: Vec::new(), open: false, read: 0 };
    let Some((head, next)) = head.line.clone() else {
        return Table { open: text.len() - start < MAX_LINE, ..none };
    };
    let Some(joint) = joint else { return none };
    let heads = cells(text, head, joint);
    // Lines of code end with a comma, heads of tables do not.
    let named = joint != Joint::Byte(b',') || heads.iter().all(|cell| !cell.is_empty());
    if heads.len() < 2 || !named || follows_row(text, start, joint, heads.len()) {
        return none;
    }
    let mut table = Table { heads, ..none };
    rows(text, next, joint, &mut table);
    table
}

/// Reads the rows from `next` on.
fn rows(text: &[u8], mut next: usize, joint: Joint, table: &mut Table) {
    while next < text.len() && next - table.start < REACH {
        let whole = line(text, next);
        let (row, after) = whole.clone().unwrap_or((next..text.len().min(next + MAX_LINE), text.len()));
        if whole.is_none() || !is_rule(&text[row.clone()]) {
            let cells = cells(text, row.clone(), joint);
            if cells.len() != table.heads.len() || row.len() == MAX_LINE {
                (table.open, table.read) = (whole.is_none(), after - table.start);
                return;
            }
            table.cells.extend(cells);
        }
        next = after;
    }
    (table.open, table.read) = (next - table.start < REACH, next - table.start);
}

/// Whether the line before that at `start` is a row of a table with as many columns.
fn follows_row(text: &[u8], start: usize, joint: Joint, columns: usize) -> bool {
    let from = start.saturating_sub(PREVIOUS);
    let Some(end) = start.checked_sub(1).filter(|end| *end > from) else { return false };
    let before = memrchr(b'\n', &text[from..end]).map_or(from, |at| from + at + 1);
    !is_rule(&text[before..end]) && cells(text, before..end, joint).len() == columns
}

/// The line that begins at `start`, without its end, and where the next one begins; none if it does not end.
fn line(text: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let end = start + memchr(b'\n', &text[start..text.len().min(start + MAX_LINE)])?;
    Some((start..end - usize::from(text[start..end].ends_with(b"\r")), end + 1))
}

/// What parts the cells of a table's first line.
fn joint(line: &[u8]) -> Option<Joint> {
    let byte = [b'|', b'\t', b';', b','].into_iter().find(|byte| memchr(*byte, line).is_some()).map(Joint::Byte);
    byte.or_else(|| find(line.trim_ascii(), b"  ").map(|_| Joint::Gap))
}

/// Whether a line only parts the head of a table from its rows.
fn is_rule(line: &[u8]) -> bool {
    line.iter().any(|byte| matches!(byte, b'-' | b'=')) && line.iter().all(|byte| b"-+|=: \t".contains(byte))
}

/// The cells of a line, without the space and the quotes around them.
fn cells(text: &[u8], line: Range<usize>, joint: Joint) -> Vec<Range<usize>> {
    let (mut cells, mut start, mut quote) = (Vec::new(), line.start, None);
    let sign = if let Joint::Byte(sign) = joint { sign } else { b' ' };
    for at in memchr3_iter(sign, b'"', b'\'', &text[line.clone()]).map(|at| line.start + at) {
        let byte = text[at];
        let parts = byte == sign && (joint != Joint::Gap || text.get(at + 1) == Some(&b' '));
        if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() && matches!(byte, b'"' | b'\'') && text[start..at].trim_ascii().is_empty() {
            quote = Some(byte);
        } else if quote.is_none() && parts && at >= start {
            cells.push(trimmed(text, start..at));
            let more = text[at + 1..line.end].iter().take_while(|byte| **byte == b' ').count();
            start = at + 1 + if joint == Joint::Gap { more } else { 0 };
        }
    }
    cells.push(trimmed(text, start..line.end));
    cells
}

fn trimmed(text: &[u8], cell: Range<usize>) -> Range<usize> {
    let around = |byte: &u8| !matches!(byte, b' ' | b'"' | b'\'' | b'`' | b'*' | b'\t' | b'[' | b']');
    let Some(first) = text[cell.clone()].iter().position(around) else { return cell.start..cell.start };
    let last = text[cell.clone()].iter().rposition(around).unwrap_or(first);
    cell.start + first..cell.start + (last + 1).min(first + MAX_CELL)
}

/// The rows of `INSERT INTO t (columns) VALUES (…), (…)`, whose list of columns opens at `open`.
fn statement(text: &[u8], open: usize) -> Table {
    let none = Table { start: open, heads: Vec::new(), cells: Vec::new(), open: false, read: BACK };
    let list = &text[open + 1..text.len().min(open + 1 + MAX_LINE)];
    let Some(close) = memchr2(b'(', b')', list).map(|at| open + 1 + at) else {
        return Table { open: list.len() < MAX_LINE, ..none };
    };
    let values = skip(text, close + 1, b" \t\r\n");
    let next = values + VALUES.len();
    if next > text.len() {
        return Table { open: true, ..none };
    }
    if text[close] != b')' || !text[values..next].eq_ignore_ascii_case(VALUES) {
        return none;
    }
    let mut table = Table { heads: cells(text, open + 1..close, Joint::Byte(b',')), ..none };
    tuples(text, next, &mut table);
    table
}

/// Reads the rows in parentheses from `next` on.
fn tuples(text: &[u8], mut next: usize, table: &mut Table) {
    while next - table.start < REACH {
        let row = skip(text, next, b" \t\r\n,");
        let end = if text.get(row) == Some(&b'(') { row_end(text, row + 1) } else { None };
        let Some(end) = end else {
            (table.open, table.read) = (row >= text.len() || text[row] == b'(', next - table.start);
            return;
        };
        let cells = cells(text, row + 1..end, Joint::Byte(b','));
        table.cells.extend(if cells.len() == table.heads.len() { cells } else { Vec::new() });
        next = end + 1;
    }
    table.read = next - table.start;
}

fn skip(text: &[u8], from: usize, bytes: &[u8]) -> usize {
    from + text[from.min(text.len())..].iter().take_while(|byte| bytes.contains(byte)).count()
}

/// Where the parenthesis that closes a row stands, behind its strings and calls.
fn row_end(text: &[u8], from: usize) -> Option<usize> {
    let (mut quoted, mut depth) = (false, 0);
    for (at, byte) in text.iter().enumerate().skip(from).take(MAX_LINE) {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted && depth == 0 => return Some(at),
            b')' if !quoted => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
