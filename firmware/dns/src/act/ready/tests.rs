use super::{OWNERS, Ready, SPARE, Sought, TTLS};
use crate::parse::Marks;

const ADDRESS: u16 = 1;

fn question(id: u16, name: &str, kind: u16, flags: u16) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [id, flags, 1, 0, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend_from_slice(label.as_bytes());
    }
    message.extend_from_slice(&[0]);
    for word in [kind, 1] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message
}

/// The question with an answer that lives for 300 seconds, and the place of that number.
fn reply(question: &[u8]) -> (Vec<u8>, u16) {
    let mut reply = question.to_vec();
    reply[2] |= 0x80;
    reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1]);
    (reply, u16::try_from(question.len()).unwrap() + 6)
}

fn keep(ready: &mut Ready, question: &[u8], now: u64, seconds: u32) {
    let (reply, ttl) = reply(question);
    ready.keep((question, 0), &reply, Marks { ttls: &[ttl], owners: &[] }, now, seconds);
}

fn ask(ready: &Ready, question: &[u8], now: u64) -> Option<Vec<u8>> {
    let mut out = [0; 1232];
    let mut sought = Sought::default();
    ready.seek(question, 0, &mut sought);
    ready.fetch(std::slice::from_ref(&sought));
    ready.reply(&sought, question, now, &mut out).map(|length| out[..length].to_vec())
}

#[test]
fn a_reply_has_the_identifier_the_spelling_and_the_lifetime_of_the_moment() {
    let mut ready = Ready::new(64);
    keep(&mut ready, &question(7, "www.example", ADDRESS, 0x100), 1000, 300);
    let asked = question(0xbeef, "wWw.ExAmPlE", ADDRESS, 0x100);
    let (mut expected, ttl) = reply(&asked);
    let ttl = usize::from(ttl);
    expected[ttl..ttl + 4].copy_from_slice(&58_u32.to_be_bytes());
    assert_eq!(ask(&ready, &asked, 1242), Some(expected));
}

#[test]
fn a_name_that_is_written_out_again_has_the_spelling_of_the_moment_too() {
    let mut ready = Ready::new(64);
    let asked = question(7, "www.example", ADDRESS, 0x100);
    let spelled = |question: &[u8]| {
        let (mut reply, _) = reply(question);
        let at = question.len();
        // The name whole, and its first label before a pointer to the rest.
        drop(reply.splice(at..at + 2, question[12..25].to_vec()));
        let second = reply.len();
        reply.extend([&question[12..16], &[0xc0, 16, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 2]].concat());
        (reply, [(u16::try_from(at).unwrap(), 12), (u16::try_from(second).unwrap(), 4)])
    };
    let (reply, owners) = spelled(&asked);
    ready.keep((&asked, 0), &reply, Marks { ttls: &[], owners: &owners }, 1000, 300);
    let again = question(7, "wWw.eXample", ADDRESS, 0x100);
    assert_eq!(ask(&ready, &again, 1000), Some(spelled(&again).0));
}

#[test]
fn whatever_differs_beside_name_and_identifier_is_another_question() {
    let mut ready = Ready::new(64);
    // Type 65 differs from 97 only by the bit that tells upper from lower case.
    let kept = question(1, "a.example", 65, 0x100);
    keep(&mut ready, &kept, 1000, 300);
    assert!(ask(&ready, &kept, 1000).is_some());
    let other = [
        question(1, "b.example", 65, 0x100),
        question(1, "a.example", 97, 0x100),
        question(1, "a.example", 65, 0x110),
        [kept.as_slice(), &[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]].concat(),
    ];
    for question in other {
        assert_eq!(ask(&ready, &question, 1000), None, "{question:?}");
    }
}

#[test]
fn a_reply_ends_with_its_time_and_when_the_clock_goes_back() {
    let mut ready = Ready::new(64);
    let question = question(1, "a.example", ADDRESS, 0x100);
    keep(&mut ready, &question, 1000, 300);
    assert!(ask(&ready, &question, 1299).is_some());
    assert_eq!(ask(&ready, &question, 1300), None);
    assert_eq!(ask(&ready, &question, 999), None);
    assert_eq!(ask(&ready, &question, u64::MAX), None);
}

#[test]
fn another_state_of_the_resolver_has_no_replies() {
    let mut ready = Ready::new(64);
    let question = question(1, "a.example", ADDRESS, 0x100);
    keep(&mut ready, &question, 1000, 300);
    ready.enter(0);
    assert!(ask(&ready, &question, 1000).is_some());
    ready.enter(1);
    assert_eq!(ask(&ready, &question, 1000), None);
}

#[test]
fn the_table_never_grows() {
    let mut ready = Ready::new(64);
    for number in 0..10_000 {
        keep(&mut ready, &question(1, &format!("n{number}.example"), ADDRESS, 0x100), 1000 + number, 300);
    }
    assert_eq!(ready.entries.as_flattened().len(), SPARE * 64);
    let last = question(1, "n9999.example", ADDRESS, 0x100);
    assert!(ask(&ready, &last, 11_000).is_some(), "the newest stays");
}

#[test]
fn nearly_every_reply_that_there_is_room_for_has_a_place() {
    let mut ready = Ready::new(4096);
    let names: Vec<_> = (0..4096).map(|number| question(1, &format!("n{number}.example"), ADDRESS, 0x100)).collect();
    names.iter().for_each(|name| keep(&mut ready, name, 1000, 300));
    let found = names.iter().filter(|name| ask(&ready, name, 1000).is_some()).count();
    // Sets are full by chance (Poisson, 4 of 8): 34 have no place in the mean, give or take 8.
    assert!(found > 4000, "{found}");
}

#[test]
fn what_does_not_fit_is_left_to_others() {
    let mut ready = Ready::new(64);
    let good = question(1, "a.example", ADDRESS, 0x100);
    let (reply, ttl) = reply(&good);
    for (ttls, owners) in [(TTLS + 1, 0), (1, OWNERS + 1)] {
        let marks = Marks { ttls: &vec![ttl; ttls], owners: &vec![(12, 10); owners] };
        ready.keep((&good, 0), &reply, marks, 1000, 300);
        assert_eq!(ask(&ready, &good, 1000), None, "too many marks");
    }
    let cookie =
        [good.as_slice(), &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 12, 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let strange: [&[u8]; 5] = [b"", &good[..HEADER_AND_SOME], &good[..good.len() - 1], &cookie, &[0xff; 600]];
    for message in strange {
        keep_bytes(&mut ready, message);
        assert_eq!(ask(&ready, message, 1000), None, "{message:?}");
    }
    let mut small = [0; 20];
    keep(&mut ready, &good, 1000, 300);
    let mut sought = Sought::default();
    ready.seek(&good, 0, &mut sought);
    assert_eq!(ready.reply(&sought, &good, 1000, &mut small), None, "no room for the reply");
}

const HEADER_AND_SOME: usize = 14;

fn keep_bytes(ready: &mut Ready, message: &[u8]) {
    ready.keep((message, 0), message, Marks { ttls: &[], owners: &[] }, 1000, 300);
}
