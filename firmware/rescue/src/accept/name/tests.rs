use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use super::{NameError, address, ask_each, is_name, question, resolve};

const NAME: &str = "updates.example.com";

/// A resolver that gives one answer, made from the question.
fn resolver(answer: impl FnOnce(Vec<u8>) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut bytes = [0; 512];
        let (length, client) = socket.recv_from(&mut bytes).expect("a question");
        socket.send_to(&answer(bytes[..length].to_vec()), client).expect("sent");
    });
    address
}

/// The question as an answer with these records behind it.
fn answered(mut message: Vec<u8>, records: &[(u16, &[u8])]) -> Vec<u8> {
    message[2] |= 0x80;
    message[7] = records.len() as u8;
    for (kind, data) in records {
        // The name is a pointer to the question's.
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend(*data);
    }
    message
}

#[test]
fn the_first_address_counts_and_aliases_before_it_are_passed_over() {
    let asked = resolver(|question| answered(question, &[(5, b"\x01a\xc0\x0c"), (1, &[192, 0, 2, 7])]));
    assert_eq!(ask_each(NAME, &[asked]).expect("an address"), Ipv4Addr::new(192, 0, 2, 7));
}

#[test]
fn the_next_resolver_is_asked_when_one_knows_nothing() {
    let knows_nothing = resolver(|question| answered(question, &[]));
    let knows = resolver(|question| answered(question, &[(1, &[192, 0, 2, 8])]));
    assert_eq!(ask_each(NAME, &[knows_nothing, knows]).expect("an address"), Ipv4Addr::new(192, 0, 2, 8));
    assert!(matches!(resolve(NAME, &[]), Err(NameError::Nobody(_))));
}

#[test]
fn only_a_whole_answer_to_this_question_is_one() {
    let asked = question(NAME, 7).expect("short").to_vec();
    let good = answered(asked.clone(), &[(1, &[192, 0, 2, 7])]);
    assert!(address(&good, &asked).is_some());
    let changed = |at: usize, value: u8| {
        let mut message = good.clone();
        message[at] = value;
        message
    };
    for (message, why) in [
        (asked.clone(), "the question itself"),
        (changed(1, 9), "another number"),
        (changed(3, 3), "no such name"),
        (changed(13, b'x'), "another name"),
        (changed(asked.len() + 3, 28), "no A record"),
        (changed(asked.len() + 11, 16), "a length past the end"),
    ] {
        assert_eq!(address(&message, &asked), None, "{why}");
    }
    for end in 0..good.len() {
        assert_eq!(address(&good[..end], &asked), None, "cut at {end}");
    }
}

#[test]
fn names_are_letters_digits_and_dashes() {
    assert!(is_name(NAME) && is_name("router") && is_name("a-1.example"));
    for text in ["", ".", "a..b", "a b", "a\r\nb", "[::1]", &"a".repeat(64), &"a.".repeat(200)] {
        assert!(!is_name(text), "{text:?}");
    }
}
