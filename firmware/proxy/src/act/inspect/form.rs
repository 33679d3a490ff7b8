//! Fields of a form in parts (RFC 7578), as far as they say what is asked for.

/// Longest head of a part that is looked at, and longest value.
const NEAR: usize = 1024;

/// The values of a form's fields of this name, in order. Too many rather than too few: a file that looks like a form counts
/// as well, because a server may cut it in another way than we do.
pub(super) fn values_of<'a>(body: &'a [u8], name: &'a str) -> impl Iterator<Item = String> + 'a {
    memchr::memmem::find_iter(body, b"name=").filter_map(move |at| {
        let rest = &body[at + b"name=".len()..];
        let rest = rest.strip_prefix(b"\"").unwrap_or(rest).strip_prefix(name.as_bytes())?;
        if !matches!(rest.first(), Some(b'"' | b';' | b'\r' | b'\n')) {
            return None;
        }
        let rest = &rest[..rest.len().min(NEAR)];
        let empty_line = |mark: &[u8]| Some(memchr::memmem::find(rest, mark)? + mark.len());
        let start = [empty_line(b"\r\n\r\n"), empty_line(b"\n\n")].into_iter().flatten().min()?;
        let value = rest[start..].split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
        Some(String::from_utf8_lossy(value.trim_ascii()).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::values_of;

    #[test]
    fn a_field_is_found_however_its_head_is_written() {
        let part = |head: &str| format!("--x\r\n{head}\r\n\r\nwhisper-1\r\n--x--\r\n");
        let rows = [
            (part("Content-Disposition: form-data; name=\"model\""), 1),
            (part("content-disposition: form-data; name=model"), 1),
            (part("Content-Disposition: form-data; name=\"model\"\r\nContent-Type: text/plain"), 1),
            (part("Content-Disposition: form-data; name=model; x=y").replace("\r\n", "\n"), 1),
            (part("Content-Disposition: form-data; name=\"model\"").repeat(2), 2),
            (part("Content-Disposition: form-data; name=\"models\""), 0),
            (part("Content-Disposition: form-data; filename=\"x\""), 0),
            ("name=\"model\"".to_owned(), 0),
        ];
        for (body, count) in rows {
            assert_eq!(values_of(body.as_bytes(), "model").collect::<Vec<_>>(), vec!["whisper-1"; count], "{body}");
        }
    }
}
