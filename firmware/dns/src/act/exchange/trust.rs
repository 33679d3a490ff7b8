//! Whom encrypted upstreams must be certified by.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use thiserror::Error;

use crate::act::doubt::{Doubt, Patient};

/// TLS sessions kept for a quicker handshake; there are a handful of upstreams.
const SESSIONS: usize = 8;

/// Why the trust anchors for encrypted upstreams cannot be used.
#[derive(Debug, Error)]
pub enum TrustError {
    #[error("proxy.extra_roots: {path}: {source}")]
    Pem { path: PathBuf, source: pem::Error },
    #[error("proxy.extra_roots: {path}: {source}")]
    Anchor { path: PathBuf, source: rustls::Error },
}

/// The client side of TLS towards upstreams, without a protocol chosen.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Mozilla's anchors, and those of a PEM file.
    /// While there is doubt about the clock, certificates may be newer than it.
    pub(crate) fn new(extra_roots: Option<&Path>, doubt: Doubt) -> Result<Self, TrustError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = extra_roots {
            let pem = |source| TrustError::Pem { path: path.to_owned(), source };
            for anchor in CertificateDer::pem_file_iter(path).map_err(pem)? {
                let anchor = anchor.map_err(pem)?;
                roots.add(anchor).map_err(|source| TrustError::Anchor { path: path.to_owned(), source })?;
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .expect("there are anchors, and no lists of what was revoked");
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the library takes its own defaults")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Patient::new(strict, doubt)))
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self(Arc::new(config)))
    }

    /// For one protocol, named by its ALPN identifier; none for DNS over TLS, whose port says it all.
    pub(super) fn speaking(&self, alpn: Option<&[u8]>) -> Arc<ClientConfig> {
        let mut config = ClientConfig::clone(&self.0);
        config.alpn_protocols = alpn.into_iter().map(<[u8]>::to_vec).collect();
        Arc::new(config)
    }
}
