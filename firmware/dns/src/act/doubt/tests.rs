use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tempfile::TempDir;

use super::{Doubt, FURTHEST, Patient};

const DAY: u64 = 24 * 3600;
const YEAR: u64 = 365 * DAY;
/// 2026-01-01, when both certificates begin to be valid.
const BEGIN: u64 = 1_767_225_600;

/// An authority that was always there, an intermediate one and a leaf that live for a year.
struct Chain {
    roots: RootCertStore,
    intermediate: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
}

fn from_2026(mut params: CertificateParams, years: i32) -> CertificateParams {
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026 + years, 1, 1);
    params
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Chain {
    fn new() -> Self {
        let key = || KeyPair::generate().unwrap();
        let mut old = authority();
        old.not_before = rcgen::date_time_ymd(2000, 1, 1);
        let top_key = key();
        let top = old.self_signed(&top_key).unwrap();
        let top_issuer = Issuer::new(old, top_key);
        let (middle, middle_key) = (from_2026(authority(), 2), key());
        let intermediate = middle.signed_by(&middle_key, &top_issuer).unwrap().der().clone();
        let middle_issuer = Issuer::new(middle, middle_key);
        let names = vec!["dns.example".to_owned()];
        let leaf = from_2026(CertificateParams::new(names).unwrap(), 1).signed_by(&key(), &middle_issuer).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(top.der().clone()).unwrap();
        Self { roots, intermediate, leaf: leaf.der().clone() }
    }

    /// Whether the chain is taken at a time, by a verifier that looks at this file.
    fn holds(&self, doubt: Option<&Path>, at: u64) -> bool {
        self.holds_for("dns.example", doubt, at)
    }

    fn holds_for(&self, name: &str, doubt: Option<&Path>, at: u64) -> bool {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let strict =
            WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots.clone()), provider).build().unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let patient = Patient::new(strict, Doubt::while_there_is(doubt));
        patient.verify_server_cert(&self.leaf, std::slice::from_ref(&self.intermediate), &name, &[], now).is_ok()
    }
}

#[test]
fn only_while_there_is_doubt_a_certificate_may_be_newer_than_the_clock() {
    let (chain, folder) = (Chain::new(), TempDir::new().unwrap());
    let file = folder.path().join("clock-unsure");
    let doubt = Some(file.as_path());
    assert!(chain.holds(None, BEGIN + DAY) && chain.holds(doubt, BEGIN + DAY));
    for (at, wanted, why) in [
        (BEGIN - YEAR, true, "a year behind"),
        (BEGIN - FURTHEST.as_secs() - DAY, false, "further behind than any clock"),
        (BEGIN + 2 * YEAR, false, "what is over is over"),
    ] {
        std::fs::write(&file, "").unwrap();
        assert!(!chain.holds(None, at), "{why}, without doubt");
        assert_eq!(chain.holds(doubt, at), wanted, "{why}");
        std::fs::remove_file(&file).unwrap();
        assert!(!chain.holds(doubt, at), "{why}, once the clock was set");
    }
}

#[test]
fn nothing_else_is_let_pass() {
    let (chain, other, folder) = (Chain::new(), Chain::new(), TempDir::new().unwrap());
    let file = folder.path().join("clock-unsure");
    std::fs::write(&file, "").unwrap();
    let doubt = Some(file.as_path());
    assert!(!chain.holds_for("other.example", doubt, BEGIN - YEAR), "another name");
    let strangers = Chain { roots: other.roots, ..chain };
    assert!(!strangers.holds(doubt, BEGIN - YEAR), "another authority");
}

#[test]
fn doubt_that_is_gone_does_not_come_back() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("clock-unsure");
    std::fs::write(&file, "").unwrap();
    let doubt = Doubt::while_there_is(Some(&file));
    assert!(doubt.lasts());
    std::fs::remove_file(&file).unwrap();
    assert!(!doubt.lasts());
    std::fs::write(&file, "").unwrap();
    assert!(!doubt.lasts());
}
