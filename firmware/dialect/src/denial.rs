//! How a refusal looks to the client: as if the provider had said it, so that SDKs raise their normal exception.

use crate::Dialect;
use crate::format::{self, Format};

/// The code that every refusal carries, whatever its shape.
pub(crate) const CODE: &str = "nanogate_blocked";

/// Who refuses.
const SPEAKER: &str = "Nano-Gate";

/// Reasons are one sentence; a longer one is a mistake of the caller, and is cut rather than sent.
const REASON_CAP: usize = 512;

/// An answer given instead of the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub status: u16,
    pub content_type: &'static str,
    pub body: Vec<u8>,
}

/// The refusal of a prompt: 403 in the provider's own error shape.
///
/// The reason is for people ("API key pattern detected") and must not hold what was found.
pub fn denial(dialect: Dialect, vendor: &str, reason: &str) -> Denial {
    refusal(dialect, vendor, 403, reason)
}

/// Any other refusal in the provider's own error shape, such as 413 for a body over its cap or 503 without budget.
pub fn refusal(dialect: Dialect, vendor: &str, status: u16, reason: &str) -> Denial {
    let value = (shape(dialect, vendor).error)(status, &spoken(reason));
    Denial { status, content_type: "application/json", body: value.to_string().into_bytes() }
}

/// The words of a refusal, from which a person sees who refuses: an SDK shows them as if the provider had said them.
pub fn spoken(reason: &str) -> String {
    let said = if reason.starts_with(SPEAKER) { reason.to_owned() } else { format!("{SPEAKER}: {reason}") };
    said[..said.floor_char_boundary(REASON_CAP)].to_owned()
}

/// A request that no format claimed is still answered in the shape of the vendor it was meant for.
fn shape(dialect: Dialect, vendor: &str) -> &'static Format {
    match dialect {
        Dialect::Generic => format::by_vendor(vendor),
        known => format::of(known),
    }
}

#[cfg(test)]
mod tests;
