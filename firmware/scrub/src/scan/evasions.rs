//! Values that are hidden from a scanner and from nobody else.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gate_core::Finding;
use serde_json::json;

use super::hidden::tags;
use super::tests::{SCANNER, found, scan};
use crate::{BodyKind, Limits};

/// Letters of other scripts that are drawn like the Latin ones before them.
const TWINS: &str = "aаeеoоpрcсyуxхiіsѕjјhһdԁqԛwԝlӏAАBВEЕKКMМHНOОPРCСTТXХSЅIІJЈYҮZΖNΝ";

fn twins(text: &str) -> String {
    let letters: Vec<char> = TWINS.chars().collect();
    let twin = |c: char| letters.chunks(2).find(|pair| pair[0] == c).map_or(c, |pair| pair[1]);
    text.chars().map(twin).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The text in tag characters, of which there are as many as there is ASCII.
fn unseen(text: &str) -> String {
    if text.is_ascii() { tags(text) } else { text.to_owned() }
}

fn wrapped(text: &str, columns: usize) -> String {
    let encoded = STANDARD.encode(text);
    let lines: Vec<&str> = encoded.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join("\r\n")
}

fn gzip(text: &str) -> String {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut writer, text.as_bytes()).unwrap();
    STANDARD.encode(writer.finish().unwrap())
}

/// One way to hide a text, which keeps what a reader or a program makes of it.
#[derive(Clone, Debug)]
pub(crate) struct Disguise {
    pub(crate) name: &'static str,
    kind: BodyKind,
    hide: fn(&str) -> String,
    /// A backslash in the text is half an escape, which this disguise would tear from its other half.
    tears_escapes: bool,
}

pub(crate) const DISGUISES: &[Disguise] = &[
    plain("a JSON string", BodyKind::Json, |text| json!([text]).to_string()),
    plain("JSON in JSON", BodyKind::Json, |text| json!({"x": json!({"y": text}).to_string()}).to_string()),
    plain("server-sent events", BodyKind::Sse, |text| format!("data: {}\n\n", json!({"delta": text}))),
    plain("full-width digits", BodyKind::Text, |text| wide(text, |c| c.is_ascii_digit())),
    plain("full width", BodyKind::Text, |text| wide(text, |c| c.is_ascii_graphic() && c != '\\')),
    tearing("zero-width characters", BodyKind::Text, |text| text.chars().flat_map(|c| [c, '\u{200B}']).collect()),
    tearing("soft hyphens", BodyKind::Text, |text| text.chars().flat_map(|c| [c, '\u{AD}', '\u{2060}']).collect()),
    plain("look-alike letters", BodyKind::Text, twins),
    tearing("strokes over letters", BodyKind::Text, |text| text.chars().flat_map(|c| [c, '\u{336}']).collect()),
    tearing("escapes", BodyKind::Json, |text| {
        let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        format!("[\"{units}\"]")
    }),
    tearing("escapes in text", BodyKind::Text, |text| {
        text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
    }),
    plain("tag characters", BodyKind::Text, |text| format!("Nice weather{} today.", unseen(text))),
    plain("tag characters in escapes", BodyKind::Json, |text| json!([unseen(text)]).to_string()),
    plain("percent escapes", BodyKind::Text, |text| text.bytes().map(|byte| format!("%{byte:02X}")).collect()),
    plain("a form", BodyKind::Form, |text| {
        format!("a=1&text={}", text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>())
    }),
    plain("character references", BodyKind::Text, |text| {
        text.chars().map(|c| format!("&#{};", u32::from(c))).collect()
    }),
    plain("base64", BodyKind::Text, |text| format!("run {} now", STANDARD.encode(text))),
    plain("base64 for URLs", BodyKind::Text, |text| format!("https://x.example/?q={}", URL_SAFE_NO_PAD.encode(text))),
    plain("base64 in lines", BodyKind::Text, |text| format!("run:\n{}\n", wrapped(text, 76))),
    plain("base64 in lines in JSON", BodyKind::Json, |text| json!({"file": wrapped(text, 64)}).to_string()),
    plain("base64 thrice", BodyKind::Text, |text| STANDARD.encode(STANDARD.encode(STANDARD.encode(text)))),
    plain("base64 of JSON", BodyKind::Text, |text| STANDARD.encode(json!({"a": {"b": text}}).to_string())),
    plain("hexadecimal", BodyKind::Text, |text| format!("x={};", hex(text))),
    plain("gzip", BodyKind::Text, |text| format!("H: {}", gzip(text))),
    plain("UTF-16 in base64", BodyKind::Text, |text| {
        STANDARD.encode(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
    }),
];

const fn plain(name: &'static str, kind: BodyKind, hide: fn(&str) -> String) -> Disguise {
    Disguise { name, kind, hide, tears_escapes: false }
}

const fn tearing(name: &'static str, kind: BodyKind, hide: fn(&str) -> String) -> Disguise {
    Disguise { name, kind, hide, tears_escapes: true }
}

fn wide(text: &str, which: fn(char) -> bool) -> String {
    text.chars().map(|c| if which(c) { char::from_u32(u32::from(c) + 0xFEE0).unwrap() } else { c }).collect()
}

impl Disguise {
    pub(crate) fn of(&self, text: &str) -> String {
        (self.hide)(text)
    }
}

#[test]
fn disguises_hide_no_example_of_any_rule() {
    for disguise in DISGUISES {
        let (mut all, mut missed) = (0, Vec::new());
        for (rule, text) in SCANNER.pack().examples() {
            // Encodings that begin at eight bytes cannot hide less.
            if (disguise.tears_escapes && text.contains('\\')) || text.len() < 8 {
                continue;
            }
            all += 1;
            let body = disguise.of(text);
            let is_found = |finding: &Finding| finding.rule == rule;
            if !scan(disguise.kind, body.as_bytes()).iter().any(is_found) {
                missed.push(rule);
            }
        }
        assert!(all > 500 && missed.len() * 50 <= all, "{}: {} of {all}: {missed:?}", disguise.name, missed.len());
    }
}

#[test]
fn an_encoded_value_is_judged_by_the_words_around_it() {
    let value = STANDARD.encode("k7!mWq29zLp");
    let keyword = STANDARD.encode("the password is: ");
    assert_eq!(found(BodyKind::Text, &format!("my password: {value}, ok")), [("password".to_owned(), value.clone())]);
    assert_eq!(found(BodyKind::Text, &format!("{value} {value} 1")), []);
    let card = STANDARD.encode("4111111111111111");
    assert_eq!(found(BodyKind::Text, &format!("credit card {card}.")), [("card".to_owned(), card)]);
    let findings = scan(BodyKind::Text, format!("{keyword}k7!mWq29zLp").as_bytes());
    assert_eq!(findings.iter().map(|f| (f.start, f.end)).collect::<Vec<_>>(), [(keyword.len(), keyword.len() + 11)]);
}

#[test]
fn a_run_that_is_disguised_in_places_is_read_whole() {
    let run = STANDARD.encode("my mail is anna.meyer@example.org, thanks");
    let (before, after) = run.split_at(22);
    let letter = after.chars().next().unwrap();
    let rest = &after[1..];
    let rows = [
        format!("{before}%{:02X}{rest}", u32::from(letter)),
        format!("{before}&#{};{rest}", u32::from(letter)),
        format!("{before}{letter}\u{336}{rest}"),
        format!("see%20{run}%20there"),
        twins(&run),
    ];
    for text in rows {
        let kinds: Vec<String> = found(BodyKind::Text, &text).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["email"], "{text}");
    }
}

#[test]
fn words_in_their_own_script_are_no_disguise() {
    let texts = [
        "Сегодня мы обсудили отчёт за третий квартал, номер заказа 4402913, сумма 12 500 рублей. Пароль никому не сообщайте.",
        "Привіт! Зустріч о 15:30, кабінет 204. Рахунок № 20318 надійшов, але підпис ще не поставили, тому зачекайте.",
        "Η συνάντηση θα γίνει στις 10 Μαΐου, αριθμός πρωτοκόλλου 30218. Ο κωδικός πρόσβασης δεν αλλάζει σήμερα.",
        "Ծանոթագրություն․ հանդիպումը կկայանա վաղը ժամը 14:00, սենյակ 12։",
        "Среща в сряда, стая 301. Моля, не забравяйте паролата си и носете документите.",
        "Zażółć gęślą jaźń, été à la plage, Fußgängerübergänge, ılık süt, piñata",
    ];
    for text in texts {
        assert_eq!(found(BodyKind::Text, text), [], "{text}");
        assert_eq!(found(BodyKind::Json, &json!({"content": text}).to_string()), [], "{text}");
    }
    let mail = "Почта: anna.meyer@example.org, до завтра";
    assert_eq!(found(BodyKind::Text, mail), [("email".to_owned(), "anna.meyer@example.org".to_owned())]);
}

#[test]
fn a_text_of_escapes_has_the_places_of_its_values() {
    let value = "anna.meyer@example.org";
    for disguise in DISGUISES.iter().filter(|disguise| disguise.kind == BodyKind::Text) {
        let hidden = disguise.of(value);
        let body = format!("mail {hidden} now");
        let findings = scan(BodyKind::Text, body.as_bytes());
        let [finding] = &findings[..] else { panic!("{}: {findings:?}", disguise.name) };
        let place = body[finding.start..finding.end].trim_end_matches(['\u{200B}', '\u{AD}', '\u{2060}', '\u{336}']);
        let whole = hidden.trim_end_matches(['\u{200B}', '\u{AD}', '\u{2060}', '\u{336}']);
        assert!(whole.contains(place) && place.len() + 30 >= whole.len(), "{}: {place}", disguise.name);
        let alone = SCANNER.text(place.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((alone.len(), alone[0].kind.as_str()), (1, "email"), "{}", disguise.name);
    }
}
