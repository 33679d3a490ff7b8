//! The first words of a TLS client, read without answering them.
//!
//! ```text
//!  TCP bytes ──[frame]──▶ one handshake message ──[ClientHello::read]──▶ borrowed view ──▶ [Hello]
//!             records joined; borrowed when there is only one
//! ```
//!
//! Written after RFC 8446 section 4.1.2 and 5.1 (also RFC 5246 section 7.4.1.2), RFC 6066 section 3 (server name),
//! RFC 7301 (ALPN), RFC 8701 (GREASE: unknown values are skipped, never an error) and RFC 9849 (ECH: seen, not read).
//!
//! **Invariant:** what two TLS implementations could read in two ways is refused: a repeated extension, two server
//! names, a length that does not add up, bytes after the message inside its record.

mod body;
mod cursor;
mod frame;
mod print;

#[cfg(test)]
mod tests;

use gate_core::{HostError, HostName};
use thiserror::Error;

use body::ClientHello;
use frame::frame;
pub(crate) use print::Print;

/// How much of a ClientHello is taken before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Record headers included.
    pub(crate) max_bytes: usize,
    pub(crate) max_records: usize,
}

/// What the corridor wants to know of a ClientHello, copied out of the buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// `None`: the client named no server. An `Err` is a name that no host has, such as an IP address.
    pub(crate) sni: Option<Result<HostName, HostError>>,
    /// The application protocols offered, in the client's order, GREASE removed.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// The versions offered (`0x0304` is TLS 1.3), GREASE removed; the legacy version where the extension is absent.
    pub(crate) versions: Vec<u16>,
    /// Encrypted Client Hello is offered, real or GREASE: the name may be an outer one.
    pub(crate) ech: bool,
    /// What kind of program this is.
    pub(crate) print: Print,
}

/// Why some bytes are not a ClientHello that can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HelloError {
    #[error("the first bytes are not a TLS handshake record")]
    NotTls,
    #[error("the ClientHello passes its cap in bytes or records")]
    TooLarge,
    #[error("the ClientHello is malformed: {0}")]
    Malformed(&'static str),
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 64 * 1024, max_records: 64 }
    }
}

impl Hello {
    /// The protocols offered, as one line for the record; bytes that are no text are shown escaped.
    pub(crate) fn offered(&self) -> Option<String> {
        let names: Vec<String> = self.alpn.iter().map(|name| name.escape_ascii().to_string()).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

/// Reads everything that arrived so far: `None` asks for more bytes.
pub(crate) fn parse(raw: &[u8], limits: Limits) -> Result<Option<Hello>, HelloError> {
    let Some(message) = frame(raw, limits)? else { return Ok(None) };
    let hello = ClientHello::read(&message)?;
    Ok(Some(Hello {
        sni: hello.server_name.map(HostName::parse),
        alpn: hello.alpn.iter().filter(|name| !is_grease_name(name)).map(|name| name.to_vec()).collect(),
        versions: hello.versions.iter().copied().filter(|version| !is_grease(*version)).collect(),
        ech: hello.ech,
        print: Print::of(&hello),
    }))
}

/// RFC 8701 section 2: `0x0a0a`, `0x1a1a`, … `0xfafa`.
fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn is_grease_name(name: &[u8]) -> bool {
    matches!(name, [high, low] if is_grease(u16::from_be_bytes([*high, *low])))
}
