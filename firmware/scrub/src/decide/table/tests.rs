use super::{REACH, Tables, column};

/// The cells below the first `KEY` of a text, joined with `/`, and whether the text ends in the table.
fn below(text: &str) -> (String, bool) {
    let at = text.find("KEY").unwrap();
    let column = column(text.as_bytes(), &(at..at + 3), true, &mut Tables::default());
    let cells: Vec<&str> = column.cells.into_iter().map(|cell| &text[cell]).collect();
    (cells.join("/"), column.open)
}

#[test]
fn cells_below_a_heading_are_found() {
    // A table, and the cells of its column.
    let rows = [
        ("id,KEY,city\n1,aa,Graz\n2,bb,Linz\n", "aa/bb"),
        ("KEY;city\r\naa;Graz\r\n\"b;b\";Linz\r\n\r\nother; text", "aa/b;b"),
        ("id\tKEY\n1\t'aa'\n", "aa"),
        ("| KEY | note |\n|---|:--:|\n| **aa** | x |\n| bb | y |\n", "aa/bb"),
        ("+----+-----+\n| id | KEY |\n+----+-----+\n|  1 | aa  |\n+----+-----+\n", "aa"),
        ("name        KEY      city\nAnn Meyer   aa       Graz\nBo          bb       Linz", "aa/bb"),
        ("see:\n\nid,KEY\n1,aa", "aa"),
        ("id   KEY\n===  ===\n1    aa\n", "aa"),
        ("t (KEY) VALUES ('aa')", "aa"),
        ("INSERT INTO t (id, \"KEY\", c) VALUES (1, 'aa', NOW()), (2, 'b)b', x);", "aa/b)b"),
        ("insert into t(KEY) values\n ('aa'),\n ('bb');\nselect (1)", "aa/bb"),
    ];
    for (text, wanted) in rows {
        assert_eq!(below(text).0, wanted, "{text}");
    }
}

#[test]
fn what_is_no_heading_has_no_cells() {
    let rows = [
        "the KEY is\nbelow",
        "KEY: aa\nnext",
        "id,c\n1,KEY\n2,aa",
        "call(KEY, b) and (c, d)",
        "one, two KEY of which we have spoken at some length, three\n1,2,3",
        "KEY",
        "a,KEY",
        "  KEY,\n  aa,\n",
    ];
    for text in rows {
        assert_eq!(below(text).0, "", "{text}");
    }
}

#[test]
fn a_table_that_the_text_ends_in_may_go_on() {
    assert!(below("id,KEY\n1,aa\n").1 && below("id,KEY\n1,a").1 && below("t (KEY) VALUES ('aa'), ('b").1);
    assert!(!below("id,KEY\n1,aa\n\nend").1 && !below("t (KEY) VALUES ('aa');\nend\n").1);
    let long = format!("id,KEY\n{}", "1,aa\n".repeat(REACH));
    assert!(!below(&long).1);
    assert!(below(&long).0.len() <= REACH);
}
