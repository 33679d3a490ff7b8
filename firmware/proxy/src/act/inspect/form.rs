//! The models that a form asks for: urlencoded, or in parts (RFC 7578).

use gate_scrub::{Boundary, content_start};
use memchr::{memchr, memchr_iter, memchr2_iter, memchr3, memmem};

use super::kind::Kind;

/// Longest head of a part, as to the scanner, and longest line of a value.
const NEAR: usize = 16 << 10;

/// More fields that are, or may be, the model's than any form has, with the examples in its files.
const LOOKS: usize = 256;

/// One server would see the field `model` here, and another one would not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unclear;

/// What the head of a part says of its field.
#[derive(Debug, Default, PartialEq, Eq)]
struct Field {
    is_model: bool,
    is_file: bool,
}

/// The values of a form's fields `model`, in order; none where the body is not said to be a form. Too many rather than too
/// few: a file that looks like a part counts as well, because a server may cut the form in another way than we do.
pub(super) fn models(content_type: Option<&str>, body: &[u8]) -> Result<Vec<String>, Unclear> {
    if Kind::says_form(content_type) {
        return Ok(gate_dialect::values_of(&String::from_utf8_lossy(body), &["model"]).collect());
    }
    if !Kind::says_parts(content_type) {
        return Ok(Vec::new());
    }
    let boundary = content_type.and_then(Boundary::of);
    let mark = [&b"--"[..], boundary.as_ref().map_or(&b""[..], Boundary::as_bytes)].concat();
    let (mut models, mut at, mut looks) = (Vec::new(), 0, 0);
    while let Some(start) = disposition(body, at) {
        let near = &body[start..body.len().min(start + NEAR)];
        let field = match header_end(near) {
            Some(end) => {
                at = start + end;
                Field::read(&near[..end])
            }
            None => {
                at = start;
                Err(Unclear)
            }
        };
        if field.as_ref().is_ok_and(|field| !field.is_model) {
            continue;
        }
        looks += 1;
        let before = &body[start.saturating_sub(NEAR)..start];
        match field.and_then(|field| value(&field, before, &body[start..])) {
            Ok(model) => models.extend(model),
            Err(Unclear) if is_of_part(before, &mark) => return Err(Unclear),
            // An example in a file.
            Err(Unclear) => {}
        }
        if looks == LOOKS {
            return Err(Unclear);
        }
    }
    Ok(models)
}

/// Where the value of the next `Content-Disposition` begins. Any line break counts, and blanks where some servers forgive
/// them.
fn disposition(body: &[u8], from: usize) -> Option<usize> {
    const NAME: &[u8] = b"content-disposition";
    let skip_blanks = |at: usize| at + body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let begins = |line: usize| {
        let name = skip_blanks(line);
        let end = name + NAME.len();
        body.get(name..end).filter(|found| found.eq_ignore_ascii_case(NAME))?;
        let colon = skip_blanks(end);
        (body.get(colon) == Some(&b':')).then_some(colon + 1)
    };
    let first = if from == 0 { begins(0) } else { None };
    first.or_else(|| memchr2_iter(b'\r', b'\n', &body[from..]).find_map(|at| begins(from + at + 1)))
}

/// Where a header ends, with the lines that go on with it; `None` where it is too long.
fn header_end(near: &[u8]) -> Option<usize> {
    let mut ends = memchr_iter(b'\n', near);
    let end = ends.find(|end| near.get(end + 1).is_some_and(|next| !matches!(next, b' ' | b'\t')));
    end.or((near.len() < NEAR).then_some(near.len()))
}

impl Field {
    /// Reads a `Content-Disposition`, of which real clients write nothing but `name="model"`.
    fn read(header: &[u8]) -> Result<Self, Unclear> {
        let (mut field, mut rest) = (Self::default(), header);
        while !rest.is_empty() {
            let Some((key, value, behind)) = parameter(rest) else {
                // Servers part here: what follows is one's value and another one's parameters.
                return if may_name(rest) { Err(Unclear) } else { Ok(field) };
            };
            match key.as_slice() {
                b"name" => field.is_model |= is_model(value)?,
                b"filename" | b"filename*" => field.is_file = true,
                key if key.starts_with(b"name*") => return Err(Unclear),
                _ => {}
            }
            rest = behind;
        }
        Ok(field)
    }
}

/// The first parameter, its name in lower case, and what stands behind it; `None` where it is not written plainly.
fn parameter(text: &[u8]) -> Option<(Vec<u8>, &[u8], &[u8])> {
    let end = memchr3(b';', b'=', b'"', text).unwrap_or(text.len());
    let key = text[..end].trim_ascii().to_ascii_lowercase();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*');
    if !key.iter().all(is_plain) || text.get(end) == Some(&b'"') {
        return None;
    }
    if text.get(end) != Some(&b'=') {
        return Some((Vec::new(), b"", text.get(end + 1..).unwrap_or_default()));
    }
    let text = text[end + 1..].trim_ascii_start();
    let (value, behind) = match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted.iter().position(|byte| matches!(byte, b'"' | b'\\') || byte.is_ascii_control())?;
            if quoted[end] != b'"' {
                return None;
            }
            (&quoted[..end], quoted[end + 1..].trim_ascii_start())
        }
        None => {
            let (value, behind) = text.split_at(memchr3(b';', b'"', b'\\', text).unwrap_or(text.len()));
            (value.trim_ascii_end(), behind)
        }
    };
    match behind {
        [] => Some((key, value, b"")),
        [b';', rest @ ..] => Some((key, value, rest)),
        _ => None,
    }
}

/// Whether the name of a field may stand in what is not written plainly.
fn may_name(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    text.replace("filename", "").contains("name")
}

fn is_model(name: &[u8]) -> Result<bool, Unclear> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" -_.[]:/@".contains(byte) || !byte.is_ascii();
    if name.iter().all(is_plain) { Ok(name.trim_ascii().eq_ignore_ascii_case(b"model")) } else { Err(Unclear) }
}

/// What a field says whose head begins with `before` and goes on with the rest.
fn value(field: &Field, before: &[u8], rest: &[u8]) -> Result<Option<String>, Unclear> {
    let head = content_start(&rest[..rest.len().min(NEAR)]).ok_or(Unclear)?;
    if is_coded(&before[head_start(before).unwrap_or(0)..]) || is_coded(&rest[..head]) {
        return Err(Unclear);
    }
    let value = rest[head..].trim_ascii_start();
    let line = value[..value.len().min(NEAR)].split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let plain = std::str::from_utf8(line).is_ok_and(|text| !text.contains(char::is_control));
    // A file may be anything, and some other encoding's letters are no model's.
    if !plain && !field.is_file {
        return Err(Unclear);
    }
    // Two dashes are the next boundary: the field is empty.
    Ok((!line.starts_with(b"--")).then(|| String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
}

/// Where a head begins at the earliest: behind the last empty line.
fn head_start(before: &[u8]) -> Option<usize> {
    let behind = |mark: &[u8]| Some(memmem::rfind(before, mark)? + mark.len());
    [behind(b"\n\n"), behind(b"\n\r\n")].into_iter().flatten().max()
}

/// Whether the head that begins with this is a part's, and no example in a file.
fn is_of_part(before: &[u8], mark: &[u8]) -> bool {
    head_start(before).is_none_or(|start| memmem::rfind(&before[start..], mark).is_some())
}

/// Whether a head says that what follows is not written as it is meant.
fn is_coded(head: &[u8]) -> bool {
    head.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| {
        let Some(colon) = memchr(b':', line) else { return false };
        let coding = line[colon + 1..].trim_ascii();
        line[..colon].trim_ascii().eq_ignore_ascii_case(b"content-transfer-encoding")
            && ![&b"binary"[..], b"8bit", b"7bit"].iter().any(|plain| coding.eq_ignore_ascii_case(plain))
    })
}

#[cfg(test)]
mod tests;
