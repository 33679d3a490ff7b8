//! `gate-bench-hudsucker ADDRESS CA_CERTIFICATE CA_KEY ROOTS [scan]`: a proxy that ends TLS on both sides and relays; with
//! `scan` it reads each request whole and searches it for forty patterns.
//!
//! What one gets from the crate in an afternoon, on one thread: the peer that ours must not be slower than.

mod patterns;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::BodyExt;
use hudsucker::certificate_authority::RcgenAuthority;
use hudsucker::hyper::{Request, Response, StatusCode};
use hudsucker::rcgen::{Issuer, KeyPair};
use hudsucker::rustls::crypto::aws_lc_rs;
use hudsucker::rustls::pki_types::CertificateDer;
use hudsucker::rustls::pki_types::pem::PemObject;
use hudsucker::rustls::{ClientConfig, RootCertStore};
use hudsucker::{Body, HttpContext, HttpHandler, Proxy, RequestOrResponse};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use regex::bytes::Regex;

/// Refuses what any pattern is found in.
#[derive(Clone)]
struct Scan(Arc<[Regex]>);

impl HttpHandler for Scan {
    async fn handle_request(&mut self, _: &HttpContext, request: Request<Body>) -> RequestOrResponse {
        if self.0.is_empty() {
            return request.into();
        }
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect().await else { return answer(StatusCode::BAD_REQUEST) };
        let body = body.to_bytes();
        if self.0.iter().any(|pattern| pattern.is_match(&body)) {
            return answer(StatusCode::FORBIDDEN);
        }
        Request::from_parts(head, Body::from(body)).into()
    }
}

fn answer(status: StatusCode) -> RequestOrResponse {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.into()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key, roots, scan @ ..] = &arguments[..] else {
        return Err("usage: gate-bench-hudsucker ADDRESS CA_CERTIFICATE CA_KEY ROOTS [scan]".into());
    };
    let key = KeyPair::from_pem(&std::fs::read_to_string(key)?)?;
    let issuer = Issuer::from_ca_cert_pem(&std::fs::read_to_string(certificate)?, key)?;
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_file_iter(roots)? {
        store.add(root?)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(tcp);
    let wanted = if scan.is_empty() { &[][..] } else { &patterns::PATTERNS[..] };
    let patterns = wanted.iter().map(|pattern| Regex::new(pattern)).collect::<Result<_, _>>()?;
    Proxy::builder()
        .with_addr(address.parse::<SocketAddr>()?)
        .with_ca(RcgenAuthority::new(issuer, 1000, aws_lc_rs::default_provider()))
        .with_http_connector(connector)
        .with_http_handler(Scan(patterns))
        .build()?
        .start()
        .await?;
    Ok(())
}
