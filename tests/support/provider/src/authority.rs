//! The pretend internet's certificate authority, and the ways a certificate can be wrong.
//!
//! The first label of a name chooses: `expired.…`, `wrong-name.…`, `unknown-ca.…`, `self-signed.…` are served with
//! that fault; `h1-only.…` and `h2-only.…` negotiate one protocol.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

/// Mints a certificate for each name it serves, once.
pub(crate) struct Authority {
    ca_pem: String,
    mint: Arc<Mint>,
}

struct Mint {
    names: Vec<String>,
    issuer: Issuer<'static, KeyPair>,
    /// Nobody trusts this one.
    stranger: Issuer<'static, KeyPair>,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Expired,
    WrongName,
    UnknownCa,
    SelfSigned,
}

impl Authority {
    pub(crate) fn generate(names: &[String]) -> Result<Self, rcgen::Error> {
        let (ca_pem, issuer) = certificate_authority("Pretend Internet CA")?;
        let (_, stranger) = certificate_authority("Unknown CA")?;
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self { ca_pem, mint: Arc::new(Mint { names, issuer, stranger, made: Mutex::default() }) })
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The TLS configuration for one name.
    pub(crate) fn config(&self, server_name: Option<&str>) -> Arc<ServerConfig> {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Mint>::clone(&self.mint) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = match server_name.and_then(|name| name.split('.').next()) {
            Some("h1-only") => vec![b"http/1.1".to_vec()],
            Some("h2-only") => vec![b"h2".to_vec()],
            _ => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        };
        Arc::new(config)
    }
}

impl ResolvesServerCert for Mint {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        if !self.serves(&name) {
            return None;
        }
        let mut made = self.made.lock().expect("no holder of this lock panics");
        if let Some(key) = made.get(&name) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.issue(&name).ok()?);
        made.insert(name, Arc::clone(&key));
        Some(key)
    }
}

impl Mint {
    fn serves(&self, name: &str) -> bool {
        self.names.iter().any(|served| match served.strip_prefix("*.") {
            Some(parent) => name.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            None => served == name,
        })
    }

    fn issue(&self, name: &str) -> Result<CertifiedKey, rcgen::Error> {
        let fault = Fault::of(name);
        let now = OffsetDateTime::now_utc();
        let subject = if fault == Fault::WrongName { "somebody.else.example" } else { name };
        let mut params = CertificateParams::new(vec![subject.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, subject);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        params.not_before = now - Duration::days(30);
        params.not_after = if fault == Fault::Expired { now - Duration::days(1) } else { now + Duration::days(60) };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = match fault {
            Fault::SelfSigned => params.self_signed(&key)?,
            Fault::UnknownCa => params.signed_by(&key, &self.stranger)?,
            Fault::None | Fault::Expired | Fault::WrongName => params.signed_by(&key, &self.issuer)?,
        };
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&private)
            .expect("a P-256 key made a line above is supported");
        Ok(CertifiedKey::new(vec![CertificateDer::clone(certificate.der())], signing))
    }
}

impl Fault {
    fn of(name: &str) -> Self {
        match name.split('.').next() {
            Some("expired") => Self::Expired,
            Some("wrong-name") => Self::WrongName,
            Some("unknown-ca") => Self::UnknownCa,
            Some("self-signed") => Self::SelfSigned,
            _ => Self::None,
        }
    }
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").field("names", &self.names).finish_non_exhaustive()
    }
}

fn certificate_authority(common_name: &str) -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.distinguished_name.push(DnType::OrganizationName, "Nano-Gate virtual office");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = OffsetDateTime::now_utc();
    params.not_before = now - Duration::days(365);
    params.not_after = now + Duration::days(365);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let pem = params.self_signed(&key)?.pem();
    Ok((pem, Issuer::new(params, key)))
}

#[cfg(test)]
mod tests {
    use super::{Authority, Fault};

    #[test]
    fn serves_the_names_it_was_given_and_no_others() {
        let names = ["api.openai.com".to_owned(), "*.openai.azure.com".to_owned()];
        let mint = Authority::generate(&names).unwrap().mint;
        for (name, served) in [
            ("api.openai.com", true),
            ("a.openai.azure.com", true),
            ("openai.azure.com", false),
            (".openai.azure.com", false),
            ("evilopenai.azure.com", false),
            ("x.api.openai.com", false),
        ] {
            assert_eq!(mint.serves(name), served, "{name}");
        }
    }

    #[test]
    fn the_first_label_chooses_the_fault() {
        assert_eq!(Fault::of("expired.openai.azure.com"), Fault::Expired);
        assert_eq!(Fault::of("api.expired.com"), Fault::None);
    }
}
