//! The load generator behind `./build.sh bench proxy`: one measurement a run, one JSON line on stdout.
//!
//! ```text
//!  --work requests      c connections, each asks, waits, asks again: latency of every request
//!  --work connections   c workers, each connects, asks once, closes: full handshakes a second
//!  --work streams       c connections, each streams an answer: time to the first event
//!  --work events        the same of gate-test-origin's streams, with the way of every single event
//!  --work decisions     c connections, each asks the inspection API: latency, and how many are not `allow`
//!  --work bulk          c connections, each takes --bytes once, whatever time that needs
//! ```
//!
//! It measures what a client feels and knows nothing of who answers: `tests/bench/proxy.py` points it at the provider
//! directly, at the puck and at its peers, and compares.
//!
//! **Invariant:** a request that did not end in 200 with its whole body is an error and never a sample.

mod connect;
mod stats;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::connect::Target;
use crate::stats::Summary;

#[derive(Parser)]
struct Args {
    /// What each connection does.
    #[arg(long, value_enum)]
    work: Work,
    /// Where to connect.
    #[arg(long)]
    address: SocketAddr,
    /// The name asked for, in SNI and Host.
    #[arg(long, default_value = "api.openai.com")]
    host: String,
    /// `--address` is a proxy that is asked to CONNECT.
    #[arg(long)]
    tunnel: bool,
    /// Trusted authorities, PEM.
    #[arg(long)]
    roots: PathBuf,
    /// Connections at once.
    #[arg(long, default_value_t = 1)]
    concurrency: usize,
    /// How long to measure, after one second of warming up.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Bytes of prose in the prompt.
    #[arg(long, default_value_t = 8192)]
    prompt_bytes: usize,
    /// Bytes to take in, for `bulk`.
    #[arg(long, default_value_t = 1 << 20)]
    bytes: u64,
    /// Pause before each request, in milliseconds on average: people do not ask in step, and workers that did would
    /// measure the queue that they make themselves.
    #[arg(long, default_value_t = 0)]
    pause_ms: u32,
    /// The token that is shown.
    #[arg(long, default_value = "sk-test")]
    bearer: String,
    /// Sent as `x-fake`: what the fake provider should do.
    #[arg(long, default_value = "")]
    fake: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    Requests,
    Connections,
    Streams,
    Events,
    Decisions,
    Bulk,
}

fn main() -> Result<(), connect::Failure> {
    let args = Args::parse();
    let target = Target::new(&args.host, args.address, args.tunnel, &args.roots)?;
    let job = work::Job {
        target,
        work: args.work,
        body: work::body(args.prompt_bytes, args.work).into(),
        bearer: format!("Bearer {}", args.bearer).parse()?,
        fake: args.fake.parse()?,
        pause_ms: args.pause_ms,
        bytes: args.bytes,
    };
    // One thread: a generator that takes both cores would measure its own contention.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let taken = runtime.block_on(work::run(job, args.concurrency, Duration::from_secs(args.seconds)))?;
    println!("{}", serde_json::to_string(&Summary::of(taken, args.seconds))?);
    Ok(())
}
