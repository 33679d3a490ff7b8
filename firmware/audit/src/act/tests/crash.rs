//! A writer is killed with SIGKILL in the middle of its work, again and again. Whatever it was told is safe must be.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use gate_core::Journal;
use tempfile::TempDir;

use crate::testing::{event, key, open, options, read_all};
use crate::{Options, verify};

const DIR: &str = "GATE_AUDIT_CRASH_DIR";
const ROUNDS: u64 = 40;

/// The child: appends as fast as it can and says each number once it is acknowledged. Does nothing as a test of its own.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let busy = Options { sync_interval: Duration::from_millis(2), head_records: 16, ..options() };
    let writer = open(Path::new(&dir), busy);
    let mut out = std::io::stdout().lock();
    loop {
        let position = writer.append(&event(7)).unwrap();
        writeln!(out, "ack {}", position.0).unwrap();
    }
}

/// Runs the child until it acknowledged this many more, kills it, and returns the last number it acknowledged.
fn run_and_kill(dir: &Path, lines: u64) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "act::tests::crash::child", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let (mut last, mut line) = (None, String::new());
    let mut seen = 0;
    // What is in the pipe when the child dies was acknowledged too, so it is read to its end.
    while out.read_line(&mut line).unwrap() > 0 {
        if let Some(number) = line.trim_end().rsplit_once("ack ").and_then(|(_, number)| number.parse().ok()) {
            last = if line.ends_with('\n') { Some(number) } else { last };
            seen += 1;
            if seen == lines {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    last
}

#[test]
fn nothing_acknowledged_is_lost_by_sigkill() {
    let dir = TempDir::new().unwrap();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        // From the first append to far beyond a few rotations; no two rounds stop at the same place.
        let last = run_and_kill(dir.path(), 1 + round * round * 7 % 997).expect("something was acknowledged");
        assert!(last >= acknowledged, "the chain went on where it ended");
        acknowledged = last;
        let positions: Vec<u64> = read_all(dir.path()).iter().map(|(position, _)| position.0).collect();
        assert!(positions.len() as u64 > acknowledged && positions.iter().copied().eq(0..positions.len() as u64));
        let report = verify(dir.path(), Some(&key().public())).unwrap();
        assert_eq!((report.records, report.lost), (positions.len() as u64, 0));
    }
    drop(open(dir.path(), options()));
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert!(report.torn_tail.is_none() && report.segments > 3, "{report:?}");
}
