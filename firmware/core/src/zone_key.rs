use serde::{Deserialize, Serialize};

/// A key of a zone that DNSSEC starts from, with what tells it from another (RFC 4034 sections 2 and 5): checked by `dns`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneKey {
    /// The zone, in the form of zone files; `.` is the root.
    pub zone: String,
    /// The key tag (RFC 4034 appendix B).
    pub tag: u16,
    /// The number of the algorithm, such as 8 for RSA with SHA-256.
    pub algorithm: u8,
    /// SHA-256 over zone and key as in a DS record, hexadecimal.
    pub digest: String,
    /// The public key as in a DNSKEY record, base64.
    pub key: String,
}
