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

/// Bytes of a table, from its first line on, in which its headings count.
const REACH: usize = 32 << 10;

/// Bytes before a heading in which its line and the one before it must begin; less than what a stream keeps.
const BACK: usize = 480;

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

/// How the cells of a line are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    Byte(u8),
    /// Two spaces or more.
    Gap,
}

/// The cells below a heading; none if the keyword is no heading. `first` says whether nothing precedes the text.
pub(super) fn column(text: &[u8], anchor: &Range<usize>, first: bool) -> Column {
    if anchor.start < BACK && !first {
        return Column::default();
    }
    let lines = in_lines(text, anchor).unwrap_or_default();
    if !lines.cells.is_empty() {
        return lines;
    }
    let statement = in_statement(text, anchor).unwrap_or_default();
    Column { open: lines.open || statement.open, read: lines.read + statement.read, ..statement }
}

/// The cells of a table whose rows are lines.
fn in_lines(text: &[u8], anchor: &Range<usize>) -> Option<Column> {
    let from = anchor.start.saturating_sub(BACK);
    let before = text[from..anchor.start].iter().rposition(|byte| *byte == b'\n').map(|at| from + at + 1);
    let start = before.or((from == 0).then_some(0))?;
    let Some((head, next)) = line(text, start) else {
        let open = text.len() - start < MAX_LINE;
        return Some(Column { open, read: MAX_LINE, ..Column::default() });
    };
    let joint = joint(&text[head.clone()])?;
    let heads = cells(text, head, joint);
    let at = heads.iter().position(|cell| cell.start <= anchor.start && anchor.end <= cell.end)?;
    // Lines of code end with a comma, heads of tables do not.
    let named = joint != Joint::Byte(b',') || heads.iter().all(|cell| !cell.is_empty());
    let is_heading = named && heads[at].len() <= anchor.len() + HEADING_REST;
    if heads.len() < 2 || !is_heading || follows_row(text, from, start, joint, heads.len()) {
        return None;
    }
    let below = rows(text, start, next, joint, heads.len(), at);
    Some(Column { heading: heads[at].clone(), ..below })
}

/// The cells of the column with the number `at` in the rows from `next` on.
fn rows(text: &[u8], start: usize, mut next: usize, joint: Joint, columns: usize, at: usize) -> Column {
    let mut column = Column::default();
    while next < text.len() && next - start < REACH {
        let whole = line(text, next);
        let (row, after) = whole.clone().unwrap_or((next..text.len().min(next + MAX_LINE), text.len()));
        let cells = cells(text, row.clone(), joint);
        if whole.is_some() && is_rule(&text[row.clone()]) {
            next = after;
            continue;
        }
        if cells.len() != columns || row.len() == MAX_LINE {
            return Column { open: whole.is_none(), read: after - start, ..column };
        }
        column.cells.push(cells[at].clone());
        next = after;
    }
    Column { open: next - start < REACH, read: next - start, ..column }
}

/// Whether the line before that at `start` is a row of a table with as many columns.
fn follows_row(text: &[u8], from: usize, start: usize, joint: Joint, columns: usize) -> bool {
    let Some(end) = start.checked_sub(1).filter(|end| *end > from) else { return false };
    let before = text[from..end].iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at + 1);
    !is_rule(&text[before..end]) && cells(text, before..end, joint).len() == columns
}

/// The line that begins at `start`, without its end, and where the next one begins; none if it does not end.
fn line(text: &[u8], start: usize) -> Option<(Range<usize>, usize)> {
    let end = start + text[start..].iter().take(MAX_LINE).position(|byte| *byte == b'\n')?;
    Some((start..end - usize::from(text[start..end].ends_with(b"\r")), end + 1))
}

/// What parts the cells of a table's first line.
fn joint(line: &[u8]) -> Option<Joint> {
    let byte = [b'|', b'\t', b';', b','].into_iter().find(|byte| line.contains(byte)).map(Joint::Byte);
    byte.or_else(|| line.trim_ascii().windows(2).any(|pair| pair == b"  ").then_some(Joint::Gap))
}

/// Whether a line only parts the head of a table from its rows.
fn is_rule(line: &[u8]) -> bool {
    line.iter().any(|byte| matches!(byte, b'-' | b'=')) && line.iter().all(|byte| b"-+|=: \t".contains(byte))
}

/// The cells of a line, without the space and the quotes around them.
fn cells(text: &[u8], line: Range<usize>, joint: Joint) -> Vec<Range<usize>> {
    let (mut cells, mut start, mut quote) = (Vec::new(), line.start, None);
    let mut at = line.start;
    while at < line.end {
        let byte = text[at];
        let parts = match joint {
            Joint::Byte(joint) => byte == joint,
            Joint::Gap => byte == b' ' && text.get(at + 1) == Some(&b' '),
        };
        if quote == Some(byte) {
            quote = None;
        } else if quote.is_none() && matches!(byte, b'"' | b'\'') && text[start..at].trim_ascii().is_empty() {
            quote = Some(byte);
        } else if quote.is_none() && parts {
            cells.push(trimmed(text, start..at));
            if joint == Joint::Gap {
                at += text[at..line.end].iter().take_while(|byte| **byte == b' ').count() - 1;
            }
            start = at + 1;
        }
        at += 1;
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

/// The cells of the rows of `INSERT INTO t (columns) VALUES (…), (…)`.
fn in_statement(text: &[u8], anchor: &Range<usize>) -> Option<Column> {
    let paren = |byte: &u8| matches!(byte, b'(' | b')');
    let from = anchor.start.saturating_sub(BACK);
    let open = from + text[from..anchor.start].iter().rposition(paren).filter(|at| text[from + at] == b'(')?;
    let close =
        anchor.end + text[anchor.end..].iter().take(BACK).position(paren).filter(|at| text[anchor.end + at] == b')')?;
    let heads = cells(text, open + 1..close, Joint::Byte(b','));
    let at = heads.iter().position(|cell| cell.start <= anchor.start && anchor.end <= cell.end)?;
    let values = skip(text, close + 1, b" \t\r\n");
    let mut next = values + VALUES.len();
    if next > text.len() {
        return Some(Column { open: true, read: BACK, ..Column::default() });
    }
    if !text[values..next].eq_ignore_ascii_case(VALUES) {
        return None;
    }
    let mut column = Column { heading: heads[at].clone(), ..Column::default() };
    while next - open < REACH {
        let row = skip(text, next, b" \t\r\n,");
        let end = if text.get(row) == Some(&b'(') { row_end(text, row + 1) } else { None };
        let Some(end) = end else {
            let open = row >= text.len() || text[row] == b'(';
            return Some(Column { open, read: next - from, ..column });
        };
        let cells = cells(text, row + 1..end, Joint::Byte(b','));
        column.cells.extend((cells.len() == heads.len()).then(|| cells[at].clone()));
        next = end + 1;
    }
    Some(Column { read: next - from, ..column })
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
