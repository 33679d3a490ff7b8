//! Netlink attributes: length, type, value, padded to four bytes (linux/netlink.h).

/// `nla_type` without the two flag bits (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE_MASK: u16 = 0x3fff;
const NESTED: u16 = 0x8000;
const HEADER: usize = 4;

/// One attribute; its value may hold attributes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

/// The attributes in some bytes; ends at the first one that does not fit.
pub(crate) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (kind, _) = rest.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_ne_bytes(*length));
        let value = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Attribute { kind: u16::from_ne_bytes(*kind) & TYPE_MASK, value })
    })
}

impl<'a> Attribute<'a> {
    /// The first attribute of this type inside this one.
    pub(crate) fn inner(&self, kind: u16) -> Option<Attribute<'a>> {
        attributes(self.value).find(|inner| inner.kind == kind)
    }
}

/// A number; nf_tables sends all of them in network order.
pub(crate) fn u32_of(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// A string with its closing NUL.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).ok().map(str::to_owned)
}

/// Appends a string attribute.
pub(crate) fn push(message: &mut Vec<u8>, kind: u16, value: &str) {
    let length = HEADER + value.len() + 1;
    let length_field = u16::try_from(length).expect("names are short");
    message.extend_from_slice(&length_field.to_ne_bytes());
    message.extend_from_slice(&(kind & !NESTED).to_ne_bytes());
    message.extend_from_slice(value.as_bytes());
    message.resize(message.len() + 1 + (length.next_multiple_of(4) - length), 0);
}

#[cfg(test)]
mod tests;
