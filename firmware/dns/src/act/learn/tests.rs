use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{LEARN_NAMES_CAP, Learnt, NAMES_OF_ONE};

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(50);

fn ip(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

fn addresses(learnt: &Learnt) -> Vec<IpAddr> {
    learnt.subscribe().borrow().addresses.keys().copied().collect()
}

fn add(learnt: &Learnt, last: &[u8], lifetime: Duration, now: Instant) -> u64 {
    learnt.add(None, &last.iter().map(|last| ip(*last)).collect::<Vec<_>>(), lifetime, now)
}

#[test]
fn holds_addresses_at_least_as_long_as_configured() {
    let start = Instant::now();
    let learnt = Learnt::new(10 * SECOND, 100);
    add(&learnt, &[1, 2], SECOND, start);
    add(&learnt, &[2], 30 * SECOND, start);
    assert_eq!(addresses(&learnt), [ip(1), ip(2)]);
    learnt.expire(start + 9 * SECOND);
    assert_eq!(learnt.len(), 2);
    learnt.expire(start + 11 * SECOND);
    assert_eq!(addresses(&learnt), [ip(2)]);
    learnt.expire(start + 31 * SECOND);
    assert!(addresses(&learnt).is_empty());
}

#[test]
fn is_bounded_and_keeps_the_youngest() {
    let start = Instant::now();
    let learnt = Learnt::new(10 * SECOND, 3);
    for last in 1..=5 {
        add(&learnt, &[last], Duration::ZERO, start + u32::from(last) * SECOND);
    }
    assert_eq!(addresses(&learnt), [ip(3), ip(4), ip(5)]);
}

#[test]
fn tells_subscribers_only_of_changes() {
    let learnt = Learnt::new(10 * SECOND, 3);
    let mut seen = learnt.subscribe();
    add(&learnt, &[1], Duration::ZERO, Instant::now());
    assert!(seen.has_changed().unwrap());
    seen.mark_unchanged();
    add(&learnt, &[1], Duration::ZERO, Instant::now());
    learnt.expire(Instant::now());
    assert!(!seen.has_changed().unwrap());
}

#[tokio::test]
async fn an_address_is_in_force_once_the_change_that_brought_it_is_confirmed() {
    let learnt = Learnt::new(10 * SECOND, 3);
    let life = learnt.subscribe().borrow().life;
    let (first, now) = (add(&learnt, &[1], SECOND, Instant::now()), Instant::now());
    let second = add(&learnt, &[1, 2], SECOND, now);
    assert_eq!((first, second), (1, 2));
    assert!(!learnt.in_force(first, MOMENT).await, "nobody has said so");
    learnt.confirm(life.wrapping_add(1), 9);
    assert!(!learnt.is_in_force(first), "that was another life");
    learnt.confirm(life, first);
    assert!(learnt.is_in_force(first) && !learnt.is_in_force(second));
    assert_eq!(add(&learnt, &[1], SECOND, now), first, "who is known already waits for nothing");
    let confirming = async {
        tokio::time::sleep(MOMENT).await;
        learnt.confirm(life, second);
    };
    let (waited, ()) = tokio::join!(learnt.in_force(second, SECOND), confirming);
    assert!(waited);
    learnt.confirm(life, first);
    assert!(learnt.is_in_force(second), "what is in force stays so");
    assert!(learnt.is_in_force(add(&learnt, &[], SECOND, now)), "no address is nothing to wait for");
}

#[test]
fn names_are_told_with_their_addresses_and_are_bounded() {
    let (learnt, now) = (Learnt::new(10 * SECOND, 8192), Instant::now());
    learnt.add(Some("a.example"), &[ip(1), ip(2)], SECOND, now);
    let seen = learnt.subscribe();
    let names = |last| seen.borrow().addresses[&ip(last)].iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((names(1), names(2)), (vec!["a.example".to_owned()], vec!["a.example".to_owned()]));
    learnt.add(Some("b.example"), &[ip(1)], SECOND, now);
    assert_eq!((names(1).len(), seen.borrow().sequence), (1, 1), "a name alone is no hurry");
    learnt.expire(now);
    assert_eq!((names(1).len(), seen.borrow().sequence), (2, 2));
    for last in 1..=255 {
        for name in 0..NAMES_OF_ONE + 4 {
            learnt.add(Some(&format!("x{name}.example")), &[ip(last)], SECOND, now);
        }
    }
    learnt.expire(now);
    let all: Vec<usize> = seen.borrow().addresses.values().map(BTreeSet::len).collect();
    assert_eq!((all.iter().sum::<usize>(), all.iter().max()), (LEARN_NAMES_CAP, Some(&NAMES_OF_ONE)));
    learnt.expire(now + 11 * SECOND);
    learnt.add(Some("c.example"), &[ip(1)], SECOND, now);
    assert_eq!(names(1), ["c.example"], "there is room again");
}
