//! How people are reached: mail, telephone, payment by a name.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::{number, varied};

/// Top-level domains that people have mail under. Those that are also file extensions and method names are told from
/// them by this list of the ones in use; two letters are a country.
const DOMAINS: &str = "com org net edu gov mil int info biz name pro mobi jobs travel museum coop aero asia tel cat app dev \
    cloud online site tech store shop xyz club life live world email agency company group team work works design digital \
    media news blog page web wiki bank health legal consulting solutions services software systems network berlin london \
    swiss care clinic dental finance fund gmbh insure investments law ltd llc school social space studio support taxi \
    university ventures church community doctor energy engineering estate events expert family farm fit foundation global \
    guru house institute international land lawyer management marketing nyc paris photography press properties today \
    tools top training vip wales wien zone hamburg koeln bayern amsterdam brussels scot quebec africa art";

/// Names that offices use inside, and those that RFC 2606 keeps for examples.
const OFFICE: &str = "local internal intern lan corp home intra intranet example test invalid";

/// Two letters that are file extensions far more often than countries are written after an `@`.
const FILES: &str = "js ts rb go cc hs ex db gz";

/// Payment handles of India that stand for nothing else (NPCI's list of providers).
const HANDLES: &str = "ybl ibl axl paytm ptyes ptsbi pthdfc ptaxis okaxis oksbi okhdfcbank okicici apl yapl rapl hdfcbank \
    icici axisbank kotak barodampay jupiteraxis ikwik freecharge idfcbank idfcfirst yesbank waaxis wahdfcbank waicici wasbi \
    abfspay axisgo tapicici naviaxis superyes goaxb axisb kmbl mahb uboi cnrb aubank unionbank pnb zoicici yespay hdfcbankjd \
    kotakpay yesbankltd sliceaxis timecosmos fbl oneyes ptybl cmsidfc dbsbank";

/// Bytes of a handle that is longer than all of these.
const LONGEST_HANDLE: usize = 16;

/// The words of a list.
type Words = LazyLock<HashSet<&'static str>>;
static KNOWN_DOMAINS: Words = LazyLock::new(|| DOMAINS.split_whitespace().chain(OFFICE.split_whitespace()).collect());
static KNOWN_HANDLES: Words = LazyLock::new(|| HANDLES.split_whitespace().collect());

/// A mail address by its domain.
pub(super) fn email(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let Some((local, domain)) = text.split_once('@') else { return false };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let known = KNOWN_DOMAINS.contains(top) || (top.len() == 2 && !FILES.split(' ').any(|file| file == top));
    let source_host = local == "git" || domain.starts_with("users.noreply.") || domain == "noreply.github.com";
    known && !source_host && !local.contains("..") && !is_message_id(local)
}

/// Whether the part before the `@` is one that programs make up: times and random numbers.
fn is_message_id(local: &str) -> bool {
    let digits = local.bytes().filter(u8::is_ascii_digit).count();
    digits >= 14 && local.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'-' | b'_'))
}

/// A payment address whose handle belongs to a provider.
pub(super) fn upi(value: &[u8]) -> bool {
    let Some(at) = value.iter().rposition(|byte| *byte == b'@') else { return false };
    let mut lower = [0; LONGEST_HANDLE];
    let Some(lower) = lower.get_mut(..value.len() - at - 1) else { return false };
    lower.copy_from_slice(&value[at + 1..]);
    lower.make_ascii_lowercase();
    std::str::from_utf8(lower).is_ok_and(|handle| KNOWN_HANDLES.contains(handle))
}

/// A number with its country code: 1 is followed by ten digits of the North American plan, others have 8 to 15 in all.
pub(super) fn phone(digits: &[u8]) -> bool {
    let digits = digits.strip_prefix(&[0, 0]).unwrap_or(digits);
    // `+44 (0)20 …`: the zero is dialled within the country only.
    let len = digits.len() - usize::from(matches!(digits, [2..=6 | 8..=9, _, 0, ..]));
    let plausible = match digits {
        [1, area, _, _, exchange, ..] => len == 11 && *area >= 2 && *exchange >= 2,
        // Plans of one length, mobile or not.
        [7, 3..=9, ..] | [3, 3 | 4, ..] | [4, 1 | 8, ..] | [6, 1, ..] => len == 11,
        [4, 5 | 7, ..] => len == 10,
        [9, 1, ..] => len == 12,
        [8, 1, ..] | [4, 4, ..] => matches!(len, 11..=12),
        [8, 6, ..] | [5, 5, ..] => matches!(len, 12..=13),
        // Countries whose numbers may be as short as six or seven digits.
        [2, 1 | 4 | 5 | 6 | 8 | 9, ..]
        | [3, 5 | 7 | 8, ..]
        | [4, 2, ..]
        | [5, 0 | 9, ..]
        | [6, 7..=9, ..]
        | [8, 0 | 5 | 7 | 8, ..]
        | [9, 6 | 7 | 9, ..] => {
            matches!(len, 10..=14)
        }
        [2, 0 | 7, ..]
        | [3, 0..=2 | 6 | 9, ..]
        | [5, 1..=4 | 6..=8, ..]
        | [6, 0 | 2..=6, ..]
        | [8, 2 | 4, ..]
        | [9, 0 | 2..=5 | 8, ..] => {
            matches!(len, 10..=13)
        }
        // Germany and Austria have the longest ones.
        [4, 0 | 3 | 6 | 9, ..] => matches!(len, 10..=14),
        _ => false,
    };
    plausible && varied(digits)
}

/// As many digits as numbers within a country have, and not the ends of the ranges of 32-bit integers.
pub(super) fn national_phone(digits: &[u8]) -> bool {
    let range_end =
        digits.len() == 10 && matches!(number(digits), 2_147_483_647..=2_147_483_648 | 4_294_967_295..=4_294_967_296);
    matches!(digits.len(), 7..=12) && varied(digits) && !range_end
}
