use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::{CODE, Found, Live, SHELF_BYTES, SHELVES, SWEEP, Scope, VALUE_MAX, VAULT_BYTES, Vault};
use crate::act::inspect::memory::ValueHash;
use crate::config::Config;

static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
const EMAIL: &str = "anna.meyer@acme-office.de";

fn scope(last: u8, vendor: &str) -> Scope {
    Scope::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)), None, vendor)
}

fn with(placeholders_per_client: usize) -> Vault {
    Vault::new(ValueHash::new(&[7; 32]), &Config { placeholders_per_client, ..Config::default() })
}

fn vault() -> Vault {
    with(4096)
}

/// What one client may put back, and the placeholders of some values.
pub(in crate::act::inspect) fn live(values: &[(&str, &str)]) -> (Live, Vec<String>) {
    let (vault, scope) = (vault(), scope(11, "openai"));
    let tokens = values.iter().map(|(kind, value)| vault.replace(&scope, kind, value, *NOW).unwrap()).collect();
    (Live { rooms: std::sync::Arc::clone(&vault.rooms), scope }, tokens)
}

/// The value that a placeholder leads to.
fn behind(vault: &Vault, scope: &Scope, token: &str, now: Instant) -> Option<String> {
    match vault.live(scope, now)?.find(token.as_bytes()) {
        Found::Whole(length, kept) => {
            assert_eq!(length, token.len());
            Some(kept.value.to_string())
        }
        Found::Begun | Found::None => None,
    }
}

#[test]
fn a_placeholder_has_its_kind_64_bits_and_nothing_that_needs_an_escape() {
    let vault = vault();
    for (kind, start) in [("email", "NGP_EMAIL_"), ("api_key", "NGP_API_KEY_"), ("we\"ird", "NGP_WE_IRD_")] {
        let token = vault.replace(&scope(11, "openai"), kind, EMAIL, *NOW).unwrap();
        assert_eq!(token.len(), start.len() + CODE, "{token}");
        let code = token.strip_prefix(start).unwrap();
        assert!(code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7')), "{token}");
    }
}

#[test]
fn the_same_value_is_the_same_placeholder_for_one_client_provider_and_kind_only() {
    let vault = vault();
    let token = |last, vendor, kind| vault.replace(&scope(last, vendor), kind, EMAIL, *NOW).unwrap();
    let first = token(11, "openai", "email");
    assert_eq!(token(11, "openai", "email"), first);
    let others = [token(12, "openai", "email"), token(11, "anthropic", "email"), token(11, "openai", "e_mail")];
    assert!(others.iter().all(|other| other[other.len() - CODE..] != first[first.len() - CODE..]), "{others:?}");
    let mapped = Scope::new("::ffff:192.0.2.11".parse().unwrap(), None, "openai");
    assert_eq!(vault.replace(&mapped, "email", EMAIL, *NOW).unwrap(), first, "one client, however it is written");
}

#[test]
fn only_its_client_at_its_provider_gets_a_value_back() {
    let vault = vault();
    let mine = scope(11, "openai");
    let token = vault.replace(&mine, "email", EMAIL, *NOW).unwrap();
    for (other, value) in [(scope(12, "openai"), "x@y.example"), (scope(11, "anthropic"), "x@z.example")] {
        assert!(vault.live(&other, *NOW).is_none());
        vault.replace(&other, "email", value, *NOW).unwrap();
        assert_eq!(behind(&vault, &other, &token, *NOW), None);
    }
    assert_eq!(behind(&vault, &mine, &token, *NOW).as_deref(), Some(EMAIL));
    for at in 0..token.len() {
        let changed = |with: &str| format!("{}{with}{}", &token[..at], &token[at + 1..]);
        let letter = if token.as_bytes()[at] == b'B' { "C" } else { "B" };
        for forged in [changed(letter), changed(&token[at..=at].to_lowercase()), changed("")] {
            assert!(forged == token || behind(&vault, &mine, &forged, *NOW).is_none(), "{forged}");
        }
    }
}

#[test]
fn beginnings_are_told_from_what_cannot_become_a_placeholder() {
    let (live, tokens) = live(&[("email", EMAIL), ("phone", "+49 151 23456789")]);
    for length in 4..tokens[0].len() {
        assert!(matches!(live.find(&tokens[0].as_bytes()[..length]), Found::Begun), "{length}");
        let other = format!("{}!", &tokens[0][..length]);
        assert!(matches!(live.find(other.as_bytes()), Found::None), "{other}");
    }
    for other in ["NGP_X", "NGP_EMAIL_1", "NGP__", "NGP_EMAIL_AAAAAAAAAAAAA"] {
        assert!(matches!(live.find(other.as_bytes()), Found::None), "{other}");
    }
    let followed = format!("{}S_AND_MORE", tokens[1]);
    assert!(matches!(live.find(followed.as_bytes()), Found::Whole(length, _) if length == tokens[1].len()));
}

#[test]
fn forgets_after_its_time_unless_it_was_sent_again() {
    let vault = vault();
    let mine = scope(11, "openai");
    let (day, moment) = (Duration::from_secs(24 * 3600), Duration::from_micros(1));
    let token = vault.replace(&mine, "email", EMAIL, *NOW).unwrap();
    assert!(behind(&vault, &mine, &token, *NOW + day - moment).is_some());
    vault.replace(&mine, "email", EMAIL, *NOW + day - moment).unwrap();
    assert!(behind(&vault, &mine, &token, *NOW + day).is_some());
    assert!(behind(&vault, &mine, &token, *NOW + 2 * day).is_none());
}

#[test]
fn what_is_too_old_is_gone_whoever_asks_next() {
    let vault = vault();
    let (mine, other) = (scope(11, "openai"), scope(12, "openai"));
    let day = Duration::from_secs(24 * 3600);
    vault.replace(&mine, "email", EMAIL, *NOW).unwrap();
    let token = vault.replace(&mine, "email", "new@acme-office.de", *NOW + SWEEP).unwrap();
    let live = vault.live(&mine, *NOW + SWEEP).unwrap();
    assert!(vault.live(&other, *NOW + day).is_none());
    let kept =
        |vault: &Vault| vault.rooms.lock().shelves.peek(&mine).map(|shelf| (shelf.entries.len(), shelf.order.len()));
    assert_eq!(kept(&vault), Some((1, 1)), "only what is not too old");
    assert!(vault.live(&other, *NOW + SWEEP + day).is_none());
    assert_eq!((kept(&vault), vault.rooms.lock().bytes), (None, 0));
    assert!(matches!(live.find(token.as_bytes()), Found::None), "an answer under way keeps nothing alive");
}

#[test]
fn an_answer_under_way_learns_what_is_sent_meanwhile() {
    let vault = vault();
    let mine = scope(11, "openai");
    vault.replace(&mine, "email", EMAIL, *NOW).unwrap();
    let live = vault.live(&mine, *NOW).unwrap();
    let token = vault.replace(&mine, "email", "new@acme-office.de", *NOW).unwrap();
    assert!(matches!(live.find(token.as_bytes()), Found::Whole(..)));
}

#[test]
fn is_bounded_by_entries_and_bytes_for_a_client_and_by_clients_and_bytes_in_all() {
    let (vault, mine) = (with(16), scope(11, "openai"));
    let tokens: Vec<String> =
        (0..17).map(|n| vault.replace(&mine, "email", &format!("{n}@acme-office.de"), *NOW).unwrap()).collect();
    assert!(behind(&vault, &mine, &tokens[0], *NOW).is_none(), "the oldest gave way");
    assert!(tokens[1..].iter().all(|token| behind(&vault, &mine, token, *NOW).is_some()));
    assert!(vault.replace(&mine, "email", &"x".repeat(VALUE_MAX + 1), *NOW).is_none());
    assert!(vault.replace(&mine, "email", "", *NOW).is_none());

    let vault = with(65_536);
    let bytes = |vault: &Vault| {
        let rooms = vault.rooms.lock();
        let sum: usize = rooms.shelves.iter().map(|(_, shelf)| shelf.bytes).sum();
        assert_eq!(sum, rooms.bytes, "the books are right");
        sum
    };
    for n in 0..SHELF_BYTES / 3000 {
        vault.replace(&mine, "email", &format!("{n}{}", "x".repeat(4000)), *NOW).unwrap();
    }
    assert!(bytes(&vault) <= SHELF_BYTES);
    for client in 0..20 {
        for n in 0..SHELF_BYTES / 4000 {
            vault.replace(&scope(client, "openai"), "email", &format!("{n}{}", "x".repeat(4000)), *NOW).unwrap();
        }
    }
    assert!(bytes(&vault) <= VAULT_BYTES);
    for client in 0..=SHELVES {
        let client = IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(client).unwrap()));
        vault.replace(&Scope::new(client, None, "openai"), "email", EMAIL, *NOW).unwrap();
    }
    assert_eq!(vault.rooms.lock().shelves.len(), SHELVES);
    bytes(&vault);
}

#[test]
fn says_nothing_of_what_it_keeps() {
    let vault = vault();
    vault.replace(&scope(11, "openai"), "email", EMAIL, *NOW).unwrap();
    assert_eq!(format!("{vault:?}"), "Vault(..)");
}
