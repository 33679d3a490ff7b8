//! What other people's verifiers say about our certificates: rustls' webpki and the `openssl` command.

mod names;
mod outside;
mod profile;

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use gate_core::{HostName, UnixMicros};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tempfile::TempDir;

use super::{Authority, AuthorityError, IssueError, LeafRequest, pem};

/// 2026-11-21T04:49:00Z.
const NOW: UnixMicros = UnixMicros(1_795_236_540_000_000);
const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;

fn host(name: &str) -> HostName {
    HostName::parse(name.as_bytes()).unwrap()
}

fn authority_at(now: UnixMicros) -> Authority {
    let domains = ["openai.com", "anthropic.com"].map(str::to_owned);
    Authority::generate("Example Office", &domains, &host("nanogate.example.org"), now).unwrap()
}

fn authority() -> Authority {
    authority_at(NOW)
}

fn after(now: UnixMicros, micros: u64) -> UnixMicros {
    UnixMicros(now.0 + micros)
}

/// Whether rustls, trusting only `root`, accepts the chain for `name` at `at`.
fn webpki(
    root: &CertificateDer<'_>,
    leaf: &CertificateDer<'_>,
    name: &str,
    at: UnixMicros,
) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone().into_owned()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_micros(at.0));
    verifier.verify_server_cert(leaf, &[], &name, &[], at).map(|_| ())
}

/// What `openssl verify` says to the same question.
fn openssl(root: &CertificateDer<'_>, leaf: &CertificateDer<'_>, name: &str, at: UnixMicros) -> Output {
    let dir = TempDir::new().unwrap();
    let (root_file, leaf_file) = (dir.path().join("root.pem"), dir.path().join("leaf.pem"));
    fs::write(&root_file, pem("CERTIFICATE", root)).unwrap();
    fs::write(&leaf_file, pem("CERTIFICATE", leaf)).unwrap();
    let name_check = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
    Command::new("openssl")
        .args(["verify", "-x509_strict", "-purpose", "sslserver", "-no-CAstore", "-no-CApath", "-CAfile"])
        .arg(&root_file)
        .args([name_check, name, "-attime", &(at.0 / 1_000_000).to_string()])
        .arg(&leaf_file)
        .output()
        .expect("the openssl command is installed")
}

/// `openssl x509 -text` of a certificate.
fn text(cert: &CertificateDer<'_>) -> String {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("cert.der");
    fs::write(&file, cert).unwrap();
    let args = ["x509", "-noout", "-text", "-inform", "DER", "-in"];
    let output = Command::new("openssl").args(args).arg(&file).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Both verifiers, which must agree.
fn accepted(root: &CertificateDer<'_>, leaf: &CertificateDer<'_>, name: &str, at: UnixMicros) -> bool {
    let rustls = webpki(root, leaf, name, at);
    let openssl = openssl(root, leaf, name, at);
    assert_eq!(rustls.is_ok(), openssl.status.success(), "rustls: {rustls:?}; openssl: {openssl:?}");
    rustls.is_ok()
}

#[test]
fn both_verifiers_accept_a_leaf() {
    let authority = authority();
    let names = [host("api.openai.com"), host("chat.openai.com")];
    let leaf = authority.issue(LeafRequest { dns_names: &names, now: NOW, days: 7 }).unwrap();
    assert!(accepted(authority.cert_der(), &leaf.chain_der[0], "api.openai.com", NOW));
    assert!(accepted(authority.cert_der(), &leaf.chain_der[0], "chat.openai.com", NOW));
    assert!(!accepted(authority.cert_der(), &leaf.chain_der[0], "files.openai.com", NOW));
    assert!(
        !accepted(self::authority().cert_der(), &leaf.chain_der[0], "api.openai.com", NOW),
        "another office's root"
    );
}

#[test]
fn a_leaf_lives_seven_days_in_all_and_starts_an_hour_early() {
    let authority = authority();
    let leaf = authority.issue(LeafRequest { dns_names: &[host("openai.com")], now: NOW, days: 7 }).unwrap();
    assert_eq!(leaf.not_after, after(NOW, 7 * DAY - HOUR));
    let at = |at| accepted(authority.cert_der(), &leaf.chain_der[0], "openai.com", at);
    assert!(!at(UnixMicros(NOW.0 - HOUR - 1_000_000)));
    assert!(at(UnixMicros(NOW.0 - HOUR)));
    // At the last second itself verifiers disagree, so it is not asked.
    assert!(at(UnixMicros(leaf.not_after.0 - 1_000_000)));
    assert!(!at(after(leaf.not_after, 1_000_000)));
}

#[test]
fn leaves_hold_in_1970_and_in_3000() {
    for now in [UnixMicros(0), UnixMicros(32_503_680_000_000_000)] {
        let authority = authority_at(now);
        let leaf = authority.issue(LeafRequest { dns_names: &[host("openai.com")], now, days: 1 }).unwrap();
        assert!(accepted(authority.cert_der(), &leaf.chain_der[0], "openai.com", now), "{now:?}");
        let again = Authority::from_pem(&authority.cert_pem(), &authority.to_pem().unwrap().1).unwrap();
        assert_eq!(again.expires_at(), after(now, 3652 * DAY));
    }
    let error = Authority::generate("x", &["openai.com".into()], &host("puck.lan"), UnixMicros(u64::MAX)).unwrap_err();
    assert!(matches!(error, AuthorityError::Time(_)));
}

#[test]
fn nothing_is_issued_outside_the_authority_s_own_life() {
    let authority = authority();
    let issue = |now| authority.issue(LeafRequest { dns_names: &[host("openai.com")], now, days: 7 });
    let end = authority.expires_at();
    assert!(matches!(issue(UnixMicros(0)), Err(IssueError::NotValidNow { .. })), "a clock that was never set");
    assert!(matches!(issue(end), Err(IssueError::NotValidNow { .. })));
    assert!(matches!(issue(UnixMicros(u64::MAX)), Err(IssueError::Time(_))));
    assert_eq!(issue(UnixMicros(end.0 - DAY)).unwrap().not_after, end, "a leaf never outlives its root");
}

#[test]
fn every_leaf_has_its_own_key_and_serial_number() {
    let authority = authority();
    let mut keys = vec![authority.to_pem().unwrap().1.to_string()];
    let mut serials = Vec::new();
    for _ in 0..20 {
        let leaf = authority.issue(LeafRequest { dns_names: &[host("openai.com")], now: NOW, days: 7 }).unwrap();
        keys.push(pem("PRIVATE KEY", leaf.key_der.secret_pkcs8_der()));
        let (_, x509) = x509_parser::parse_x509_certificate(&leaf.chain_der[0]).unwrap();
        assert_eq!(x509.raw_serial().len(), 16);
        serials.push(x509.raw_serial().to_vec());
    }
    keys.sort();
    keys.dedup();
    serials.sort();
    serials.dedup();
    assert_eq!((keys.len(), serials.len()), (21, 20));
}

#[test]
fn certificates_say_what_they_are_for() {
    let authority = authority();
    let root = text(authority.cert_der());
    for part in [
        "CA:TRUE, pathlen:0",
        "Certificate Sign, CRL Sign",
        "TLS Web Server Authentication",
        "X509v3 Name Constraints: critical",
        "DNS:openai.com",
        "DNS:nanogate.example.org",
        "IP:0.0.0.0/0.0.0.0",
        "IP:0:0:0:0:0:0:0:0/0:0:0:0:0:0:0:0",
        "NIST CURVE: P-256",
    ] {
        assert!(root.contains(part), "{part} is missing in\n{root}");
    }
    let leaf = authority.issue(LeafRequest { dns_names: &[host("api.openai.com")], now: NOW, days: 7 }).unwrap();
    let leaf = text(&leaf.chain_der[0]);
    for part in ["CA:FALSE", "TLS Web Server Authentication", "Digital Signature", "NIST CURVE: P-256"] {
        assert!(leaf.contains(part), "{part} is missing in\n{leaf}");
    }
    assert!(leaf.contains("X509v3 Subject Alternative Name: critical\n                DNS:api.openai.com\n"), "{leaf}");
    assert!(leaf.contains("Subject: \n") || leaf.contains("Subject:\n"), "the subject is empty\n{leaf}");
}

#[test]
fn without_its_key_it_says_what_it_is_and_vouches_for_nothing() {
    let authority = authority();
    let locked = Authority::locked(&authority.cert_pem()).unwrap();
    assert!(locked.is_locked() && locked.to_pem().is_none() && !authority.is_locked());
    assert_eq!(locked.fingerprint_sha256(), authority.fingerprint_sha256());
    assert!(locked.permits(&host("api.openai.com")));
    let error = locked.issue(LeafRequest { dns_names: &[host("api.openai.com")], now: NOW, days: 3 }).unwrap_err();
    assert!(matches!(error, IssueError::Locked));
}

#[test]
fn survives_pem_both_ways() {
    let authority = authority();
    let (cert, key) = authority.to_pem().unwrap();
    let again = Authority::from_pem(&cert, &key).unwrap();
    assert_eq!(again.fingerprint_sha256(), authority.fingerprint_sha256());
    assert!(again.permitted_domains().eq(authority.permitted_domains()));
    let leaf = again.issue(LeafRequest { dns_names: &[host("api.anthropic.com")], now: NOW, days: 3 }).unwrap();
    assert!(accepted(authority.cert_der(), &leaf.chain_der[0], "api.anthropic.com", NOW));
}

#[test]
fn the_fingerprint_is_the_one_openssl_prints() {
    let authority = authority();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("root.pem");
    fs::write(&file, authority.cert_pem()).unwrap();
    let args = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
    let output = Command::new("openssl").args(args).arg(&file).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.trim().split_once('=').unwrap().1, authority.fingerprint_sha256());
}

#[test]
fn debug_shows_no_key() {
    let authority = authority();
    assert_eq!(format!("{authority:?}"), format!("Authority({})", authority.fingerprint_sha256()));
    let leaf = authority.issue(LeafRequest { dns_names: &[host("openai.com")], now: NOW, days: 7 }).unwrap();
    let shown = format!("{leaf:?}");
    assert!(shown.contains("[secret key elided]"), "{shown}");
}
