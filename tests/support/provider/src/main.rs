//! The pretend internet's servers: AI providers that never saw a model, and a plain web site.
//!
//! ```text
//!  TCP ──▶ accept (TLS by its own CA, h1 and h2) ──▶ record (every byte and body) ──▶ vendors ──▶ answer
//!              │                                        DIR/requests.jsonl               │           │
//!              └─ authority: a certificate for any name given, some broken on request    │           └─ paced events
//!                                              openai.rs, anthropic.rs, gemini.rs, web.rs: one each; socket: WebSockets; calls: gRPC
//! ```
//!
//! A request asks for misbehaviour with the header `x-fake` (see `fault.rs`); a name asks for a broken certificate
//! or for one protocol only with its first label (see `authority.rs`).
//!
//! **Invariant:** whatever arrives is on disk before anything is answered, whole or not, parsed or not: a test that
//! looks for a planted secret cannot miss it. `DIR/wire/` holds the decrypted bytes as they came.
//!
//! **Invariant:** nothing here knows that a puck may stand in between.

mod accept;
mod answer;
mod authority;
mod calls;
mod coding;
mod fault;
mod record;
mod respond;
mod socket;
mod vendors;

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;

use crate::accept::Scheme;
use crate::authority::Authority;
use crate::record::Recorder;

/// The fake AI provider of the virtual office.
#[derive(Parser)]
struct Args {
    /// Address of a TLS listener; may be given several times.
    #[arg(long, required = true)]
    tls: Vec<SocketAddr>,
    /// Address of a plain HTTP listener; may be given several times.
    #[arg(long)]
    plain: Vec<SocketAddr>,
    /// Names to serve, separated by commas; `*.example.com` stands for everything below.
    #[arg(long, value_delimiter = ',', required = true)]
    names: Vec<String>,
    /// Folder for the certificate authority and the records.
    #[arg(long)]
    out: PathBuf,
    /// Pause between two events of a stream, in milliseconds.
    #[arg(long, default_value_t = 20)]
    pace_ms: u64,
    /// Records nothing but connections, so that a load generator measures the network and not this disk.
    #[arg(long)]
    no_record: bool,
}

/// What every connection shares.
struct Lab {
    authority: Authority,
    recorder: Recorder,
    pace: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    std::fs::create_dir_all(&args.out)?;
    let authority = Authority::generate(&args.names)?;
    std::fs::write(args.out.join("ca.pem"), authority.ca_pem())?;
    let recorder = Recorder::create(&args.out, !args.no_record)?;
    let lab = Arc::new(Lab { authority, recorder, pace: Duration::from_millis(args.pace_ms) });

    let mut ready = serde_json::Map::new();
    for (key, scheme, addresses) in [("tls", Scheme::Https, &args.tls), ("plain", Scheme::Http, &args.plain)] {
        let mut bound = Vec::new();
        for address in addresses {
            let listener = TcpListener::bind(address).await.map_err(|e| format!("{address}: {e}"))?;
            bound.push(listener.local_addr()?.to_string());
            tokio::spawn(accept::serve(Arc::clone(&lab), listener, scheme));
        }
        ready.insert(key.to_owned(), bound.into());
    }
    // One line for whoever started this: it is bound, and on which ports when 0 was asked for.
    println!("{}", serde_json::Value::Object(ready));
    std::io::stdout().flush()?;
    std::future::pending::<()>().await;
    Ok(())
}
