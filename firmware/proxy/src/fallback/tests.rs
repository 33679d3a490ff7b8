use std::net::{IpAddr, Ipv4Addr};

use gate_core::{FallbackCause, UnixMicros};

use super::runtime::Runtime;
use super::table::{CLIENTS, EACH};
use super::{DAY_MICROS, Fallback, Fallbacks, Who};
use crate::tests::support::host;

const SECOND: u64 = 1_000_000;
const START: u64 = 1_700_000_000 * SECOND;
const ALERT: FallbackCause = FallbackCause::Alert(48);

fn who(client: u32, name: &str, ja4: &str) -> Who {
    Who { client: IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + client)), host: host(name), ja4: ja4.to_owned() }
}

fn anna() -> Who {
    who(11, "api.openai.com", "t13d_a")
}

/// Refuses at this second after the start; whether it falls back.
fn refuse(all: &Fallbacks, who: &Who, cause: FallbackCause, at: u64) -> bool {
    let record = |_: &Fallback| Ok::<(), ()>(());
    all.refused(who, ("openai", Runtime::Python), cause, UnixMicros(START + at * SECOND), record).is_some()
}

fn stands(all: &Fallbacks, who: &Who, at: u64) -> bool {
    let now = UnixMicros(START + at * SECOND);
    all.standing((who.client, &who.host), || who.ja4.clone(), now).is_some()
}

#[test]
fn two_refusals_within_a_minute_are_meant_and_hold_for_a_day() {
    let all = Fallbacks::new();
    assert!(!refuse(&all, &anna(), ALERT, 0));
    assert!(!refuse(&all, &anna(), ALERT, 61), "that was too long ago");
    assert!(!stands(&all, &anna(), 62));
    assert!(refuse(&all, &anna(), ALERT, 121));
    for (second, held) in [(121, true), (121 + 86_399, true), (121 + 86_400, false), (120, false)] {
        assert_eq!(stands(&all, &anna(), second), held, "after {second} s");
    }
}

#[test]
fn another_client_host_or_program_is_not_meant() {
    let all = Fallbacks::new();
    let others =
        [who(12, "api.openai.com", "t13d_a"), who(11, "chatgpt.com", "t13d_a"), who(11, "api.openai.com", "b")];
    for other in &others {
        assert!(!refuse(&all, other, ALERT, 0), "each has its own first refusal");
    }
    assert!(!refuse(&all, &anna(), ALERT, 1) && refuse(&all, &anna(), ALERT, 2));
    for other in &others {
        assert!(!stands(&all, other, 3));
    }
}

#[test]
fn who_takes_the_certificate_may_close_without_a_request_but_not_refuse_it() {
    let all = Fallbacks::new();
    assert!(!refuse(&all, &anna(), ALERT, 0));
    all.taken(&anna(), Some(Runtime::Electron), UnixMicros(START + SECOND));
    assert!(!refuse(&all, &anna(), ALERT, 2), "the first refusal is forgotten");
    for second in 3..9 {
        assert!(!refuse(&all, &anna(), FallbackCause::Closed, second), "a browser's unused connection");
    }
    assert!(refuse(&all, &anna(), ALERT, 10));
    assert_eq!(all.list(UnixMicros(START + 11 * SECOND))[0].runtime, "electron", "it said so itself");
}

#[test]
fn what_cannot_be_recorded_does_not_stand() {
    let all = Fallbacks::new();
    let now = UnixMicros(START);
    for _ in 0..4 {
        assert!(all.refused(&anna(), ("openai", Runtime::Go), ALERT, now, |_| Err(())).is_none());
    }
    assert!(all.list(now).is_empty());
}

#[test]
fn a_revocation_counts_at_once_and_cuts() {
    let all = Fallbacks::new();
    let mut changes = all.changes();
    assert!(!refuse(&all, &anna(), ALERT, 0) && refuse(&all, &anna(), ALERT, 1));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    let anna = anna();
    let now = UnixMicros(START + 2 * SECOND);
    let cut = all.standing((anna.client, &anna.host), || anna.ja4.clone(), now).unwrap();
    let id = all.list(now)[0].id.clone();
    assert_eq!(all.revoke("0123456789abcdef"), None);
    assert_eq!(all.revoke(&id).unwrap().id, id);
    assert!(cut.is_cancelled() && changes.has_changed().unwrap());
    assert!(!stands(&all, &anna, 2) && all.revoke(&id).is_none());
}

#[test]
fn a_restart_brings_back_what_still_counts_and_nothing_else() {
    let all = Fallbacks::new();
    assert!(!refuse(&all, &anna(), ALERT, 0) && refuse(&all, &anna(), ALERT, 0));
    let kept = all.list(UnixMicros(START));
    for (second, back) in [(1, 1), (86_401, 0)] {
        let next = Fallbacks::new();
        next.restore(kept.clone(), UnixMicros(START + second * SECOND));
        assert_eq!(next.list(UnixMicros(START + second * SECOND)).len(), back);
    }
    let longer = Fallback { until: UnixMicros(START + 2 * DAY_MICROS), ..kept[0].clone() };
    let another = Fallback { host: "chatgpt.com".to_owned(), ..kept[0].clone() };
    let nowhere = Fallback { host: "..".to_owned(), ..kept[0].clone() };
    let next = Fallbacks::new();
    next.restore(vec![longer, another, nowhere], UnixMicros(START));
    assert!(next.list(UnixMicros(START)).is_empty());
}

#[test]
fn a_hostile_client_fills_its_own_lists_only() {
    let all = Fallbacks::new();
    for program in 0..1000 {
        let who = who(66, "api.openai.com", &format!("t13d_{program}"));
        refuse(&all, &who, ALERT, 0);
        refuse(&all, &who, ALERT, 0);
        all.taken(&who, Some(Runtime::Go), UnixMicros(START));
    }
    assert_eq!(all.list(UnixMicros(START)).len(), EACH);
    assert_eq!(all.table.lock().sizes(), (1, EACH));
    assert!(!refuse(&all, &anna(), ALERT, 0) && refuse(&all, &anna(), ALERT, 1), "others are not kept out by it");
}

#[test]
fn clients_are_capped_and_those_watched_are_not_pushed_out() {
    let all = Fallbacks::new();
    assert!(!refuse(&all, &anna(), ALERT, 0) && refuse(&all, &anna(), ALERT, 0));
    for client in 1000..4000 {
        refuse(&all, &who(client, "api.openai.com", "x"), ALERT, 1);
    }
    assert_eq!(all.table.lock().sizes(), (CLIENTS, 1));
    assert!(stands(&all, &anna(), 2));
    for client in 5000..7000 {
        let who = who(client, "api.openai.com", "x");
        refuse(&all, &who, ALERT, 3);
        refuse(&all, &who, ALERT, 3);
    }
    assert_eq!(all.list(UnixMicros(START + 4 * SECOND)).len(), CLIENTS, "then the rest stays refused");
    assert!(stands(&all, &anna(), 4));
}
