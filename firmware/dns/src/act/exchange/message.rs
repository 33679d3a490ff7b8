//! Writing the question that an upstream receives.

use std::io;

use crate::act::reply::PAYLOAD;
use crate::parse::{HEADER, Question, class, flag, kind};

/// EDNS padding (RFC 7830).
const PADDING: u16 = 12;
/// Encrypted questions are a multiple of this long (RFC 8467 section 4.1), so that their length does not tell the name.
const PADDED: usize = 128;

/// A standard query, with an OPT record for a server that takes one.
pub(super) fn query(id: u16, question: &Question, edns: bool) -> Vec<u8> {
    // AD asks for the AD bit of the answer without DNSSEC records (RFC 6840 section 5.7).
    let checking = if question.checking_disabled { flag::CD } else { 0 };
    // Both bits are younger than servers without EDNS.
    let younger = if edns { flag::AD | checking } else { 0 };
    let mut message = Vec::with_capacity(64 + question.name.len());
    for word in [id, flag::RD | younger, 1, 0, 0, u16::from(edns)] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(&question.name);
    for word in [question.kind, class::IN] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    if !edns {
        return message;
    }
    message.push(0);
    let dnssec_ok = if question.dnssec_ok { 0x8000 } else { 0 };
    for word in [kind::OPT, PAYLOAD, 0, dnssec_ok, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message
}

/// The same, padded: only OPT can hold the padding.
pub(super) fn padded_query(question: &Question, edns: bool) -> Vec<u8> {
    let mut message = query(0, question, edns);
    if !edns {
        return message;
    }
    let options = message.len() - 2;
    let padding = (message.len() + 4).next_multiple_of(PADDED) - message.len() - 4;
    let padding = u16::try_from(padding).expect("less than a block");
    for word in [PADDING, padding] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.resize(message.len() + usize::from(padding), 0);
    message[options..options + 2].copy_from_slice(&(padding + 4).to_be_bytes());
    message
}

/// Length and message, as every stream carries them (RFC 1035 section 4.2.2).
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a query is short");
    [&length.to_be_bytes(), message].concat()
}

pub(super) fn random_id() -> io::Result<u16> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(bytes))
}

/// Gives each letter of the question's name a random case, which a true answer repeats: some more bits that a forger has
/// to guess (draft-vixie-dnsext-dns0x20).
pub(super) fn spell_at_random(message: &mut [u8], name: usize) -> io::Result<()> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    // Length bytes are below 64, so they are no letters.
    for (at, byte) in message[HEADER..HEADER + name].iter_mut().enumerate() {
        if byte.is_ascii_alphabetic() && random[at / 8 % random.len()] >> (at % 8) & 1 == 1 {
            *byte ^= 0x20;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{padded_query, query, spell_at_random};
    use crate::parse::{HEADER, Name, Query, Question};

    fn question(name: &str) -> Question {
        let name = Name::of_text(name).folded().into();
        Question { name, kind: 1, dnssec_ok: true, checking_disabled: false, way: 0 }
    }

    #[test]
    fn encrypted_questions_have_few_lengths_and_read_back() {
        for name in ["a.example", &"label.".repeat(10), &"long-label-of-23-letters.".repeat(9)] {
            let message = padded_query(&question(name), true);
            assert_eq!(message.len() % 128, 0, "{name}");
            let read = Query::read(&message).unwrap();
            assert_eq!(read.question(), question(name));
        }
    }

    #[test]
    fn spelling_changes_letters_only() {
        let question = question("0123456789-abcdefghijklmnopqrstuvwxyz.example");
        let (mut spelled, plain) = (query(7, &question, true), query(7, &question, true));
        spell_at_random(&mut spelled, question.name.len()).unwrap();
        assert_ne!(spelled, plain, "of 33 letters one at least changes");
        assert!(spelled.eq_ignore_ascii_case(&plain));
        assert_eq!(spelled[HEADER + question.name.len()..], plain[HEADER + question.name.len()..]);
    }
}
