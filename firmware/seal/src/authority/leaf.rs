use std::net::IpAddr;

use gate_core::{HostName, UnixMicros};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use thiserror::Error;
use time::{Duration, OffsetDateTime};

use super::{Authority, earlier, micros_of, random_serial, time_of};
use crate::EntropyError;

/// The longest life of a leaf, in days: a stolen leaf key is worth a week at most, and there is no revocation to run.
pub const LEAF_MAX_DAYS: u8 = 7;
/// The life of the admin page's own identity, in days: people confirm it by hand, so it must not change weekly, and
/// browsers accept 398 at most.
pub const PAGE_DAYS: u16 = 397;
/// Clients whose clock is up to an hour behind still accept a fresh leaf.
const BACKDATE: Duration = Duration::HOUR;
/// Names in one leaf.
const NAMES_CAP: usize = 64;

/// What a leaf is asked for. There are no addresses: the constraints exclude them, see [`issue_self_signed`].
#[derive(Clone, Copy, Debug)]
pub struct LeafRequest<'a> {
    pub dns_names: &'a [HostName],
    pub now: UnixMicros,
    /// 1 to [`LEAF_MAX_DAYS`].
    pub days: u8,
}

/// A certificate with its own P-256 key, as a TLS server wants them.
#[derive(Debug)]
pub struct Leaf {
    /// The leaf alone: clients hold the root, and with its constraints it is too large to send every time.
    pub chain_der: Vec<CertificateDer<'static>>,
    /// PKCS#8.
    pub key_der: PrivatePkcs8KeyDer<'static>,
    /// When the leaf ends; mint the next one before.
    pub not_after: UnixMicros,
}

/// Why a leaf was not issued.
#[derive(Debug, Error)]
pub enum IssueError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("a certificate needs at least one name")]
    NoName,
    #[error("{count} names are more than the {cap} of one certificate")]
    TooManyNames { count: usize, cap: usize },
    #[error("`{name}` lies outside the authority's constraints")]
    Outside { name: HostName },
    #[error("a life of {days} days is not between 1 and {cap}")]
    Days { days: u8, cap: u8 },
    #[error("the authority is not valid at {now:?}; is the clock right?")]
    NotValidNow { now: UnixMicros },
    #[error("the time {0:?} cannot stand in a certificate")]
    Time(UnixMicros),
    #[error("the authority's key cannot be opened")]
    Locked,
    #[error("the certificate could not be made: {0}")]
    Make(#[source] rcgen::Error),
}

impl Authority {
    /// Mints a leaf for names within the constraints, with a key of its own and a random serial number.
    pub fn issue(&self, request: LeafRequest<'_>) -> Result<Leaf, IssueError> {
        if let Some(name) = request.dns_names.iter().find(|name| !self.permits(name)) {
            return Err(IssueError::Outside { name: name.clone() });
        }
        if !(1..=LEAF_MAX_DAYS).contains(&request.days) {
            return Err(IssueError::Days { days: request.days, cap: LEAF_MAX_DAYS });
        }
        self.sign(request.dns_names, &[], request.now, request.days)
    }

    /// Everything of [`issue`](Self::issue) but the fences, so that tests can show that verifiers hold them too.
    pub(super) fn sign(
        &self,
        names: &[HostName],
        addresses: &[IpAddr],
        now: UnixMicros,
        days: u8,
    ) -> Result<Leaf, IssueError> {
        let start = time_of(now).ok_or(IssueError::Time(now))?;
        if !(self.not_before..self.not_after).contains(&start) {
            return Err(IssueError::NotValidNow { now });
        }
        let mut params = server_params(names, addresses)?;
        params.not_before = earlier(start, BACKDATE).max(self.not_before);
        params.not_after = start.saturating_add(Duration::days(i64::from(days)) - BACKDATE).min(self.not_after);
        params.use_authority_key_identifier_extension = true;
        let key = new_key()?;
        let issuer = self.issuer.as_ref().ok_or(IssueError::Locked)?;
        let cert = params.signed_by(&key, issuer).map_err(IssueError::Make)?;
        Ok(leaf(cert.into(), &key, params.not_after))
    }
}

/// The admin page's identity when it is reached by address, which the authority may not vouch for. It is its own
/// anchor: people compare its fingerprint once. It is no authority, so trusting it trusts nothing else.
pub fn issue_self_signed(names: &[HostName], ips: &[IpAddr], now: UnixMicros) -> Result<Leaf, IssueError> {
    let start = time_of(now).ok_or(IssueError::Time(now))?;
    let mut params = server_params(names, ips)?;
    params.not_before = earlier(start, BACKDATE);
    params.not_after = start.checked_add(Duration::days(i64::from(PAGE_DAYS))).ok_or(IssueError::Time(now))?;
    let key = new_key()?;
    let cert = params.self_signed(&key).map_err(IssueError::Make)?;
    Ok(leaf(cert.into(), &key, params.not_after))
}

/// A TLS server's certificate: subject alternative names only, nothing in the subject to disagree with them.
fn server_params(names: &[HostName], addresses: &[IpAddr]) -> Result<CertificateParams, IssueError> {
    match names.len() + addresses.len() {
        0 => return Err(IssueError::NoName),
        1..=NAMES_CAP => {}
        count => return Err(IssueError::TooManyNames { count, cap: NAMES_CAP }),
    }
    let mut params = CertificateParams::default();
    params.serial_number = Some(random_serial()?);
    params.distinguished_name = DistinguishedName::new();
    for name in names {
        params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().map_err(IssueError::Make)?));
    }
    params.subject_alt_names.extend(addresses.iter().map(|address| SanType::IpAddress(address.to_canonical())));
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn new_key() -> Result<KeyPair, IssueError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IssueError::Make)
}

fn leaf(cert: CertificateDer<'static>, key: &KeyPair, not_after: OffsetDateTime) -> Leaf {
    Leaf {
        chain_der: vec![cert],
        key_der: PrivatePkcs8KeyDer::from(key.serialize_der()),
        not_after: micros_of(not_after),
    }
}
