//! `gate-test-origin`: stands where the fake provider stands, takes its options, and does as little as can be done: it
//! parses no request, keeps nothing and says the same every time, so that a proxy beside it is what a measurement sees.
//!
//! ```text
//!  GET /bulk/BYTES            so many bytes
//!  POST …, with a stream      64 events, 20 ms apart, each with the moment of its sending
//!  POST …                     a chat completion
//!  x-fake: slow-head=MS       after so many milliseconds
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use clap::Parser;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tokio_rustls::TlsAcceptor;

const EVENTS: u32 = 64;
const PACE: Duration = Duration::from_millis(20);
/// Where the generator's bodies say that they want a stream.
const HEAD: usize = 64;
const CHUNK: &[u8] = &[b'x'; 64 * 1024];
const COMPLETION: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"gpt-5-mini","choices":[{"index":0,"message":{"role":"assistant","content":"Take the second offer: it has the better location, and the rent is nearly the same after two years.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1640,"completion_tokens":24,"total_tokens":1664}}"#;

/// The options of the fake provider; those without a field's use are taken and mean nothing here.
#[derive(Parser)]
struct Args {
    /// Address of a TLS listener; may be given several times.
    #[arg(long, required = true)]
    tls: Vec<SocketAddr>,
    #[arg(long)]
    plain: Vec<SocketAddr>,
    /// Names to have a certificate for, separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    names: Vec<String>,
    /// Folder for the certificate authority.
    #[arg(long)]
    out: PathBuf,
    #[arg(long)]
    pace_ms: Option<u64>,
    #[arg(long)]
    no_record: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (authority, config) = identity(args.names)?;
    std::fs::write(args.out.join("ca.pem"), authority)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    for address in args.tls {
        tokio::spawn(serve(TcpListener::bind(address).await?, acceptor.clone()));
    }
    // Whoever started this waits for a line.
    writeln!(std::io::stdout(), "ready")?;
    std::future::pending().await
}

fn identity(names: Vec<String>) -> Result<(String, ServerConfig), Box<dyn Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(rcgen::DnType::CommonName, "Origin CA");
    let authority_key = KeyPair::generate()?;
    let pem = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((pem, config))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let acceptor = acceptor.clone();
        // A connection that its client breaks is nothing to this end.
        tokio::spawn(async move { drop(connection(stream, acceptor).await) });
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond)).await?;
    Ok(())
}

async fn respond(request: Request<Incoming>) -> Result<Response<Answer>, hyper::Error> {
    if let Some(bytes) = request.uri().path().strip_prefix("/bulk/").and_then(|bytes| bytes.parse().ok()) {
        return Ok(Response::new(Answer::Bulk(bytes)));
    }
    let fake = request.headers().get("x-fake").and_then(|value| value.to_str().ok());
    let thinking = fake.and_then(|value| value.strip_prefix("slow-head=")?.parse().ok());
    let mut body = request.into_body();
    let mut head = Vec::with_capacity(HEAD);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = HEAD.saturating_sub(head.len()).min(data.len());
            head.extend_from_slice(&data[..room]);
        }
    }
    if let Some(thinking) = thinking {
        sleep(Duration::from_millis(thinking)).await;
    }
    let stream = head.windows(13).any(|window| window == br#""stream":true"#);
    let (kind, answer) = if stream {
        ("text/event-stream", Answer::Events { sent: 0, next: Box::pin(sleep_until(Instant::now())) })
    } else {
        ("application/json", Answer::Once(Some(Bytes::from_static(COMPLETION.as_bytes()))))
    };
    let mut response = Response::new(answer);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    Ok(response)
}

enum Answer {
    Once(Option<Bytes>),
    /// Bytes that are left to send.
    Bulk(u64),
    Events {
        sent: u32,
        next: Pin<Box<Sleep>>,
    },
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut *self {
            Self::Once(body) => body.take(),
            Self::Bulk(0) => None,
            Self::Bulk(left) => {
                let chunk = usize::try_from(*left).map_or(CHUNK.len(), |left| left.min(CHUNK.len()));
                *left -= chunk as u64;
                Some(Bytes::from_static(&CHUNK[..chunk]))
            }
            Self::Events { sent, .. } if *sent == EVENTS => None,
            Self::Events { sent, next } => {
                ready!(next.as_mut().poll(cx));
                *sent += 1;
                // By the clock and not by the last one's delay: a late event does not make the next ones late.
                let due = next.deadline() + PACE;
                next.as_mut().reset(due);
                Some(event())
            }
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Once(None) | Self::Bulk(0))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Once(body) => hyper::body::SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Bulk(left) => hyper::body::SizeHint::with_exact(*left),
            Self::Events { .. } => hyper::body::SizeHint::default(),
        }
    }
}

/// An event of a chat completion; its identifier is the time in microseconds since 1970.
fn event() -> Bytes {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    format!(
        "data: {{\"id\":\"at-{now}\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-5-mini\",\
         \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" offer\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
    )
    .into()
}
