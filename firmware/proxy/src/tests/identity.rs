//! Who the CONNECT proxy lets through: tokens, certificates, and what the policy demands.

use std::path::PathBuf;
use std::sync::Arc;

use gate_core::{ConnectionFacts, Demand, HostName, Mode, ProxyCredential, Reason, Verdict};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::*;
use crate::act::answer::ESTABLISHED;
use crate::ports::{Mint, MintError};

const API: &str = "api.openai.com";
/// base64 of `ci-1:ngt_one`, `ci-2:ngt_one` and `ci-1:ngt_two`.
const CI_1: &str = "Basic Y2ktMTpuZ3Rfb25l";
const NOT_CI_2: &str = "Basic Y2ktMjpuZ3Rfb25l";
const NOT_ITS_TOKEN: &str = "Basic Y2ktMTpuZ3RfdHdv";

fn connect(credential: Option<&str>) -> String {
    let header = credential.map_or_else(String::new, |value| format!("Proxy-Authorization: {value}\r\n"));
    format!("CONNECT {API}:443 HTTP/1.1\r\nHost: {API}:443\r\n{header}\r\n")
}

fn known_office() -> Office {
    office().tokens(&[("ci-1", "ngt_one"), ("ci-2", "ngt_two")])
}

#[tokio::test]
async fn who_must_show_a_token_and_does_not_is_told_what_is_wanted() {
    let rows: &[(Demand, Option<&str>, &str, &str)] = &[
        (Demand::Token, None, "407 ", "this proxy wants a token"),
        (Demand::Either, None, "407 ", "this proxy wants a token as the password, or a client certificate"),
        (Demand::Certificate, None, "403 ", "this proxy wants a client certificate"),
        (Demand::Certificate, Some(CI_1), "403 ", "this proxy wants a client certificate"),
        (Demand::Token, Some(NOT_CI_2), "407 ", "the token is not valid, or belongs to another name"),
        (Demand::Token, Some(NOT_ITS_TOKEN), "407 ", "the token is not valid"),
        (Demand::Token, Some("Bearer ngt_three"), "407 ", "the token is not valid"),
        (Demand::Token, Some("Digest x"), "407 ", "the token is not valid"),
        (Demand::Nothing, Some("Bearer ngt_three"), "407 ", "the token is not valid"),
    ];
    for (demand, credential, status, words) in rows {
        let office = known_office().demand(*demand).open().await;
        let mut client = TcpStream::connect(office.explicit).await.unwrap();
        client.write_all(connect(*credential).as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_all(&mut client).await).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(words),
            "{credential:?}: {answer}"
        );
        assert_eq!(answer.contains("Proxy-Authenticate: Basic"), *status == "407 ", "{answer}");
        let record = office.record().await;
        assert_eq!((record.mode, record.reason), (Mode::Refused, Some(Reason::Unauthenticated)));
        assert_eq!(record.host.as_deref(), Some(API));
        assert!(office.journal.known().is_empty() && !office.journal.text().contains("ngt_"), "{credential:?}");
    }
    let twice = format!("Bearer ngt_one\r\nProxy-Authorization: {CI_1}");
    let office = known_office().open().await;
    let mut client = TcpStream::connect(office.explicit).await.unwrap();
    client.write_all(connect(Some(&twice)).as_bytes()).await.unwrap();
    assert!(read_all(&mut client).await.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_token_makes_a_name_that_policy_and_journal_know() {
    for (credential, name) in [(CI_1, "ci-1"), ("bearer ngt_two", "ci-2")] {
        let (provider, port) = server().await;
        let judged = move |facts: &ConnectionFacts<'_>| match facts.name {
            Some(known) if known == name => Verdict::Splice,
            _ => Verdict::Refuse(Reason::Policy("strangers".to_owned())),
        };
        let office = known_office().demand(Demand::Token).judge(judged).name(API, &["127.0.0.1"]);
        let office = office.config(|config| config.upstream_port = port).open().await;
        let mut client = TcpStream::connect(office.explicit).await.unwrap();
        client.write_all(connect(Some(credential)).as_bytes()).await.unwrap();
        assert_eq!(read_some(&mut client, ESTABLISHED.len()).await, ESTABLISHED);
        let hello = hello_for(API);
        client.write_all(&hello).await.unwrap();
        let mut far = next(&provider).await;
        assert_eq!(read_some(&mut far, hello.len()).await, hello);
        drop((far, client));
        let record = office.record().await;
        assert_eq!(record.mode, Mode::Watched);
        let [known] = &office.journal.known()[..] else { panic!("one is known") };
        assert_eq!((&*known.name, known.by, known.connection), (name, ProxyCredential::Token, record.id));
        assert!(!office.journal.text().contains("ngt_"));
    }
}

#[tokio::test]
async fn a_name_has_so_many_tunnels_and_no_more() {
    let office = known_office().name(API, &["127.0.0.1"]).config(|config| config.max_tunnels_per_name = 2).open().await;
    let mut open = Vec::new();
    for expected in ["200 ", "200 ", "429 "] {
        let mut client = TcpStream::connect(office.explicit).await.unwrap();
        client.write_all(connect(Some(CI_1)).as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_some(&mut client, 13).await).unwrap();
        assert_eq!(answer, format!("HTTP/1.1 {expected}"));
        open.push(client);
    }
    let mut other = TcpStream::connect(office.explicit).await.unwrap();
    other.write_all(connect(Some("Bearer ngt_two")).as_bytes()).await.unwrap();
    assert_eq!(read_some(&mut other, 13).await, b"HTTP/1.1 200 ", "another name has its own");
    drop(other);
    drop(open);
    let records = office.records(4).await;
    assert_eq!(records.iter().filter(|record| record.reason == Some(Reason::RateLimited)).count(), 1);
}

/// An authority of clients, or the office's.
struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn leaf(&self, names: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        (leaf.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
    }
}

struct OfficeMint(Ca);

impl Mint for OfficeMint {
    fn may_vouch(&self, _: &HostName) -> bool {
        true
    }

    fn leaf(&self, host: &HostName) -> Result<Arc<CertifiedKey>, MintError> {
        let (leaf, key) = self.0.leaf(&[host.as_str()]);
        let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
        Ok(Arc::new(CertifiedKey::new(vec![leaf], key)))
    }
}

/// What a client of the proxy by TLS trusts, and shows.
fn tls_client(root: &str, own: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match own {
        Some((leaf, key)) => config.with_client_auth_cert(vec![leaf], key).unwrap(),
        None => config.with_no_client_auth(),
    };
    Arc::new(config).into()
}

/// The file of one test, gone with it.
struct RootsFile(PathBuf);

impl RootsFile {
    fn new(pem: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = std::env::temp_dir().join(format!("gate-proxy-{}-clients-{number}.pem", std::process::id()));
        std::fs::write(&file, pem).unwrap();
        Self(file)
    }
}

impl Drop for RootsFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_certificate_makes_a_name_and_a_strangers_opens_nothing() {
    let (clients, strangers) = (Ca::new(), Ca::new());
    let file = RootsFile::new(&clients.pem);
    let leaf = |ca: &Ca, names: &[&str]| Some(ca.leaf(names));
    let (token, both) = (Some(ProxyCredential::Token), Some(ProxyCredential::Both));
    let certificate = Some(ProxyCredential::Certificate);
    let rows = [
        (Demand::Certificate, leaf(&clients, &["ci-1.lan"]), None, Ok(certificate)),
        (Demand::Either, leaf(&clients, &["ci-1.lan"]), None, Ok(certificate)),
        (Demand::Either, None, Some("Bearer ngt_one"), Ok(token)),
        (Demand::Token, leaf(&clients, &["ci-1.lan"]), Some("Bearer ngt_lan"), Ok(both)),
        (Demand::Nothing, None, None, Ok(None)),
        (Demand::Certificate, None, Some("Bearer ngt_one"), Err("HTTP/1.1 403 ")),
        (Demand::Token, leaf(&clients, &["ci-1.lan"]), None, Err("HTTP/1.1 407 ")),
        (Demand::Nothing, leaf(&clients, &["ci-1.lan"]), Some("Bearer ngt_one"), Err("HTTP/1.1 407 ")),
        (Demand::Nothing, leaf(&clients, &["*.lan"]), None, Err("HTTP/1.1 407 ")),
        (Demand::Nothing, leaf(&clients, &[]), None, Err("HTTP/1.1 407 ")),
        (Demand::Nothing, leaf(&strangers, &["ci-1.lan"]), None, Err("")),
    ];
    for (number, (demand, own, credential, expected)) in rows.into_iter().enumerate() {
        let (provider, port) = server().await;
        let office_ca = Ca::new();
        let connector = tls_client(&office_ca.pem, own);
        let office = office().tokens(&[("ci-1", "ngt_one"), ("ci-1.lan", "ngt_lan")]).mint(OfficeMint(office_ca));
        let office = office.demand(demand).name(API, &["127.0.0.1"]).config(|config| {
            config.upstream_port = port;
            config.client_roots = Some(file.0.clone());
        });
        let office = office.open().await;
        let tcp = TcpStream::connect(office.explicit).await.unwrap();
        let mut client = connector.connect("nanogate.lan".try_into().unwrap(), tcp).await.unwrap();
        client.write_all(connect(credential).as_bytes()).await.unwrap();
        let mut answer = vec![0; 13];
        let read = client.read_exact(&mut answer).await;
        match expected {
            Ok(by) => {
                assert_eq!(answer, b"HTTP/1.1 200 ", "row {number}");
                client.read_exact(&mut vec![0; ESTABLISHED.len() - 13]).await.unwrap();
                let hello = hello_for(API);
                client.write_all(&hello).await.unwrap();
                let mut far = next(&provider).await;
                assert_eq!(read_some(&mut far, hello.len()).await, hello);
                // More than any socket holds, so that both directions are moved for long.
                let much = vec![7; 1 << 20];
                let (sent, mut got) = (far.write_all(&much), vec![0; much.len()]);
                let (sent, read) = tokio::join!(sent, client.read_exact(&mut got));
                assert!(sent.is_ok() && read.is_ok() && got == much, "row {number}");
                drop((far, client));
                assert_eq!(office.record().await.mode, Mode::Watched);
                let known = office.journal.known();
                assert_eq!(known.first().map(|known| known.by), by, "row {number}");
            }
            Err("") => {
                assert!(read.is_err(), "row {number}");
                assert_eq!(office.record().await.reason, Some(Reason::Unauthenticated));
            }
            Err(status) => {
                assert_eq!(String::from_utf8_lossy(&answer), status, "row {number}");
                drop(client);
                assert_eq!(office.record().await.reason, Some(Reason::Unauthenticated));
                assert!(office.journal.known().is_empty());
            }
        }
        assert!(!office.journal.text().contains("ngt_"));
    }
}
