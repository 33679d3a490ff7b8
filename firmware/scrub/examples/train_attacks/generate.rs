//! Documents made of phrases: slots filled, words disguised, attacks carried in mails, pages and code.

use crate::data::{Group, Phrases};

/// A text and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// `None`: it is no attack.
    pub(crate) family: Option<String>,
    pub(crate) theme: String,
    /// Number of the phrase that it was made of: documents of one phrase are never on both sides of a test.
    pub(crate) phrase: usize,
    /// Whether it is the phrase and nothing else.
    pub(crate) bare: bool,
    /// The file of whole texts that it is from, if it is kept from training.
    pub(crate) unseen: Option<String>,
    pub(crate) text: String,
}

impl Document {
    /// Whether it is no attack, but speaks of the same things.
    pub(crate) fn is_hard(&self) -> bool {
        self.family.is_none() && !self.is_plain() && !["long", "noise"].contains(&self.theme.as_str())
    }

    /// Whether it is text of the kind that most scanned text is.
    pub(crate) fn is_plain(&self) -> bool {
        self.theme.contains(":plain")
    }
}

/// Numbers that look drawn at random and are the same in each run (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Documents of each attack phrase, and of each benign one.
const OF_ATTACK: usize = 6;
const OF_BENIGN: usize = 6;
/// Of each that is a whole text.
const OF_WHOLE: usize = 3;
/// Of each that is only the ground on which others stand.
const OF_PLAIN: usize = 2;

/// Documents that are nothing but benign phrases one after another.
const LONG: usize = 2500;

/// Benign documents with words of concepts strewn in: that they stand in one text by chance means nothing.
const NOISE: usize = 3500;

/// All documents, in a fixed order.
pub(crate) fn documents(phrases: &Phrases) -> Vec<Document> {
    let mut maker = Maker { phrases, dice: Dice::new(20_261_121), plain: Vec::new() };
    maker.plain =
        phrases.benign.iter().filter(|group| group.name.starts_with("plain")).flat_map(|group| &group.text).collect();
    let mut documents = Vec::new();
    let mut phrase = 0;
    for (groups, attack) in [(&phrases.attacks, true), (&phrases.benign, false)] {
        for group in groups {
            for (number, text) in group.text.iter().enumerate() {
                phrase += 1;
                for version in 0..versions(group, attack) {
                    let text = maker.document(group, text, version, attack);
                    let family = attack.then(|| group.name.clone());
                    let theme = format!("{}:{}", group.language, group.name);
                    let unseen = group.unseen(number);
                    documents.push(Document { family, theme, phrase, bare: version == 0, unseen, text });
                }
            }
        }
    }
    for _ in 0..LONG {
        phrase += 1;
        let text = maker.long();
        documents.push(Document { family: None, theme: "long".to_owned(), phrase, bare: false, unseen: None, text });
    }
    let lists = phrases.spellings();
    for _ in 0..NOISE {
        phrase += 1;
        let text = maker.noise(&lists);
        documents.push(Document { family: None, theme: "noise".to_owned(), phrase, bare: false, unseen: None, text });
    }
    documents
}

fn versions(group: &Group, attack: bool) -> usize {
    match attack {
        _ if group.whole.is_some() => OF_WHOLE,
        true => OF_ATTACK,
        false if group.name.starts_with("plain") => OF_PLAIN,
        false => OF_BENIGN,
    }
}

struct Maker<'a> {
    phrases: &'a Phrases,
    dice: Dice,
    plain: Vec<&'a String>,
}

impl Maker<'_> {
    /// The phrase as the first, second ... document that is made of it.
    fn document(&mut self, group: &Group, phrase: &str, version: usize, attack: bool) -> String {
        if group.whole.is_some() && version == 0 {
            return phrase.to_owned();
        }
        let text = self.filled(phrase, 0);
        let text = if attack && group.name == "encoded" { self.disguised(&text) } else { self.cased(text, version) };
        match version {
            0 => text,
            1 => {
                let text = self.led(text);
                self.chat(&text)
            }
            2 if attack => self.carried(&text),
            2 => format!("{text}\n\n{}", self.prose(2)),
            3 => format!("{}\n\n{text}", self.prose(2)),
            4 => self.carried(&text),
            _ if attack && self.dice.below(4) == 0 => self.disguised(&text),
            _ => {
                let (before, after) = (self.prose(3), self.prose(2));
                let text = self.led(text);
                format!("{before} {text} {after}")
            }
        }
    }

    /// The text behind a word that says what it is, as forms, mails and transcripts have it.
    fn led(&mut self, text: String) -> String {
        const LEADS: [&str; 16] = [
            "Question: ",
            "User: ",
            "Task: ",
            "Q: ",
            "Request: ",
            "Prompt: ",
            "> ",
            "Human: ",
            "Note: ",
            "Input: ",
            "Example: ",
            "Customer: ",
            "Subject: ",
            "Re: ",
            "Hi! ",
            "Please help: ",
        ];
        if self.dice.below(3) == 0 { format!("{}{text}", self.dice.pick(&LEADS)) } else { text }
    }

    /// The phrase with its slots filled, which may have slots themselves.
    fn filled(&mut self, phrase: &str, depth: usize) -> String {
        let mut text = String::new();
        let mut rest = phrase;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let slot = after.split_once('}').filter(|(name, _)| depth < 4 && self.phrases.slots.contains_key(*name));
            match slot {
                Some((name, after)) => {
                    let filling = self.dice.pick(&self.phrases.slots[name]).clone();
                    text.push_str(&self.filled(&filling, depth + 1));
                    rest = after;
                }
                None => {
                    text.push('{');
                    rest = after;
                }
            }
        }
        text + rest
    }

    fn cased(&mut self, text: String, version: usize) -> String {
        match self.dice.below(12) {
            0 if version > 0 => text.to_lowercase(),
            1 if version > 0 => text.to_uppercase(),
            2 => text.replace(['.', ','], ""),
            3 => format!("{}!", text.trim_end_matches('.')),
            _ => text,
        }
    }

    /// A request to a model with the text as what the user says.
    fn chat(&mut self, text: &str) -> String {
        let model = *self.dice.pick(&["gpt-4.1", "claude-opus-4", "mistral-large", "gemini-2.5-pro", "llama-3.3-70b"]);
        let content = serde_json::Value::from(text).to_string();
        let setting = *self.dice.pick(&["", "\"temperature\": 0.2, ", "\"max_tokens\": 1024, ", "\"stream\": true, "]);
        format!("{{\"model\": \"{model}\", {setting}\"messages\": [{{\"role\": \"user\", \"content\": {content}}}]}}")
    }

    /// The text inside a mail, a page, a table, code.
    fn carried(&mut self, text: &str) -> String {
        let groups = &self.phrases.carriers;
        let group = &groups[self.dice.below(groups.len())];
        let carrier = self.dice.pick(&group.text).clone();
        let (body, prose) = (text.to_owned(), self.prose(2));
        self.filled(&carrier, 0).replace("{body}", &body).replace("{prose}", &prose)
    }

    /// So many benign sentences and up to twice as many more.
    fn prose(&mut self, least: usize) -> String {
        let count = least + self.dice.below(2 * least + 1);
        let sentences: Vec<String> = (0..count)
            .map(|_| {
                let sentence = self.plain[self.dice.below(self.plain.len())].clone();
                self.filled(&sentence, 0)
            })
            .collect();
        sentences.join(*self.dice.pick(&[" ", " ", "\n", "\n\n"]))
    }

    fn long(&mut self) -> String {
        let groups = &self.phrases.benign;
        let group = &groups[self.dice.below(groups.len())];
        let count = 3 + self.dice.below(6);
        let sentences: Vec<String> = (0..count)
            .map(|_| {
                let sentence = self.dice.pick(&group.text).clone();
                self.filled(&sentence, 0)
            })
            .collect();
        if self.dice.below(2) == 0 {
            return self.conversation(sentences);
        }
        format!("{}\n{}", sentences.join(*self.dice.pick(&[" ", "\n", "\n- "])), self.prose(1))
    }

    /// A request to a model with what was said in turn, which need not be of one language.
    fn conversation(&mut self, mut turns: Vec<String>) -> String {
        turns.extend((0..self.dice.below(4)).map(|_| self.prose(1)).collect::<Vec<_>>());
        for index in (1..turns.len()).rev() {
            turns.swap(index, self.dice.below(index + 1));
        }
        let role = |index: usize| if index.is_multiple_of(2) { "user" } else { "assistant" };
        let message = |(index, turn): (usize, &String)| {
            let content = serde_json::Value::from(turn.as_str());
            format!("{{\"role\": \"{}\", \"content\": {content}}}", role(index))
        };
        let messages: Vec<String> = turns.iter().enumerate().map(message).collect();
        format!("{{\"messages\": [{}]}}", messages.join(", "))
    }

    /// Benign sentences in which words of some concepts of one language stand by chance.
    fn noise(&mut self, languages: &[Vec<Vec<String>>]) -> String {
        let concepts = &languages[self.dice.below(languages.len())];
        let prose = self.prose(2);
        let mut words: Vec<String> = prose.split(' ').map(str::to_owned).collect();
        for _ in 0..1 + self.dice.below(5) {
            let concept = &concepts[self.dice.below(concepts.len())];
            let word = self.dice.pick(concept).trim().to_owned();
            let at = self.dice.below(words.len() + 1);
            words.insert(at, word);
        }
        if self.dice.below(2) == 0 {
            return words.join(" ");
        }
        // Short sentences of words in no order at all.
        for index in (1..words.len()).rev() {
            words.swap(index, self.dice.below(index + 1));
        }
        let sentences: Vec<String> = words.chunks(8).map(|words| words.join(" ") + ".").collect();
        sentences.join(" ")
    }

    /// The text as somebody writes it who hides it from filters.
    fn disguised(&mut self, text: &str) -> String {
        let ascii = text.chars().filter(char::is_ascii_alphabetic).count() * 10 > text.chars().count() * 6;
        match self.dice.below(5) {
            0 if ascii => self.leet(text),
            1 if ascii => spaced(text, *self.dice.pick(&[' ', '-', '.'])),
            2 if ascii => text.chars().map(rot13).collect(),
            3 => text.chars().rev().collect(),
            _ => {
                let joiner = *self.dice.pick(&['\u{200B}', '\u{200D}', '\u{AD}', '\u{2060}']);
                text.chars().flat_map(|c| if c.is_alphabetic() { vec![c, joiner] } else { vec![c] }).collect()
            }
        }
    }

    fn leet(&mut self, text: &str) -> String {
        let often = 1 + self.dice.below(3);
        let swap = |c: char| match c {
            'i' => '1',
            'o' => '0',
            'e' => '3',
            'a' => '4',
            's' => '5',
            't' => '7',
            c => c,
        };
        text.chars().map(|c| if self.dice.below(4) < often { swap(c) } else { c }).collect()
    }
}

fn spaced(text: &str, gap: char) -> String {
    let word = |word: &str| {
        let letters: Vec<String> = word.chars().map(String::from).collect();
        letters.join(gap.encode_utf8(&mut [0; 4]))
    };
    text.split(' ').map(word).collect::<Vec<_>>().join("  ")
}

fn rot13(c: char) -> char {
    let turn = |first: u8| char::from((c as u8 - first + 13) % 26 + first);
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}
