//! Messages of multicast DNS (RFC 6762, RFC 1035 section 4), as far as one name with one address needs them. Everything read
//! here is somebody else's: names, records and jumps are bounded.

use std::net::Ipv4Addr;

pub(super) const PORT: u16 = 5353;
/// How long others may remember the answer, in seconds (section 10: names of hosts).
const TTL: u32 = 120;
/// A resolver that does not speak multicast forgets soon (section 6.7).
const LEGACY_TTL: u32 = 10;
/// Questions and records of one message that are looked at.
const MOST: u16 = 32;
/// Jumps of one compressed name.
const JUMPS: usize = 8;
const LONGEST_NAME: usize = 255;

const A: u16 = 1;
const ANY: u16 = 255;
const IN: u16 = 1;
/// "Answer me alone" in a question; "forget what you knew" in an answer.
const TOP_BIT: u16 = 0x8000;

/// A host's name, in the form that messages have it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(Vec<u8>);

/// `nanogate.local`, or with a number from 2 on.
impl Name {
    pub(super) fn numbered(number: u32) -> Self {
        let label = label(number);
        let mut bytes = vec![u8::try_from(label.len()).unwrap_or(63)];
        bytes.extend(label.as_bytes());
        bytes.extend(b"\x05local\0");
        Self(bytes)
    }
}

pub(super) fn label(number: u32) -> String {
    if number < 2 { "nanogate".to_owned() } else { format!("nanogate-{number}") }
}

/// What to send, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) message: Vec<u8>,
    /// To the asker alone, or to everybody.
    pub(super) alone: bool,
}

/// What somebody else says of our name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is theirs: an answer with this address.
    Has(Ipv4Addr),
    /// They would have it (section 8.1): a question, and this address.
    Wants(Ipv4Addr),
}

/// One record or question, at its place.
struct Item {
    name: Vec<u8>,
    kind: u16,
    class: u16,
    data: Option<Ipv4Addr>,
    end: usize,
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]))
}

/// The answer to a message, if it asks for our address. `port` is the asker's: multicast resolvers ask from 5353.
pub(super) fn answer(message: &[u8], port: u16, name: &Name, address: Ipv4Addr) -> Option<Answer> {
    // Only questions: neither answers nor other operations.
    if word(message, 2)? & 0xf800 != 0 {
        return None;
    }
    let mut at = 12;
    for _ in 0..word(message, 4)?.min(MOST) {
        let asked = item(message, at, false)?;
        if asked.name == name.0 && matches!(asked.kind, A | ANY) && asked.class & !TOP_BIT == IN {
            let legacy = port != PORT;
            let question = legacy.then(|| &message[at..asked.end]);
            let alone = legacy || asked.class & TOP_BIT != 0;
            return Some(Answer { message: render(word(message, 0)?, question, name, address), alone });
        }
        at = asked.end;
    }
    None
}

/// What a message says of our name that is not what we say ourselves.
pub(super) fn claim(message: &[u8], name: &Name, address: Ipv4Addr) -> Option<Claim> {
    let flags = word(message, 2)?;
    if flags & 0x7800 != 0 {
        return None;
    }
    let is_answer = flags & 0x8000 != 0;
    let mut at = 12;
    for _ in 0..word(message, 4)?.min(MOST) {
        at = item(message, at, false)?.end;
    }
    // A question's own records are in its section of authorities, which comes after that of answers.
    let (answers, authorities) = (word(message, 6)?, word(message, 8)?);
    for number in 0..answers.saturating_add(authorities).min(MOST) {
        let record = item(message, at, true)?;
        at = record.end;
        let theirs = record.data.filter(|theirs| *theirs != address);
        let ours = record.name == name.0 && record.kind == A && record.class & !TOP_BIT == IN;
        match theirs.filter(|_| ours) {
            Some(theirs) if is_answer && number < answers => return Some(Claim::Has(theirs)),
            Some(theirs) if !is_answer && number >= answers => return Some(Claim::Wants(theirs)),
            _ => {}
        }
    }
    None
}

fn item(message: &[u8], at: usize, is_record: bool) -> Option<Item> {
    let (name, end) = name_at(message, at)?;
    let (kind, class) = (word(message, end)?, word(message, end + 2)?);
    if !is_record {
        return Some(Item { name, kind, class, data: None, end: end + 4 });
    }
    let length = usize::from(word(message, end + 8)?);
    let data = message.get(end + 10..end + 10 + length)?;
    let data = <[u8; 4]>::try_from(data).ok().map(Ipv4Addr::from);
    Some(Item { name, kind, class, data, end: end + 10 + length })
}

/// The name at an offset, in small letters, and where what follows it begins; jumps lead back only.
fn name_at(message: &[u8], begin: usize) -> Option<(Vec<u8>, usize)> {
    let (mut name, mut at, mut after) = (Vec::new(), begin, None);
    for _ in 0..JUMPS {
        let lowest = at;
        loop {
            let length = *message.get(at)?;
            match length {
                0 => {
                    name.push(0);
                    return Some((name, after.unwrap_or(at + 1)));
                }
                1..=63 => {
                    let label = message.get(at..=at + usize::from(length))?;
                    name.extend(label.iter().map(u8::to_ascii_lowercase));
                    at += label.len();
                }
                192.. => {
                    after.get_or_insert(at + 2);
                    at = usize::from(word(message, at)? & 0x3fff);
                    break;
                }
                _ => return None,
            }
            if name.len() > LONGEST_NAME {
                return None;
            }
        }
        if at >= lowest {
            return None;
        }
    }
    None
}

/// "Has anybody this name? I would have it": asked three times before it is taken (section 8.1).
pub(super) fn probe(name: &Name, address: Ipv4Addr) -> Vec<u8> {
    // One question, one authority.
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    message.extend(&name.0);
    message.extend(ANY.to_be_bytes());
    message.extend((IN | TOP_BIT).to_be_bytes());
    record(&mut message, name, IN, TTL, address);
    message
}

/// An answer that nobody asked for: from now on this is so.
pub(super) fn announcement(name: &Name, address: Ipv4Addr) -> Vec<u8> {
    render(0, None, name, address)
}

/// One answer; for a resolver that does not speak multicast with its number and question, as it expects.
fn render(id: u16, question: Option<&[u8]>, name: &Name, address: Ipv4Addr) -> Vec<u8> {
    let (id, class, ttl) = if question.is_some() { (id, IN, LEGACY_TTL) } else { (0, IN | TOP_BIT, TTL) };
    let mut message = Vec::with_capacity(64);
    message.extend(id.to_be_bytes());
    // An answer, with authority; as many questions as we repeat, one answer.
    message.extend([0x84, 0, 0, u8::from(question.is_some()), 0, 1, 0, 0, 0, 0]);
    message.extend(question.unwrap_or_default());
    record(&mut message, name, class, ttl, address);
    message
}

fn record(message: &mut Vec<u8>, name: &Name, class: u16, ttl: u32, address: Ipv4Addr) {
    message.extend(&name.0);
    message.extend(A.to_be_bytes());
    message.extend(class.to_be_bytes());
    message.extend(ttl.to_be_bytes());
    message.extend(4_u16.to_be_bytes());
    message.extend(address.octets());
}

#[cfg(test)]
mod tests {
    use super::{A, ANY, Claim, IN, Ipv4Addr, Name, PORT, announcement, answer, claim, probe};

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
    const NAME: &[u8] = b"\x08nanogate\x05local\x00";

    fn question(name: &[u8], kind: u16, class: u16) -> Vec<u8> {
        let mut message = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(name);
        message.extend(kind.to_be_bytes());
        message.extend(class.to_be_bytes());
        message
    }

    fn ours() -> Name {
        Name::numbered(1)
    }

    #[test]
    fn a_question_for_our_name_is_answered_to_everybody() {
        for kind in [A, ANY] {
            let found = answer(&question(NAME, kind, 1), PORT, &ours(), ADDRESS).expect("an answer");
            assert!(!found.alone && found.message.ends_with(&[0, 4, 192, 0, 2, 53]));
            assert_eq!(&found.message[..2], [0, 0]);
        }
        let loud = question(b"\x08NANOGATE\x05Local\x00", A, 1);
        assert!(answer(&loud, PORT, &ours(), ADDRESS).is_some(), "names are the same in any case");
        let second = question(b"\x0ananogate-2\x05local\x00", A, 1);
        assert!(answer(&second, PORT, &Name::numbered(2), ADDRESS).is_some());
        assert!(answer(&second, PORT, &ours(), ADDRESS).is_none());
    }

    #[test]
    fn who_asks_to_be_answered_alone_is_and_an_ordinary_resolver_gets_its_question_back() {
        assert!(answer(&question(NAME, A, 0x8001), PORT, &ours(), ADDRESS).expect("an answer").alone);
        let asked = question(NAME, A, 1);
        let found = answer(&asked, 40_000, &ours(), ADDRESS).expect("an answer");
        assert!(found.alone && found.message[..2] == [0, 7]);
        assert_eq!(found.message[12..asked.len()], asked[12..]);
    }

    #[test]
    fn nothing_else_is_answered() {
        for message in [
            question(b"\x05other\x05local\x00", A, 1),
            question(NAME, 28, 1),
            question(NAME, A, 3),
            question(b"\xc0\x0c", A, 1),
            question(b"\xc0\x20", A, 1),
            question(b"\x3f", A, 1),
            question(b"\x40", A, 1),
            Vec::new(),
            vec![0; 11],
        ] {
            assert_eq!(answer(&message, PORT, &ours(), ADDRESS), None, "{message:02x?}");
        }
        let mut response = question(NAME, A, 1);
        response[2] = 0x84;
        assert_eq!(answer(&response, PORT, &ours(), ADDRESS), None);
    }

    #[test]
    fn what_others_say_of_our_name_is_heard_and_what_we_say_ourselves_is_not() {
        for (message, heard) in [
            (announcement(&ours(), OTHER), Some(Claim::Has(OTHER))),
            (probe(&ours(), OTHER), Some(Claim::Wants(OTHER))),
            (announcement(&ours(), ADDRESS), None),
            (probe(&ours(), ADDRESS), None),
            (announcement(&Name::numbered(2), OTHER), None),
            (question(NAME, A, IN), None),
        ] {
            assert_eq!(claim(&message, &ours(), ADDRESS), heard, "{message:02x?}");
        }
        assert!(answer(&probe(&ours(), OTHER), PORT, &ours(), ADDRESS).is_some(), "and so it is defended");
    }

    #[test]
    fn a_name_that_is_compressed_is_the_same_name() {
        // A question for a service, whose answer points back to the host's name in it.
        let mut message = vec![0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        message.extend(b"\x04_tcp");
        message.extend(NAME);
        message.extend([0, 12, 0, 1]);
        message.extend([0xc0, 17, 0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, 99]);
        assert_eq!(claim(&message, &ours(), ADDRESS), Some(Claim::Has(OTHER)));
    }

    #[test]
    fn any_cut_of_a_message_is_survived() {
        let (asked, said) = (question(NAME, A, 1), announcement(&ours(), OTHER));
        for end in 0..asked.len() {
            assert_eq!(answer(&asked[..end], PORT, &ours(), ADDRESS), None);
        }
        for end in 0..said.len() {
            assert_eq!(claim(&said[..end], &ours(), ADDRESS), None);
        }
    }
}
