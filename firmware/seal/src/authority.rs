//! The office's own certificate authority: it vouches for AI hosts and the puck's own name, and for nothing else.

use std::fmt;

use gate_core::{HostError, HostName, UnixMicros};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use thiserror::Error;
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use self::constraints::Constraints;
pub use self::leaf::{IssueError, LEAF_MAX_DAYS, Leaf, LeafRequest, PAGE_DAYS, issue_self_signed};
use crate::{EntropyError, colon_hex};

mod constraints;
mod leaf;
mod profile;

/// Ten years, two leap days included: replacing a root means visiting every device of the office.
const ROOT_DAYS: i64 = 3652;
/// The root starts a day early, so that a leaf that starts an hour early (clock skew) never starts before it.
const ROOT_BACKDATE: Duration = Duration::DAY;

/// The local certificate authority with its P-256 key.
pub struct Authority {
    cert_der: CertificateDer<'static>,
    /// Absent: the key cannot be opened, and nothing is issued.
    issuer: Option<Issuer<'static, KeyPair>>,
    constraints: Constraints,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

/// Why an authority could not be made or read.
#[derive(Debug, Error)]
pub enum AuthorityError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("`{name}` is not a domain name: {source}")]
    Domain { name: String, source: HostError },
    #[error("`{name}` is a whole top-level domain; the authority may not vouch for that much")]
    TooBroad { name: String },
    #[error("an authority for no domain is of no use")]
    NoDomain,
    #[error("{count} domains are more than the {cap} that fit into one certificate")]
    TooManyDomains { count: usize, cap: usize },
    #[error("the time {0:?} cannot stand in a certificate")]
    Time(UnixMicros),
    #[error("the certificate could not be made: {0}")]
    Make(#[source] rcgen::Error),
    #[error("the file holds no certificate in PEM")]
    CertificatePem,
    #[error("the file holds no P-256 private key in PKCS#8 PEM")]
    KeyPem,
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    #[error("the certificate is not an authority of ours: {0}")]
    NotOurs(&'static str),
}

impl Authority {
    /// Makes a new authority for `permitted_domains` (registrable domains, each with everything below) and for the
    /// puck's own name. IP addresses and mail addresses are excluded; TLS server certificates are its only use.
    pub fn generate(
        common_name: &str,
        permitted_domains: &[String],
        own_name: &HostName,
        now: UnixMicros,
    ) -> Result<Self, AuthorityError> {
        let constraints = Constraints::new(permitted_domains, own_name)?;
        let start = time_of(now).ok_or(AuthorityError::Time(now))?;
        let not_before = earlier(start, ROOT_BACKDATE);
        let not_after = start.checked_add(Duration::days(ROOT_DAYS)).ok_or(AuthorityError::Time(now))?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(AuthorityError::Make)?;
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (not_before, not_after);
        params.serial_number = Some(random_serial()?);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // On a root this is a second fence: verifiers that look at it refuse mail and code signatures below us.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.name_constraints = Some(constraints.to_rcgen());
        let cert = params.self_signed(&key).map_err(AuthorityError::Make)?;
        let issuer = Some(Issuer::new(params, key));
        Ok(Self { cert_der: cert.into(), issuer, constraints, not_before, not_after })
    }

    /// Whether [`generate`](Self::generate) takes these names.
    pub fn check_names(permitted_domains: &[String], own_name: &HostName) -> Result<(), AuthorityError> {
        Constraints::new(permitted_domains, own_name).map(drop)
    }

    /// Reads the pair that [`to_pem`](Self::to_pem) wrote. A certificate without critical name constraints, or with a
    /// key that is not its own, is refused: an office must not end up with an authority for the whole web.
    pub fn from_pem(cert_pem: &str, key_pem: &str) -> Result<Self, AuthorityError> {
        let locked = Self::locked(cert_pem)?;
        let cert_der = &locked.cert_der;
        let (_, x509) = X509Certificate::from_der(cert_der).map_err(|_| AuthorityError::CertificatePem)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| AuthorityError::KeyPem)?;
        let key =
            KeyPair::from_pkcs8_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256).map_err(|_| AuthorityError::KeyPem)?;
        if key.subject_public_key_info() != x509.public_key().raw {
            return Err(AuthorityError::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_der(cert_der, key).map_err(|_| AuthorityError::CertificatePem)?;
        Ok(Self { issuer: Some(issuer), ..locked })
    }

    /// Reads the certificate alone: what may be vouched for is known, and nothing is.
    pub fn locked(cert_pem: &str) -> Result<Self, AuthorityError> {
        let cert_der =
            CertificateDer::from_pem_slice(cert_pem.as_bytes()).map_err(|_| AuthorityError::CertificatePem)?;
        let (_, x509) = X509Certificate::from_der(&cert_der).map_err(|_| AuthorityError::CertificatePem)?;
        let constraints = check_root(&x509)?;
        let (not_before, not_after) =
            (x509.validity().not_before.to_datetime(), x509.validity().not_after.to_datetime());
        Ok(Self { cert_der: cert_der.into_owned(), issuer: None, constraints, not_before, not_after })
    }

    /// Whether it has no key.
    pub fn is_locked(&self) -> bool {
        self.issuer.is_none()
    }

    /// Certificate and private key, each as PEM for a file of its own; the key is wiped when dropped. `None`: it is locked.
    pub fn to_pem(&self) -> Option<(String, Zeroizing<String>)> {
        let key = self.issuer.as_ref()?.key();
        Some((self.cert_pem(), Zeroizing::new(key.serialize_pem())))
    }

    /// The root certificate, for trust stores.
    pub fn cert_der(&self) -> &CertificateDer<'static> {
        &self.cert_der
    }

    /// The root certificate as PEM.
    pub fn cert_pem(&self) -> String {
        pem("CERTIFICATE", &self.cert_der)
    }

    /// SHA-256 of the root certificate, for people to compare.
    pub fn fingerprint_sha256(&self) -> String {
        colon_hex(&Sha256::digest(&self.cert_der))
    }

    /// Whether the authority may vouch for a name. What it may not, must be spliced or refused.
    pub fn permits(&self, name: &HostName) -> bool {
        self.constraints.permits(name)
    }

    /// The domains it may vouch for, with everything below each; sorted, none within another.
    pub fn permitted_domains(&self) -> impl Iterator<Item = &str> {
        self.constraints.domains()
    }

    /// When the root ends, so that somebody can be told in time.
    pub fn expires_at(&self) -> UnixMicros {
        micros_of(self.not_after)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.fingerprint_sha256())
    }
}

/// What makes a certificate one of ours; the constraints it carries.
fn check_root(x509: &X509Certificate<'_>) -> Result<Constraints, AuthorityError> {
    use AuthorityError::NotOurs;
    let basic = x509.basic_constraints().ok().flatten().ok_or(NotOurs("no basic constraints"))?;
    if !basic.value.ca || basic.value.path_len_constraint != Some(0) {
        return Err(NotOurs("it may not sign, or it may make further authorities"));
    }
    let names = x509.name_constraints().ok().flatten().ok_or(NotOurs("no name constraints"))?;
    if !names.critical {
        return Err(NotOurs("its name constraints are not critical"));
    }
    Constraints::from_x509(names.value)
}

/// 126 random bits: never zero, never negative, never longer than RFC 5280 section 4.1.2.2 allows.
fn random_serial() -> Result<SerialNumber, EntropyError> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial)?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(SerialNumber::from_slice(&serial))
}

fn time_of(at: UnixMicros) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(at.0 / 1_000_000).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// A start that allows for clocks behind ours. Never before 1970: webpki reads no such time, and a puck whose clock was
/// never set must still come up.
fn earlier(start: OffsetDateTime, by: Duration) -> OffsetDateTime {
    start.saturating_sub(by).max(OffsetDateTime::UNIX_EPOCH)
}

fn micros_of(at: OffsetDateTime) -> UnixMicros {
    UnixMicros(u64::try_from(at.unix_timestamp()).unwrap_or(0).saturating_mul(1_000_000))
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", base64_lines(der, "", 64))
}

/// Base64 in lines, each with its indentation and a line end.
fn base64_lines(bytes: &[u8], indent: &str, width: usize) -> String {
    use base64::Engine;

    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    let mut rest = text.as_str();
    let mut lines = String::with_capacity(text.len() + text.len() / width * (indent.len() + 1) + 2);
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(width.min(rest.len()));
        lines.extend([indent, line, "\n"]);
        rest = tail;
    }
    lines
}

#[cfg(test)]
mod tests;
