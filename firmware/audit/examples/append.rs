//! What one append costs: `cargo run --release -p gate-audit --example append [DIR]`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_audit::{ChainWriter, JournalConfig, verify};
use gate_core::{ConnectionEvent, Event, Journal, Mode, SystemClock};
use gate_seal::DeviceKey;

const RECORDS: u32 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os().nth(1).map_or_else(|| std::env::temp_dir().join("gate-audit-append"), PathBuf::from);
    let key = DeviceKey::generate()?;
    let public = key.public();
    let writer = ChainWriter::open(&dir, JournalConfig::default().options("bench"), key, Arc::new(SystemClock))?;
    let event = Event::Connection(ConnectionEvent {
        id: 1,
        client: "192.0.2.10:50000".parse()?,
        dst: Some("192.0.2.53:443".parse()?),
        host: Some("api.openai.com".into()),
        vendor: Some("openai".into()),
        mode: Mode::Inspected,
        reason: None,
        alpn: Some("h2".into()),
        bytes_up: 8192,
        bytes_down: 65_536,
        connect_micros: Some(12_000),
        duration_micros: 900_000,
    });
    let mut took = Vec::with_capacity(RECORDS as usize);
    for _ in 0..RECORDS {
        let start = Instant::now();
        writer.append(&event)?;
        took.push(start.elapsed());
    }
    let total: Duration = took.iter().sum();
    took.sort_unstable();
    writer.close()?;
    let start = Instant::now();
    let report = verify(&dir, Some(&public))?;
    println!(
        "append: mean {:?}, p50 {:?}, p99 {:?}, worst {:?}; verify: {} records in {:?}",
        total / RECORDS,
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1],
        report.records,
        start.elapsed(),
    );
    Ok(std::fs::remove_dir_all(&dir)?)
}
