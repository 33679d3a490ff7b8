use std::sync::Arc;

use gate_core::{AdminEvent, DnsEvent, DnsOutcome, Event, Position, Record, UnixMicros};

use super::{Cursor, Kind, Kinds, Recent};
use crate::ports::FeedEntry;

fn dns(position: u64) -> FeedEntry {
    let event = Event::Dns(DnsEvent {
        client: "192.0.2.10".parse().unwrap(),
        name: "example.com".to_owned(),
        qtype: 1,
        outcome: DnsOutcome::Cached,
        rcode: Some(0),
        micros: 10,
    });
    entry("dns", position, event)
}

fn admin(position: u64) -> FeedEntry {
    let event = AdminEvent { client: None, actor: None, command: "claim".to_owned(), ok: true, detail: None };
    entry("admin", position, Event::Admin(event))
}

fn entry(process: &str, position: u64, event: Event) -> FeedEntry {
    FeedEntry { process: process.into(), position: Position(position), record: Record { at: UnixMicros(1), event } }
}

fn ids(lines: &[Arc<super::Line>]) -> Vec<&str> {
    lines.iter().map(|line| line.id.as_str()).collect()
}

#[test]
fn many_of_one_kind_do_not_push_out_another() {
    let mut recent = Recent::new(3);
    recent.push(&admin(7));
    for position in 0..1000 {
        recent.push(&dns(position));
    }
    let (lines, more) = recent.newest(Kinds::ALL, None, 10).unwrap();
    assert_eq!((ids(&lines), more), (vec!["dns-999", "dns-998", "dns-997", "admin-7"], false));
}

#[test]
fn pages_follow_one_another_without_gap_or_overlap() {
    let mut recent = Recent::new(100);
    for position in 0..10 {
        recent.push(&dns(position));
        recent.push(&admin(position));
    }
    let (first, more) = recent.newest(Kinds::ALL, None, 15).unwrap();
    assert!(more);
    let last = ids(&first).last().copied().unwrap();
    let (second, more) = recent.newest(Kinds::ALL, Some(last), 15).unwrap();
    assert!(!more);
    let mut all = [ids(&first), ids(&second)].concat();
    assert_eq!((all.len(), all[0], all[19]), (20, "admin-9", "dns-0"));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20);
    assert!(recent.newest(Kinds::ALL, Some("dns-999"), 15).is_none(), "an unknown place is said to be unknown");
}

#[test]
fn a_cursor_finds_what_was_missed_in_every_chain() {
    let mut recent = Recent::new(100);
    recent.push(&dns(1));
    let seen = recent.push(&admin(5));
    recent.push(&dns(2));
    recent.push(&admin(6));
    recent.push(&entry("proxy", 0, admin(0).record.event));
    let cursor = Cursor::parse(&seen.cursor).unwrap();
    assert_eq!(ids(&recent.after(&cursor, Kinds::ALL)), ["dns-2", "admin-6", "proxy-0"]);
    assert_eq!(ids(&recent.after(&cursor, Kinds::parse("dns").unwrap())), ["dns-2"]);
}

#[test]
fn a_line_is_one_event_in_plain_json() {
    let mut recent = Recent::new(1);
    let frame = recent.push(&admin(3)).frame();
    assert_eq!(
        std::str::from_utf8(&frame).unwrap(),
        "event: record\nid: admin-3\ndata: {\"id\":\"admin-3\",\"process\":\"admin\",\"position\":3,\"record\":{\"at\":1,\
         \"event\":{\"admin\":{\"client\":null,\"actor\":null,\"command\":\"claim\",\"ok\":true,\"detail\":null}}}}\n\n"
    );
}

#[test]
fn a_foreign_cursor_is_refused() {
    let long = vec!["p-1"; 20].iter().enumerate().map(|(n, _)| format!("p{n}-1")).collect::<Vec<_>>().join(".");
    for text in ["", "x", "dns-", "-1", "dns-x", "dns--1", "dns-1.", "d\nns-1", "dns-18446744073709551616", &long] {
        assert_eq!(Cursor::parse(text), None, "{text:?}");
    }
}

#[test]
fn kinds_are_words() {
    let kinds = Kinds::parse("connection, request").unwrap();
    assert!(kinds.contains(Kind::Connection) && kinds.contains(Kind::Request) && !kinds.contains(Kind::Dns));
    assert_eq!(Kinds::parse("connection,conn"), None);
    assert_eq!(Kinds::parse("dns,connection,request,steer,admin,process,fallback,placeholders"), Some(Kinds::ALL));
}
