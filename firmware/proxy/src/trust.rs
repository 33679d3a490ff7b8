use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use rustls::server::VerifierBuilderError;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use thiserror::Error;

/// Why the trust anchors for upstream TLS cannot be used.
#[derive(Debug, Error)]
pub enum TrustError {
    #[error("{key}: {path}: {source}")]
    Pem { key: &'static str, path: PathBuf, source: pem::Error },
    #[error("{key}: {path}: {source}")]
    Anchor { key: &'static str, path: PathBuf, source: rustls::Error },
    #[error("{key}: {path}: holds no certificate")]
    Empty { key: &'static str, path: PathBuf },
    #[error("proxy.client_roots: {path}: {source}")]
    Clients { path: PathBuf, source: VerifierBuilderError },
    #[error("the TLS library refuses its own defaults: {0}")]
    Provider(rustls::Error),
}

/// The client side of upstream TLS: Mozilla's roots and those of `extra_roots`.
pub(crate) fn upstream(extra_roots: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_roots {
        add_file(&mut roots, "proxy.extra_roots", path)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Provider)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The trust anchors of one file, which `key` names.
pub(crate) fn roots(key: &'static str, path: &Path) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    add_file(&mut roots, key, path)?;
    Ok(roots)
}

/// Whether a file's trust anchors, which `key` names, can be used.
pub fn check_roots(key: &'static str, path: &Path) -> Result<(), TrustError> {
    roots(key, path).map(drop)
}

fn add_file(roots: &mut RootCertStore, key: &'static str, path: &Path) -> Result<(), TrustError> {
    let pem = |source| TrustError::Pem { key, path: path.to_owned(), source };
    let before = roots.len();
    for anchor in CertificateDer::pem_reader_iter(open(path).map_err(|error| pem(pem::Error::Io(error)))?) {
        roots.add(anchor.map_err(pem)?).map_err(|source| TrustError::Anchor { key, path: path.to_owned(), source })?;
    }
    if roots.len() == before { Err(TrustError::Empty { key, path: path.to_owned() }) } else { Ok(()) }
}

/// A file to read from; a pipe or a device in its place is not waited for.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is no plain file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file for this test alone and tries it as `extra_roots`.
    fn with_file(name: &str, content: &str) -> Result<Arc<ClientConfig>, String> {
        let path = std::env::temp_dir().join(format!("gate-proxy-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let result = upstream(Some(&path)).map_err(|error| error.to_string());
        std::fs::remove_file(&path).unwrap();
        result.map_err(|error| error.replace(&*path.to_string_lossy(), name))
    }

    #[test]
    fn extra_roots_are_added_and_bad_ones_are_named() {
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap().pem();
        assert!(with_file("good.pem", &root).is_ok());
        let error = |name, content| with_file(name, content).unwrap_err();
        assert_eq!(error("empty.pem", "no armour here"), "proxy.extra_roots: empty.pem: holds no certificate");
        assert!(error("torn.pem", &root[..root.len() / 2]).starts_with("proxy.extra_roots: torn.pem: "));
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(error("garbage.pem", garbage).starts_with("proxy.extra_roots: garbage.pem: "));
        let missing = upstream(Some(Path::new("/nowhere/roots.pem"))).unwrap_err().to_string();
        assert!(missing.starts_with("proxy.extra_roots: /nowhere/roots.pem: "), "{missing}");
    }
}
