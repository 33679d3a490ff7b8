//! Netlink messages: sixteen bytes of header (linux/netlink.h), four of nf_tables' own, then attributes.

use std::io;

/// Header and nf_tables' header.
const HEADERS: usize = 16 + 4;
/// `NFNL_SUBSYS_NFTABLES << 8`.
const SUBSYSTEM: u16 = 10 << 8;
/// `NFPROTO_INET`.
const INET: u8 = 1;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
/// Something changed while the kernel was listing.
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// A message of the kernel.
#[derive(Debug)]
pub(crate) enum Answer<'a> {
    /// An object, as its message's number within nf_tables and its attributes.
    Object { kind: u16, attributes: &'a [u8] },
    /// The request with this number is done.
    Done { sequence: u32 },
    /// The request with this number failed.
    Failed { sequence: u32, error: io::Error },
    /// The list is not one picture: ask again.
    Torn,
}

/// A request that asks for one object (answered by it and by [`Answer::Done`]) or, as a dump, for all.
pub(crate) fn request(kind: u16, dump: bool, sequence: u32, attributes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADERS + attributes.len()).expect("requests are short");
    let flags = NLM_F_REQUEST | if dump { NLM_F_DUMP } else { NLM_F_ACK };
    let mut message = Vec::with_capacity(HEADERS + attributes.len());
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&(SUBSYSTEM | kind).to_ne_bytes());
    message.extend_from_slice(&flags.to_ne_bytes());
    message.extend_from_slice(&sequence.to_ne_bytes());
    // The sender's port is the kernel's to fill in; nf_tables' header is family, version 0, resource 0.
    message.extend_from_slice(&[0, 0, 0, 0, INET, 0, 0, 0]);
    message.extend_from_slice(attributes);
    message
}

/// Reads one message of the kernel; `None` where it is too short to be one or none that we asked for.
pub(crate) fn answer(message: &[u8]) -> Option<Answer<'_>> {
    let (_, rest) = message.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<2>()?;
    let (flags, rest) = rest.split_first_chunk::<2>()?;
    let (sequence, rest) = rest.split_first_chunk::<4>()?;
    let (_, payload) = rest.split_first_chunk::<4>()?;
    let (kind, flags) = (u16::from_ne_bytes(*kind), u16::from_ne_bytes(*flags));
    let sequence = u32::from_ne_bytes(*sequence);
    if flags & NLM_F_DUMP_INTR != 0 && kind != NLMSG_ERROR {
        return Some(Answer::Torn);
    }
    match kind {
        NLMSG_DONE | NLMSG_ERROR => {
            let (code, _) = payload.split_first_chunk::<4>()?;
            Some(match i32::from_ne_bytes(*code) {
                0 => Answer::Done { sequence },
                code => Answer::Failed { sequence, error: io::Error::from_raw_os_error(code.saturating_neg()) },
            })
        }
        kind if kind & 0xff00 == SUBSYSTEM => Some(Answer::Object { kind: kind & 0xff, attributes: payload.get(4..)? }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
