//! Where in the text of the file something stands, for messages that name it.

use toml::de::{DeTable, DeValue};

/// The whole name of the key that is set on a line, if one is.
pub(super) fn key_on(text: &str, line: usize) -> Option<String> {
    let (leaf, _) = text.lines().nth(line.checked_sub(1)?)?.split_once('=')?;
    let header =
        |line: &'_ str| Some(line.trim().strip_prefix('[')?.split(']').next()?.trim_start_matches('[').to_owned());
    let table = text.lines().take(line).filter_map(header).last();
    let table = table.map_or_else(String::new, |table| format!("{}.", table.trim()));
    Some(format!("{table}{}", leaf.trim()))
}

/// The line of a dotted key whose value parsed but cannot be; of the last text below it that is `the_one`, if there is
/// any. Where the key does not stand: that of the table that it would stand in.
pub(super) fn line_of(text: &str, key: &str, the_one: impl Fn(&str) -> bool) -> usize {
    let (root, _) = DeTable::parse_recoverable(text);
    let root = DeValue::Table(root.into_inner());
    let (mut at, mut offset) = (&root, 0);
    for part in key.split('.') {
        let Some((name, value)) = at.as_table().and_then(|table| table.iter().find(|(name, _)| name.get_ref() == part))
        else {
            return line_at(text, offset);
        };
        (at, offset) = (value.get_ref(), name.span().start);
    }
    let mut found = Vec::new();
    find(at, &the_one, &mut found);
    line_at(text, found.into_iter().max().unwrap_or(offset))
}

/// Where the texts stand that are `the_one`, in a value and all that is in it.
fn find(value: &DeValue<'_>, the_one: &impl Fn(&str) -> bool, found: &mut Vec<usize>) {
    let inner: Vec<_> = match value {
        DeValue::Array(values) => values.iter().collect(),
        DeValue::Table(table) => table.values().collect(),
        _ => return,
    };
    for inner in inner {
        if inner.get_ref().as_str().is_some_and(the_one) {
            found.push(inner.span().start);
        }
        find(inner.get_ref(), the_one, found);
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::line_of;

    #[test]
    fn a_room_keeps_its_table_apart() {
        let never = |_: &str| false;
        assert_eq!(line_of("[a]\nlisten = 1\n[b]\nlisten = 2\n", "b.listen", never), 4);
        assert_eq!(line_of("[a]\nlisten = 1\n[b]\n", "b.listen", never), 3);
        assert_eq!(line_of("[a]\nlisten = 1\n", "c.listen", never), 1);
    }

    #[test]
    fn one_of_many_values_is_found_wherever_it_stands() {
        let text = "[a]\nlists = [\n  'x',\n  'y',\n]\n[[a.b]]\nc = ['y']\n[[a.b]]\nd = 'x'\nc = ['z', 'y']\n";
        let line = |key: &str, value: &str| line_of(text, key, |text| text == value);
        assert_eq!((line("a.lists", "y"), line("a.lists", "w")), (4, 2));
        assert_eq!((line("a.b", "y"), line("a.b", "x"), line("a.b", "w")), (10, 9, 6));
    }
}
