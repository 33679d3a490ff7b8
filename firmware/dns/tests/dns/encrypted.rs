//! Encrypted upstreams, against servers that are not ours: unbound (DoT), dnsdist (DoH), hickory's (DoQ).

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_dns::UpstreamState;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{LowerName, Name, RecordType};
use hickory_server::Server as HickoryServer;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::lab::{Certificates, Folder, NAME, Server, free_address, program, unbound};
use crate::office::{Office, query_edns, read_tcp, write_tcp};
use crate::upstream::{a, soa};

/// An office whose upstreams are `texts`, trusting the lab's authority.
async fn office(texts: &[String], roots: Option<PathBuf>) -> Office {
    Office::open_with(|config| {
        config.upstreams = texts.iter().map(|text| text.parse().unwrap()).collect();
        config.extra_roots = roots;
    })
    .await
}

async fn unbound_tls(certificates: &Certificates) -> (Server, SocketAddr) {
    let tls = free_address();
    let more = format!(
        "    interface: 127.0.0.1@{0}\n    tls-port: {0}\n    tls-service-key: \"{1}\"\n    tls-service-pem: \"{2}\"\n",
        tls.port(),
        certificates.key.display(),
        certificates.cert.display()
    );
    (unbound(&more).await, tls)
}

/// dnsdist in front of an unbound; it also answers plain DNS, which says that it runs.
async fn dnsdist(certificates: &Certificates, behind: SocketAddr) -> (Server, SocketAddr) {
    let https = free_address();
    let start = |folder: &Folder, address: SocketAddr| -> Command {
        let config = format!(
            "setLocal('{address}')\nnewServer({{address='{behind}', checkName='www.lab.example.'}})\naddDOHLocal('{https}', '{}', '{}', '/dns-query')\n",
            certificates.cert.display(),
            certificates.key.display()
        );
        let mut command = program("dnsdist", "dnsdist");
        command.args(["--supervised", "--disable-syslog", "-C"]).arg(folder.write("dnsdist.conf", &config));
        command
    };
    (Server::start(start).await, https)
}

/// hickory's server with one zone, over QUIC only.
async fn hickory_quic(certificates: &Certificates) -> (HickoryServer<Catalog>, SocketAddr) {
    let origin = Name::from_ascii("lab.example.").unwrap();
    let mut zone = InMemoryZoneHandler::<hickory_server::net::runtime::TokioRuntimeProvider>::empty(
        origin.clone(),
        ZoneType::Primary,
        AxfrPolicy::Deny,
    );
    zone.upsert_mut(soa("lab.example.", 300, 120), 0);
    zone.upsert_mut(a("www.lab.example.", 300, "203.0.113.10"), 0);
    let mut catalog = Catalog::new();
    catalog.upsert(LowerName::new(&origin), vec![Arc::new(zone)]);
    let chain = CertificateDer::pem_file_iter(&certificates.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&certificates.key).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let resolver = Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key)));
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut server = HickoryServer::new(catalog);
    server.register_quic_listener(socket, Duration::from_secs(5), resolver).unwrap();
    (server, address)
}

async fn resolves(office: &Office, what: &str) {
    let answer = office.exchange(query_edns("WWW.lab.example.", RecordType::A, 1232, false)).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{what}: {:?}", office.dns.upstreams());
    assert!(!answer.answers.is_empty(), "{what}");
    let missing = office.ask("missing.lab.example.", RecordType::A).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain, "{what}");
}

#[tokio::test]
async fn unbound_is_asked_over_tls_on_one_connection() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (_unbound, tls) = unbound_tls(&certificates).await;
    let office = office(&[format!("tls://{tls}#{NAME}")], Some(certificates.ca.clone())).await;
    resolves(&office, "DoT").await;
    let mut stream = office.connect().await;
    let long = query_edns("big.lab.example.", RecordType::TXT, 1232, false);
    write_tcp(&mut stream, &long.to_vec().unwrap()).await;
    assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 20, "a long answer needs no second question");
    // Many at once share the connection, and each gets its own answer.
    let names: Vec<_> = (0..50).map(|n| format!("n{n}.lab.example.")).collect();
    for answer in futures_util::future::join_all(names.iter().map(|name| office.ask(name, RecordType::A))).await {
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }
    let state = &office.dns.upstreams()[0];
    assert!(state.working && state.answered >= 53 && state.unanswered == 0, "{state:?}");
}

#[tokio::test]
async fn dnsdist_is_asked_over_https_and_hickory_over_quic() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let unbound = unbound("").await;
    let (_dnsdist, https) = dnsdist(&certificates, unbound.address).await;
    let office_https = office(&[format!("https://{https}/dns-query#{NAME}")], Some(certificates.ca.clone())).await;
    resolves(&office_https, "DoH").await;
    let (_hickory, quic) = hickory_quic(&certificates).await;
    let office_quic = office(&[format!("quic://{quic}#{NAME}")], Some(certificates.ca.clone())).await;
    resolves(&office_quic, "DoQ").await;
    // The certificate may also name the address.
    let by_address = office(&[format!("quic://{quic}")], Some(certificates.ca.clone())).await;
    resolves(&by_address, "DoQ by address").await;
    let wrong_path = office(&[format!("https://{https}/elsewhere#{NAME}")], Some(certificates.ca.clone())).await;
    let answer = wrong_path.ask("www.lab.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(wrong_path.dns.upstreams()[0].failure.as_ref().unwrap().contains("HTTP status 404"));
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (_unbound, tls) = unbound_tls(&certificates).await;
    let ca = || Some(certificates.ca.clone());
    for (upstream, roots, why) in [
        (format!("tls://{tls}#{NAME}"), None, "UnknownIssuer"),
        (format!("tls://{tls}#other.example"), ca(), "not valid for name"),
    ] {
        let office = office(&[upstream], roots).await;
        let answer = office.ask("www.lab.example.", RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
        let failure = office.dns.upstreams()[0].failure.clone().unwrap();
        assert!(failure.contains(why), "{failure}");
    }
}

#[tokio::test]
async fn a_blocked_port_53_falls_over_to_an_encrypted_upstream_and_is_told() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (_unbound, tls) = unbound_tls(&certificates).await;
    // A socket that nobody reads from is what a firewall that drops looks like.
    let blocked = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let upstreams = [blocked.local_addr().unwrap().to_string(), format!("tls://{tls}#{NAME}")];
    let office = office(&upstreams, Some(certificates.ca.clone())).await;
    let asked = tokio::time::Instant::now();
    resolves(&office, "behind a firewall").await;
    assert!(asked.elapsed() < Duration::from_millis(900), "asked beside it before its time is over");
    for number in 0..3 {
        office.ask(&format!("n{number}.lab.example."), RecordType::A).await;
    }
    assert!(UpstreamState::is_port_53_blocked(&office.dns.upstreams()), "{:?}", office.dns.upstreams());
}

/// A server that has one address for whatever it is asked, as a captive portal has that of its own page.
async fn captive() -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let Ok(asked) = Message::from_vec(&buffer[..length]) else { continue };
            let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
            let name = asked.queries[0].name().to_ascii();
            answer.add_query(asked.queries[0].clone());
            answer.add_answer(a(&name, 0, "198.51.100.1"));
            socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn an_uplink_that_makes_answers_up_gives_way_to_an_encrypted_upstream_and_is_told() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (unbound, tls) = unbound_tls(&certificates).await;
    let upstreams = [captive().await.to_string(), format!("tls://{tls}#{NAME}")];
    let office = Office::open_with(|config| {
        config.probe_seconds = 60;
        config.upstreams = upstreams.map(|text| text.parse().unwrap()).to_vec();
        config.extra_roots = Some(certificates.ca.clone());
    })
    .await;
    for _ in 0..500 {
        if office.dns.upstreams()[0].makes_up {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let states = office.dns.upstreams();
    assert!(states[0].makes_up && !states[1].makes_up, "{states:?}");
    // unbound turns the order of records with each answer.
    let addresses =
        |answer: Message| -> BTreeSet<String> { answer.answers.iter().map(|record| record.data.to_string()).collect() };
    let true_ones = ["203.0.113.10", "203.0.113.11"].map(String::from).into();
    assert_eq!(addresses(office.ask("www.lab.example.", RecordType::A).await), true_ones);
    let answer = office.ask("nobody.lab.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    drop(unbound);
    // Whoever must log in at a portal sees it once nobody else answers.
    let mut tries = 0..200;
    let found = loop {
        let number = tries.next().unwrap_or_else(|| panic!("{:?}", office.dns.upstreams()));
        let answer = office.ask(&format!("n{number}.example."), RecordType::A).await;
        if answer.metadata.response_code == ResponseCode::NoError {
            break addresses(answer);
        }
    };
    assert_eq!(found, ["198.51.100.1".to_owned()].into());
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_is_opened_again() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (first, tls) = unbound_tls(&certificates).await;
    let office = office(&[format!("tls://{tls}#{NAME}")], Some(certificates.ca.clone())).await;
    resolves(&office, "before").await;
    drop(first);
    let answer = office.ask("gone.lab.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    let again = format!(
        "    interface: 127.0.0.1@{0}\n    tls-port: {0}\n    tls-service-key: \"{1}\"\n    tls-service-pem: \"{2}\"\n",
        tls.port(),
        certificates.key.display(),
        certificates.cert.display()
    );
    let _second = unbound(&again).await;
    office.clock.set_seconds(1_800_000_005);
    let answer = office.ask("gone.lab.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{:?}", office.dns.upstreams());
}

/// Passes connections on to `to`; those that are open when the number grows stay so, and nothing comes through any more.
async fn relay(to: SocketAddr) -> (SocketAddr, tokio::sync::watch::Sender<u32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, (cut, cuts)) = (listener.local_addr().unwrap(), tokio::sync::watch::channel(0));
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    _ = cuts.changed() => std::future::pending().await,
                }
            });
        }
    });
    (address, cut)
}

#[tokio::test]
async fn a_connection_whose_path_is_gone_gives_way_to_a_new_one() {
    let folder = Folder::new();
    let certificates = Certificates::new(&folder);
    let (unbound, tls) = unbound_tls(&certificates).await;
    let (_dnsdist, https) = dnsdist(&certificates, unbound.address).await;
    for (scheme, to, path) in [("tls", tls, ""), ("https", https, "/dns-query")] {
        let (address, cut) = relay(to).await;
        let office = office(&[format!("{scheme}://{address}{path}#{NAME}")], Some(certificates.ca.clone())).await;
        resolves(&office, scheme).await;
        cut.send_modify(|cuts| *cuts += 1);
        let lost = Instant::now();
        let mut number = 0;
        loop {
            number += 1;
            let answer = office.ask(&format!("{scheme}{number}.lab.example."), RecordType::A).await;
            if answer.metadata.response_code == ResponseCode::NXDomain {
                break;
            }
            assert!(lost.elapsed() < Duration::from_secs(12), "{:?}", office.dns.upstreams());
        }
    }
}
