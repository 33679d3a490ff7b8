//! Doubt about the clock. A board without a battery comes up with the time at which it was last seen, and needs names to
//! learn a better one: until then what is *newer* than its clock is let pass, what is older than it never.
//!
//! Whoever starts the resolver says so by a file that is there as long as the doubt lasts, and bounds it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tracing::warn;

/// A clock is never believed to be further behind: a board that lay in a drawer is started with a newer image.
const FURTHEST: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// A certificate and the authorities above it, each perhaps newer than the clock.
const CHAIN: usize = 4;

/// Whether the clock may be behind.
#[derive(Debug)]
pub(crate) struct Doubt {
    file: Option<PathBuf>,
    /// Once gone, doubt does not come back.
    gone: AtomicBool,
}

impl Doubt {
    /// By a file that is there as long as nobody said what time it is; none where the clock is always right.
    pub(crate) fn while_there_is(file: Option<&Path>) -> Self {
        Self { file: file.map(Path::to_owned), gone: AtomicBool::new(file.is_none()) }
    }

    pub(crate) fn lasts(&self) -> bool {
        if self.gone.load(Ordering::Relaxed) {
            return false;
        }
        let there = self.file.as_ref().is_some_and(|file| file.exists());
        self.gone.store(!there, Ordering::Relaxed);
        there
    }
}

/// Checks certificates as ever, except that while there is doubt one may begin in what the clock takes for the future.
pub(crate) struct Patient {
    strict: Arc<WebPkiServerVerifier>,
    doubt: Doubt,
}

impl Patient {
    pub(crate) fn new(strict: Arc<WebPkiServerVerifier>, doubt: Doubt) -> Self {
        Self { strict, doubt }
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("doubt", &self.doubt).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Patient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut at = now;
        for _ in 0..CHAIN {
            let checked = self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, at);
            let Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) = checked
            else {
                return checked;
            };
            let ahead = not_before.as_secs().saturating_sub(now.as_secs());
            if not_before <= at || ahead > FURTHEST.as_secs() || !self.doubt.lasts() {
                return checked;
            }
            warn!(?server_name, ahead, "the clock is not set yet; a certificate that is newer is taken");
            at = not_before;
        }
        Err(CertificateError::NotValidYet.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.strict.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
