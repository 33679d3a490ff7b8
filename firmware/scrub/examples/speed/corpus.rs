//! Clean bodies from a fixed seed.

use gate_scrub::BodyKind;
use serde_json::{Value, json};

/// What a corpus is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Code,
    Json,
}

/// One body to scan.
pub(crate) struct Body {
    pub(crate) kind: BodyKind,
    pub(crate) bytes: Vec<u8>,
}

/// Source code as it is written: that of this crate and its neighbours.
const CODE: [&str; 6] = [
    include_str!("../../src/parse/map.rs"),
    include_str!("../../src/stream.rs"),
    include_str!("../../../core/src/judge.rs"),
    include_str!("../../src/decide/resolve.rs"),
    include_str!("../../src/pack/machine.rs"),
    include_str!("../../src/accept.rs"),
];

const WORDS: &str = "the of and to a in is it you that he was for on are with as his they be at one have this from or \
had by but some what there we can out other were all your when up use word how said an each she which do their time if \
will way about many then them would write like so these her long make thing see him two has look more day could go come \
did my sound no most number who over know water than call first people may down side been now find any new work part \
take get place made live where after back little only round man year came show every good me give our under name very \
through just form much great think say help low line before turn cause same mean differ move right boy old too does \
tell sentence set three want air well also play small end put home read hand port large spell add even land here must \
big high such follow act why ask men change went light kind off need house picture try us again animal point mother \
world near build self earth father head stand own page should country found answer school grow study still learn plant \
cover food sun four thought let keep eye never last door between city tree cross since hard start might story saw far \
sea draw left late run while press close night real life few stop open seem together next white children begin got \
walk example ease paper often always music those both mark book letter until mile river car feet care second group \
carry took rain eat room friend began idea fish mountain north once base hear horse cut sure watch colour face wood \
main enough plain girl usual young ready above ever red list though feel talk bird soon body dog family direct pose \
leave song measure state product black short numeral class wind question happen complete ship area half rock order \
fire south problem piece told knew pass farm top whole king size heard best hour better true during hundred remember \
step early hold west ground interest reach fast five sing listen six table travel less morning ten simple several vowel \
toward war lay against pattern slow centre love person money serve appear road map science rule govern pull cold notice \
voice fall power town fine certain fly unit lead cry dark machine note wait plan figure star box noun field rest correct \
able pound done beauty drive stood contain front teach week final gave green oh quick develop sleep warm free minute \
strong special mind behind clear tail produce fact street inch lot nothing course stay wheel full force blue object \
decide surface deep moon island foot yet busy test record boat common gold possible plane age dry wonder laugh thousand \
ago ran check game shape yes hot miss brought heat snow bed bring sit perhaps fill east weight language among report \
meeting budget quarter invoice customer supplier contract delivery schedule deadline feature release review summary \
function returns request response server client database index query latency throughput cache thread memory error \
Müller café naïve façade résumé übrigens größer señor";

/// A small generator of numbers, the same on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    /// One that rolls the same for the same seed.
    pub(crate) fn new(seed: u64) -> Self {
        // Zero would stay what it is.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }
}

impl Kind {
    /// The kind that `name` stands for.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [("text", Self::Text), ("code", Self::Code), ("json", Self::Json)]
            .into_iter()
            .find(|it| it.0 == name)
            .map(|it| it.1)
    }
}

/// At least `total` bytes of bodies of about `size` bytes each.
pub(crate) fn bodies(kind: Kind, total: usize, size: usize) -> Vec<Body> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ size as u64);
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    (0..total.div_ceil(size))
        .map(|_| match kind {
            Kind::Text => Body { kind: BodyKind::Text, bytes: prose(&mut dice, &words, size).into_bytes() },
            Kind::Code => Body { kind: BodyKind::Text, bytes: code(&mut dice, size).into_bytes() },
            Kind::Json => Body { kind: BodyKind::Json, bytes: chat(&mut dice, &words, size) },
        })
        .collect()
}

/// Paragraphs of sentences, with the numbers, dates and links that people write.
fn prose(dice: &mut Dice, words: &[&str], size: usize) -> String {
    let mut text = String::with_capacity(size + 256);
    while text.len() < size {
        for at in 0..6 + dice.roll(14) {
            // About half of all words of a text only join the others. Without them it would read like a wallet's phrase.
            let reach = if at % 4 == 0 {
                8
            } else if dice.roll(3) == 0 {
                40
            } else {
                words.len()
            };
            let word = words[dice.roll(reach)];
            let mut letters = word.chars();
            match (at, letters.next()) {
                (0, Some(first)) => text.extend(first.to_uppercase().chain(letters)),
                _ => text.push_str(word),
            }
            match dice.roll(60) {
                0 => text.push_str(&format!(" {},", dice.roll(1000))),
                1 => text.push_str(", which"),
                2 => text.push_str(&format!(" at {}:{:02}", dice.roll(24), dice.roll(60))),
                3 if dice.roll(4) == 0 => {
                    text.push_str(&format!(" on 2026-{:02}-{:02}", 1 + dice.roll(12), 1 + dice.roll(28)));
                }
                4 if dice.roll(4) == 0 => {
                    text.push_str(&format!(" (see https://docs.example.com/{word}/{})", dice.roll(90)));
                }
                _ => {}
            }
            text.push(' ');
        }
        text.pop();
        text.push_str(if dice.roll(5) == 0 { ".\n\n" } else { ". " });
    }
    text
}

/// A stretch of lines of a source file.
fn code(dice: &mut Dice, size: usize) -> String {
    let mut text = String::with_capacity(size + 256);
    while text.len() < size {
        let lines: Vec<&str> = CODE[dice.roll(CODE.len())].lines().collect();
        for line in lines.iter().skip(dice.roll(lines.len())).take(60) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// A request in the shape of OpenAI's chat API: what a person asks, with code in it, and what was answered.
fn chat(dice: &mut Dice, words: &[&str], size: usize) -> Vec<u8> {
    let mut messages: Vec<Value> =
        vec![json!({"role": "system", "content": "You answer briefly, in the language of the question."})];
    let mut len = 200;
    while len < size {
        let part = (size - len).min(300 + dice.roll(2500));
        let role = if messages.len() % 2 == 1 { "user" } else { "assistant" };
        let content = match dice.roll(3) {
            0 => format!("{}\n```rust\n{}```\n", prose(dice, words, part / 3), code(dice, part * 2 / 3)),
            _ => prose(dice, words, part),
        };
        len += content.len() + content.len() / 30 + 40;
        messages.push(json!({"role": role, "content": content}));
    }
    let body = json!({"model": "gpt-5", "temperature": 0.7, "stream": true, "messages": messages, "max_tokens": 4096});
    body.to_string().into_bytes()
}
