//! Travel documents and what stands in a letter's head: names, addresses, places.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::identity::icao;

/// The machine-readable zone of passports (2 × 44), visas and cards (2 × 36, 3 × 30): the digits of number, birth and
/// expiry (ICAO 9303 parts 3 to 7).
pub(super) fn mrz(value: &[u8]) -> bool {
    let lines: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).filter(|line| !line.is_empty()).collect();
    let (number, rest) = match *lines {
        [first, second] if first.len() == second.len() && matches!(first.len(), 36 | 44) => {
            (&second[..10], &second[13..28])
        }
        [first, second, third] if [first, second, third].iter().all(|line| line.len() == 30) => {
            (&first[5..15], &second[..15])
        }
        _ => return false,
    };
    let holds = |field: &[u8], check: u8| icao(field) == check || (check == b'<' && icao(field) == b'0');
    // A number with more than nine characters goes on elsewhere and has `<` for its digit.
    let long = number[9] == b'<';
    (long || holds(&number[..9], number[9])) && holds(&rest[..6], rest[6]) && holds(&rest[8..14], rest[14])
}

/// A latitude and a longitude, each with four decimals or more: closer than a town.
pub(super) fn coordinates(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let mut numbers =
        text.split(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-')).filter(|part| part.contains('.'));
    let (Some(latitude), Some(longitude), None) = (numbers.next(), numbers.next(), numbers.next()) else {
        return false;
    };
    let inside = |number: &str, most: f64| {
        number.parse::<f64>().is_ok_and(|degrees| degrees.abs() <= most && degrees != 0.0)
            && number.split('.').nth(1).is_some_and(|decimals| decimals.len() >= 4)
    };
    inside(latitude, 90.0) && inside(longitude, 180.0)
}

/// A line that says where somebody lives: a number, words, and nothing that belongs to machines.
pub(super) fn address(value: &[u8]) -> bool {
    let machine = value.iter().any(|byte| b"@=;{}[]_<>|\\$%*?!+\"`~^".contains(byte));
    let text = String::from_utf8_lossy(value);
    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() >= 3).count();
    let longest = text.split_whitespace().map(str::len).max().unwrap_or(0);
    let number = text.split(|c: char| !c.is_alphanumeric()).any(|word| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        (1..=6).contains(&digits) && word.len() - digits <= 2
    });
    !machine && !text.contains("://") && !text.contains("0x") && words >= 2 && longest <= 32 && number
}

/// Given names in use in the countries that this is made for, without marks, in lower case and in order.
static GIVEN_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| include_str!("given_names.txt").lines().collect());

/// Words that stand where a name could and are none.
static NO_NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| OTHERS.split_whitespace().collect());
const OTHERS: &str = "the your our their this that team support sales customer service services company corporation group \
    department office bank hotel school university limited project system server test user admin manager street road avenue \
    north south east west new university monday tuesday wednesday thursday friday saturday sunday january february march \
    april june july august september october november december";

/// Two to four words that begin with a capital, none of which is a thing or a day.
pub(super) fn person_name(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() > 1).collect();
    !words.is_empty() && !words.iter().any(|word| NO_NAMES.contains(*word))
}

/// The first word, or the last before a comma and the first after it, is a given name.
pub(super) fn given_name(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_lowercase();
    let folded: String = text.chars().map(plain).collect();
    let mut words = folded.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1);
    let known = |word: &str| GIVEN_NAMES.contains(word);
    let after_comma = folded.split_once(',').and_then(|(_, given)| given.split_whitespace().next());
    person_name(value) && (words.next().is_some_and(known) || after_comma.is_some_and(known))
}

/// A letter without its mark.
fn plain(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ő' | 'ō' => 'o',
        'ù'..='ü' | 'ű' | 'ů' | 'ū' => 'u',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        'ł' => 'l',
        'ğ' => 'g',
        'ř' => 'r',
        'ț' | 'ţ' | 'ť' => 't',
        'ď' | 'đ' => 'd',
        'ý' | 'ÿ' => 'y',
        _ => c,
    }
}
