use gate_core::HostName;

/// Longest name on the wire (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 255;

/// The name of a question in wire form, as the client wrote it and folded to lower case.
///
/// Both have the same length, so an answer made for one spelling serves every other: its compression pointers into the
/// question stay right when the question is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    sent: Box<[u8]>,
    folded: Box<[u8]>,
}

impl Name {
    /// Reads an uncompressed name from the start of `bytes`. Pointers are refused: a question has nothing to point to.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut end = 0;
        loop {
            let length = usize::from(*bytes.get(end)?);
            end += 1 + length;
            if length > 63 || end > NAME_MAX || end > bytes.len() {
                return None;
            }
            if length == 0 {
                let sent: Box<[u8]> = bytes[..end].into();
                // Length bytes are below 64 and so never touched by ASCII folding.
                return Some(Self { folded: sent.to_ascii_lowercase().into(), sent });
            }
        }
    }

    /// The wire form of a host name.
    pub(crate) fn of_host(host: &HostName) -> Self {
        Self::of_text(host.as_str())
    }

    /// The wire form of a canonical text: no escapes, labels up to 63 bytes.
    pub(crate) fn of_text(text: &str) -> Self {
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.').filter(|label| !label.is_empty()) {
            wire.push(u8::try_from(label.len()).expect("a canonical label is at most 63 bytes"));
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        let folded = wire.to_ascii_lowercase().into();
        Self { sent: wire.into(), folded }
    }

    /// The wire form of labels, each of which is 1 to 63 bytes.
    pub(crate) fn of_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut wire = Vec::with_capacity(32);
        for label in labels {
            wire.push(u8::try_from(label.len()).expect("a label is at most 63 bytes"));
            wire.extend_from_slice(label);
        }
        wire.push(0);
        Self { folded: wire.to_ascii_lowercase().into(), sent: wire.into() }
    }

    /// The wire form with the client's own upper and lower case.
    pub(crate) fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// The wire form in lower case.
    pub(crate) fn folded(&self) -> &[u8] {
        &self.folded
    }

    fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.folded;
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first().filter(|(length, _)| **length > 0)?;
            let (label, tail) = tail.split_at(usize::from(*length));
            rest = tail;
            Some(label)
        })
    }

    /// What lies above it, in folded wire form, without the root.
    pub(crate) fn parents(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.folded;
        std::iter::from_fn(move || {
            let above =
                rest.get(1 + usize::from(rest[0])..).filter(|above| above.first().is_some_and(|length| *length > 0))?;
            rest = above;
            Some(above)
        })
    }

    /// Whether it lies below another name.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.parents().any(|parent| *parent == *other.folded)
    }

    /// Lower case, without the trailing dot, bytes that no host name has escaped as in zone files; `.` for the root.
    pub(crate) fn text(&self) -> String {
        let mut text = String::with_capacity(self.folded.len());
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            for byte in label {
                match byte {
                    b'.' | b'\\' => text.extend(['\\', char::from(*byte)]),
                    0x21..=0x7e => text.push(char::from(*byte)),
                    _ => text.push_str(&format!("\\{byte:03}")),
                }
            }
        }
        if text.is_empty() {
            text.push('.');
        }
        text
    }

    /// Where `zone` starts in the wire form, when this name is the zone or lies below it.
    pub(crate) fn suffix(&self, zone: &str) -> Option<usize> {
        let zone = Self::of_text(zone);
        let start = self.folded.len().checked_sub(zone.folded.len())?;
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(self.folded[at]);
        }
        (at == start && self.folded[start..] == *zone.folded).then_some(start)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    fn wire(labels: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn names_read_back_as_text() {
        let rows: &[(&[&[u8]], &str)] = &[
            (&[], "."),
            (&[b"API", b"OpenAI", b"com"], "api.openai.com"),
            (&[b"api.openai", b"com"], "api\\.openai.com"),
            (&[b"a b\\", b"\xff\0"], "a\\032b\\\\.\\255\\000"),
        ];
        for (labels, text) in rows {
            let bytes = wire(labels);
            let name = Name::read(&bytes).unwrap();
            assert_eq!(name.text(), *text);
            assert_eq!(name.sent(), bytes);
        }
    }

    #[test]
    fn refuses_what_a_question_cannot_hold() {
        let long = [[3u8, b'a', b'b', b'c']; 64].concat();
        let rows: &[&[u8]] = &[b"", b"\x03ab", b"\x03abc", b"\xc0\x0c", &[64; 70], &[long, vec![0]].concat()];
        for bytes in rows {
            assert_eq!(Name::read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn parents_are_what_lies_above() {
        let parents =
            |name: &str| Name::of_text(name).parents().map(|name| Name::read(name).unwrap().text()).collect::<Vec<_>>();
        assert_eq!(parents("a.b.c"), ["b.c", "c"]);
        assert_eq!((parents("a"), parents("")), (Vec::new(), Vec::new()));
        assert!(Name::of_text("a.b.c").is_below(&Name::of_text("B.c")));
        assert!(!Name::of_text("b.c").is_below(&Name::of_text("b.c")));
    }

    #[test]
    fn a_suffix_starts_at_a_label() {
        let name = Name::of_text("_dns.resolver.arpa");
        assert_eq!(name.suffix("resolver.arpa"), Some(5));
        assert_eq!(name.suffix("arpa"), Some(14));
        assert_eq!(name.suffix("olver.arpa"), None);
        assert_eq!(Name::of_text("resolver.arpa").suffix("resolver.arpa"), Some(0));
        assert_eq!(Name::of_text("arpa").suffix("resolver.arpa"), None);
        // A label may hold the bytes of a shorter name in wire form.
        assert_eq!(Name::read(b"\x0fx\x08resolver\x04arpa\x00").unwrap().suffix("resolver.arpa"), None);
    }
}
