//! Clients that do not take our certificate: how they show it, and what is noted of them.

use std::io;
use std::time::Duration;

use gate_core::{Event, FallbackCause, Reason};
use http::header::{self, HeaderMap};
use rustls::AlertDescription;
use tokio::time::Instant;

use crate::fallback::runtime::Runtime;
use crate::meter::Meter;
use crate::session::Session;
use crate::shared::Shared;

/// No answer that holds a certificate is shorter, in bytes: who closes before has not seen it.
const CERTIFICATE_SEEN: u64 = 400;

/// A client that closes later than this had no use for the connection, or another reason.
const AT_ONCE: Duration = Duration::from_secs(5);

/// An alert behind the handshake, with its record's header and what encryption adds, has at most so many bytes; every
/// request and the preface of HTTP/2 have more.
const ALERT_BYTES: u64 = 48;

/// How a handshake that broke says that the client does not take the certificate, if it does.
pub(super) fn cause(error: &io::Error, meter: &Meter) -> Option<FallbackCause> {
    if let Some(rustls::Error::AlertReceived(alert)) = error.get_ref().and_then(|source| source.downcast_ref()) {
        return is_about_certificate(*alert).then(|| FallbackCause::Alert(u8::from(*alert)));
    }
    let gone = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    );
    (gone && meter.down() >= CERTIFICATE_SEEN).then_some(FallbackCause::Closed)
}

fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificateStatusResponse
    )
}

/// A connection since its handshake, as long as no request came: some clients look at the certificate only then.
pub(super) struct Quiet {
    since: Instant,
    up: u64,
}

impl Quiet {
    pub(super) fn begin(meter: &Meter) -> Self {
        Self { since: Instant::now(), up: meter.up() }
    }

    /// Whether the client went at once, with no more than an alert.
    pub(super) fn is_refusal(&self, meter: &Meter, reason: Option<&Reason>) -> bool {
        let by_client = matches!(reason, None | Some(Reason::ClientReset));
        by_client && self.since.elapsed() <= AT_ONCE && meter.up() - self.up <= ALERT_BYTES
    }
}

/// Counts a refusal. The second one lets the client be watched from now on, where policy lets it.
pub(super) fn note(shared: &Shared, session: &Session, cause: FallbackCause) {
    let (who, now) = (session.who(), shared.now());
    let facts = session.facts(&session.host, session.entry.as_ref(), now);
    if !shared.snapshot().judge.may_watch(&facts) {
        return;
    }
    let guess = (session.vendor(), session.runtime);
    let began = shared
        .fallbacks
        .refused(&who, guess, cause, now, |fallback| shared.append(&Event::Fallback(fallback.began())).map(|_| ()));
    if let Some(fallback) = began {
        tracing::warn!(client = %who.client, host = %who.host, runtime = fallback.runtime, "watched from now on: the client does not take the certificate");
    }
}

/// Notes that the client takes the certificate, and what it says it is.
pub(super) fn over(shared: &Shared, session: &Session, headers: &HeaderMap) {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    shared.fallbacks.taken(&session.who(), agent.and_then(Runtime::of_agent), shared.now());
}
