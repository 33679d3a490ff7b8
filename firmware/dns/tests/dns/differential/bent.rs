//! Questions that are bent in one way each, what ours says to them, and why another resolver may say something else.

use hickory_proto::rr::RecordType;

use super::Dice;
use crate::office::{query, query_edns};

const HEADER: usize = 12;
/// Where the name of `www.lab.example.` ends, its root label included.
const NAME_END: usize = HEADER + 17;
const OPT: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

/// What ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Code(u8),
    Silence,
    /// What the other one says.
    Same,
}

/// One way to bend a question.
pub(super) struct Bend {
    pub(super) what: &'static str,
    bend: fn(&mut Vec<u8>, &mut Dice),
    pub(super) ours: Said,
    /// Why the other one may say something else; empty: it may not.
    pub(super) why: &'static str,
}

const fn bend(what: &'static str, bend: fn(&mut Vec<u8>, &mut Dice), ours: Said, why: &'static str) -> Bend {
    Bend { what, bend, ours, why }
}

/// Every way; each keeps the others out.
pub(super) const BENDS: &[Bend] = &[
    bend("a name that points at itself", |m, _| m[HEADER..HEADER + 2].copy_from_slice(&[0xc0, 12]), Said::Code(1), ""),
    bend(
        "a name that points into the header",
        |m, d| m[HEADER..HEADER + 2].copy_from_slice(&[0xc0, d.byte(12)]),
        Said::Code(1),
        "",
    ),
    bend(
        "a name that points behind the end",
        |m, _| m[HEADER..HEADER + 2].copy_from_slice(&[0xff, 0xff]),
        Said::Code(1),
        "",
    ),
    bend(
        "a label and a pointer to its own start",
        |m, _| m[HEADER + 4..HEADER + 6].copy_from_slice(&[0xc0, 12]),
        Said::Code(1),
        "",
    ),
    bend("a label of 64 bytes", |m, _| m[HEADER] = 64, Said::Code(1), ""),
    bend("a label of the extended kind", |m, _| m[HEADER] = 0x80, Said::Code(1), ""),
    bend("a name of more than 255 bytes", long_name, Said::Code(1), ""),
    bend("cut in the question", |m, d| m.truncate(HEADER + 1 + d.below(16)), Said::Code(1), ""),
    bend("cut in the header", |m, d| m.truncate(d.below(HEADER)), Said::Silence, ""),
    bend("bytes behind the end", |m, d| m.resize(m.len() + 1 + d.below(40), 0xaa), Said::Code(1), TRAILING),
    bend("two questions", |m, _| m[5] = 2, Said::Code(1), ""),
    bend("no question", |m, _| m[5] = 0, Said::Code(1), ""),
    bend("an answer that is counted", |m, _| m[7] = 1, Said::Code(1), ""),
    bend("an authority that is counted", |m, _| m[9] = 1, Said::Code(1), ""),
    bend("an additional record that is missing", |m, _| m[11] = 1, Said::Code(1), ""),
    bend("an answer instead of a question", |m, _| m[2] |= 0x80, Said::Silence, ""),
    bend("another operation", |m, d| m[2] |= [0x08, 0x10, 0x20, 0x28, 0x78][d.below(5)], Said::Code(4), OPERATION),
    bend("another class", |m, d| *m.last_mut().unwrap() = [3, 4, 254, 255][d.below(4)], Said::Code(5), CLASS),
    bend("type 0", |m, _| kind(m, 0), Said::Code(1), KIND),
    bend("type OPT", |m, _| kind(m, 41), Said::Code(1), KIND),
    bend("a transfer", |m, d| kind(m, [251, 252][d.below(2)]), Said::Code(4), KIND),
    bend("mail types long gone", |m, d| kind(m, [253, 254][d.below(2)]), Said::Code(4), KIND),
    bend("everything", |m, _| kind(m, 255), Said::Code(0), EVERYTHING),
    bend("two OPT records", |m, _| opts(m, &[&OPT, &OPT]), Said::Code(1), ""),
    bend(
        "an OPT record with a name",
        |m, _| opts(m, &[&[&[1, b'x'], OPT.as_slice()].concat()]),
        Said::Code(1),
        OPT_NAME,
    ),
    bend("EDNS version 1", |m, _| opts(m, &[&[0, 0, 41, 4, 208, 0, 1, 0, 0, 0, 0]]), Said::Code(0), ""),
    bend(
        "an option that is longer than its record",
        |m, _| opts(m, &[&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 9]]),
        Said::Code(1),
        OPTION,
    ),
    bend(
        "a cookie of a length that none has",
        |m, _| opts(m, &[&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 9, 0, 10, 0, 5, 1, 2, 3, 4, 5]]),
        Said::Code(1),
        OPTION,
    ),
    bend("a long padding", |m, d| padding(m, 100 + d.below(1500)), Said::Same, ""),
    bend("more than a question can be", |m, d| padding(m, 2100 + d.below(1500)), Said::Code(1), OVERSIZE),
    bend("reserved bits", |m, _| m[3] |= 0x40, Said::Same, ""),
    bend("flags of answers", |m, d| m[3] |= [0x20, 0x80, 0x0f][d.below(3)], Said::Same, ""),
    bend("the truncation bit", |m, _| m[2] |= 0x02, Said::Same, FLAGS),
    bend(
        "odd case",
        |m, d| {
            m[HEADER + 1..NAME_END].iter_mut().for_each(|b| {
                if b.is_ascii_lowercase() && d.below(2) == 0 {
                    *b ^= 0x20;
                }
            });
        },
        Said::Same,
        "",
    ),
];

const TRAILING: &str = "nothing may follow a question: what does is no padding, and would go on to nobody";
const OPERATION: &str = "only questions are served: an update or a notice belongs to a zone's own server";
const CLASS: &str = "only the internet's class is served; another resolver tells its version or looks it up";
const KIND: &str = "such a type names no record: it is refused here and never asked of anybody";
const EVERYTHING: &str = "\"everything\" is answered with a word (RFC 8482)";
const OPT_NAME: &str = "the owner of an OPT record is the root (RFC 6891 section 6.1.2)";
const OPTION: &str =
    "options must fit their record (RFC 6891 section 6.1.2), and a cookie has 8 or 16 to 40 bytes (RFC 7873 section 4)";
const OVERSIZE: &str = "no question has more than 2048 bytes";
const FLAGS: &str = "a question is never cut: the bit is not looked at";

impl Bend {
    /// A bent question for a name that exists.
    pub(super) fn question(&self, dice: &mut Dice) -> Vec<u8> {
        let mut message = query("www.lab.example.", RecordType::A).to_vec().unwrap();
        (self.bend)(&mut message, dice);
        message
    }
}

fn kind(message: &mut [u8], kind: u8) {
    message[NAME_END..NAME_END + 2].copy_from_slice(&[0, kind]);
}

fn opts(message: &mut Vec<u8>, records: &[&[u8]]) {
    message[11] = u8::try_from(records.len()).unwrap();
    records.iter().for_each(|record| message.extend_from_slice(record));
}

/// EDNS padding (RFC 7830).
fn padding(message: &mut Vec<u8>, length: usize) {
    *message = query_edns("www.lab.example.", RecordType::A, 1232, false).to_vec().unwrap();
    let end = message.len();
    let words = [length + 4, 12, length].map(|word| u16::try_from(word).unwrap().to_be_bytes());
    message[end - 2..].copy_from_slice(&words[0]);
    message.extend(words[1..].concat());
    message.resize(message.len() + length, 0);
}

fn long_name(message: &mut Vec<u8>, _: &mut Dice) {
    let label = [&[63], [b'a'; 63].as_slice()].concat();
    let tail = message.split_off(NAME_END - 1);
    message.truncate(HEADER);
    message.extend(label.repeat(4));
    message.extend(tail);
}
