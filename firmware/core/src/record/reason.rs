//! Why something was refused or ended early.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something was refused or ended early. The words are stable: reports and alerts are keyed by them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The ClientHello carries no server name.
    NoSni,
    /// The server name is an IP address or no host name at all.
    BadSni,
    /// The name is not in the catalogue and this is not a place to pass it on.
    NotInCatalogue,
    /// The first bytes are not TLS.
    NotTls,
    /// The ClientHello cannot be parsed.
    BadHello,
    /// The ClientHello passed its cap in bytes or records.
    HelloTooLarge,
    /// The ClientHello did not arrive in time.
    HelloTimeout,
    /// The client went away before saying anything.
    ClientGone,
    /// A rule of the policy says no; its name.
    Policy(String),
    /// The name resolves to an address that the SSRF guard does not dial.
    SsrfGuard,
    /// The name does not resolve.
    Unresolvable,
    /// No address of the server accepted the connection.
    UpstreamUnreachable,
    /// The server's certificate does not verify.
    UpstreamCertificate,
    /// The TLS handshake with the server failed otherwise.
    UpstreamHandshake,
    /// The client refused our certificate or broke the handshake.
    ClientHandshake,
    /// The server reset or broke the exchange.
    UpstreamReset,
    /// The client reset or broke the exchange.
    ClientReset,
    /// Host, authority and SNI do not agree.
    HostMismatch,
    /// The request is not valid HTTP or asks for something never passed on.
    BadRequest,
    /// The body is encoded in a way we do not read, or does not decode.
    BadEncoding,
    /// The body passed its cap, or its decoded form did.
    BodyTooLarge,
    /// The global budget for buffered bodies is used up.
    OutOfBudget,
    /// The scanner passed its budget.
    ScanBudget,
    /// A finding lies where nothing may be edited (signed or encrypted content).
    FrozenContent,
    /// Findings that policy denies; the first one's kind.
    Finding(String),
    /// The client's address is not in a local subnet.
    NotLocal,
    /// The client passed its rate or its number of connections.
    RateLimited,
    /// The question is malformed or of a class or opcode we do not serve.
    BadQuestion,
    /// Idle for too long.
    IdleTimeout,
    /// The daemon is stopping.
    Shutdown,
    /// A fault of our own.
    Internal,
    /// Plain HTTP, answered with a redirect to https.
    Redirected,
    /// It leads to a public resolver that takes encrypted questions, and the owner wants none asked around this one.
    EncryptedDns,
    /// The CONNECT proxy wants a token or a certificate, and there is none, or one that is not good.
    Unauthenticated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NoSni => "the client named no server",
            Self::BadSni => "the server name is not a host name",
            Self::NotInCatalogue => "the name is not one that is steered here",
            Self::NotTls => "the first bytes are not TLS",
            Self::BadHello => "the ClientHello cannot be parsed",
            Self::HelloTooLarge => "the ClientHello is too large",
            Self::HelloTimeout => "the ClientHello took too long",
            Self::ClientGone => "the client went away",
            Self::Policy(rule) => return write!(f, "the policy's rule \"{rule}\" refuses it"),
            Self::SsrfGuard => "the name leads to an address that is never dialled",
            Self::Unresolvable => "the name does not resolve",
            Self::UpstreamUnreachable => "the provider cannot be reached",
            Self::UpstreamCertificate => "the provider's certificate does not verify",
            Self::UpstreamHandshake => "the TLS handshake with the provider failed",
            Self::ClientHandshake => "the client broke the TLS handshake",
            Self::UpstreamReset => "the provider broke the exchange",
            Self::ClientReset => "the client broke the exchange",
            Self::HostMismatch => "the request names another host than the connection",
            Self::BadRequest => "the request is not valid",
            Self::BadEncoding => "the body's encoding cannot be read",
            Self::BodyTooLarge => "the body is too large to inspect",
            Self::OutOfBudget => "too many bodies are being inspected at once",
            Self::ScanBudget => "the body is too costly to inspect",
            Self::FrozenContent => "something sensitive stands in content that may not be edited",
            Self::Finding(kind) => return write!(f, "{} detected", kind.replace('_', " ")),
            Self::NotLocal => "the client is not in a local network",
            Self::RateLimited => "the client passed its limit",
            Self::BadQuestion => "the question is not one that is served",
            Self::IdleTimeout => "it was idle for too long",
            Self::Shutdown => "the daemon is stopping",
            Self::Internal => "an internal fault",
            Self::Redirected => "it was told to use https",
            Self::Unauthenticated => "the proxy wants to know who asks, by a token or a certificate that is good",
            Self::EncryptedDns => {
                "it leads to a public resolver for encrypted DNS, which goes around this network's own"
            }
        };
        f.write_str(words)
    }
}
