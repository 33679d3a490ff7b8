//! Golden files: an export that changes shape breaks somebody's script. `UPDATE_GOLDEN=1` writes them anew.

use std::fs;
use std::path::Path;

use gate_core::{
    Action, AdminEvent, Attachment, ConnectionEvent, Cost, Currency, DnsEvent, DnsOutcome, Event, FileKind, FilePlace,
    FindingCount, KnowledgeBase, Mode, Position, ProcessEvent, ProcessState, Reason, Record, RequestEvent, SteerEvent,
    UnixMicros, Usage,
};

use super::{COLUMNS, ExportError, FollowError, csv, csv_header, jsonl, rfc3339};
use crate::Fault;
use crate::testing::START;

/// One record of every kind, with what is hard to write in CSV.
pub(crate) fn samples() -> Vec<Record> {
    let dns = |name: &str, outcome| {
        Event::Dns(DnsEvent {
            client: "192.0.2.10".parse().unwrap(),
            name: name.into(),
            qtype: 1,
            outcome,
            rcode: Some(0),
            micros: 250,
        })
    };
    let events = [
        dns("api.openai.com", DnsOutcome::Steered { vendor: "openai".into() }),
        dns("=cmd|'/c calc'!a1.example", DnsOutcome::Refused(Reason::NotLocal)),
        dns("-\"quoted\",\r\nbroken.example", DnsOutcome::Forwarded),
        Event::Connection(ConnectionEvent {
            id: 7,
            client: "[2001:db8:1::11]:50000".parse().unwrap(),
            dst: Some("192.0.2.53:443".parse().unwrap()),
            host: Some("api.anthropic.com".into()),
            vendor: Some("anthropic".into()),
            mode: Mode::Refused,
            reason: Some(Reason::Policy("no \"AI\" at night".into())),
            alpn: Some("h2,http/1.1".into()),
            bytes_up: 517,
            bytes_down: 7,
            connect_micros: None,
            duration_micros: 1200,
        }),
        Event::Request(request()),
        Event::Steer(SteerEvent { table: "nanogate".into(), rules: 12, destinations: 40, verified: true, error: None }),
        Event::Admin(AdminEvent {
            client: Some("192.0.2.11".parse().unwrap()),
            actor: None,
            command: "sign_in".into(),
            ok: false,
            detail: Some("wrong password".into()),
        }),
        Event::Process(ProcessEvent {
            process: "dns".into(),
            pid: 42,
            state: ProcessState::Started,
            version: "0.1.0".into(),
        }),
    ];
    let record = |(number, event): (u64, Event)| Record { at: UnixMicros(START + number * 1_000_001), event };
    (0..).zip(events).map(record).collect()
}

fn request() -> RequestEvent {
    let finding = |rule: &str, kind: &str, kb, action, count| FindingCount {
        rule: rule.into(),
        kind: kind.into(),
        kb,
        action,
        count,
        first_offset: 77,
        keyed_hash: "00112233aabbccdd".into(),
    };
    RequestEvent {
        connection: Some(7),
        client: "192.0.2.11".parse().unwrap(),
        host: "api.openai.com".into(),
        vendor: "openai".into(),
        target: "POST /v1/chat/completions".into(),
        model: Some("gpt-4o".into()),
        decision: Action::Deny,
        reason: Some(Reason::Finding("private_key".into())),
        findings: vec![
            finding("pem-private-key", "private_key", KnowledgeBase::Secrets, Action::Deny, 1),
            finding("email", "email", KnowledgeBase::Personal, Action::Redact, 2),
            finding("url", "url", KnowledgeBase::Personal, Action::Allow, 9),
        ],
        request_bytes: 8192,
        response_bytes: 211,
        status: Some(403),
        stream: true,
        usage: Some(Usage { input: 10, cached: 4, written: 2, ..Usage::default() }),
        cost: Some(Cost { micros: 25, currency: Currency::Usd, as_of: "2026-11-05".into() }),
        attachments: vec![Attachment {
            kind: FileKind::Pdf,
            place: FilePlace::Conversation,
            bytes: 4711,
            keyed_hash: "99aabbccddeeff00".into(),
        }],
        more_attachments: 3,
        added_micros: 900,
        first_byte_micros: Some(1000),
        duration_micros: 1500,
    }
}

fn rows() -> impl Iterator<Item = Result<(Position, Record), FollowError>> {
    (0..).map(Position).zip(samples()).map(Ok)
}

fn golden(name: &str, written: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, written).unwrap();
    }
    let wanted = fs::read(&path).unwrap();
    assert_eq!(String::from_utf8_lossy(written), String::from_utf8_lossy(&wanted), "{}", path.display());
}

#[test]
fn json_lines_keep_their_names() {
    let mut out = Vec::new();
    assert_eq!(jsonl(&mut out, "proxy", rows()).unwrap(), 8);
    golden("export.jsonl", &out);
    for line in String::from_utf8(out).unwrap().lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["process"], "proxy");
    }
}

#[test]
fn csv_keeps_its_columns() {
    let mut out = Vec::new();
    csv_header(&mut out).unwrap();
    assert_eq!(csv(&mut out, "proxy", rows()).unwrap(), 8);
    golden("export.csv", &out);
}

/// Python's reader is the one that most scripts use.
#[test]
fn csv_is_read_back_by_somebody_else() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut table = fs::File::create(file.path()).unwrap();
    csv_header(&mut table).unwrap();
    csv(&mut table, "proxy", rows()).unwrap();
    let script = "import csv,json,sys\nrows=list(csv.DictReader(open(sys.argv[1],newline='')))\n\
                  [json.loads(row['detail']) for row in rows]\n\
                  print(len(rows), len(rows[0]), rows[1]['name'], rows[2]['name'].count('\\n'), rows[3]['reason'])";
    let output = std::process::Command::new("python3").args(["-c", script]).arg(file.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let reason = "the policy's rule \"no \"AI\" at night\" refuses it";
    assert_eq!(said.trim_end(), format!("8 {} '=cmd|'/c calc'!a1.example 1 {reason}", COLUMNS.len()));
}

#[test]
fn no_cell_begins_like_a_formula() {
    let mut out = Vec::new();
    csv(&mut out, "@process", rows()).unwrap();
    let text = String::from_utf8(out).unwrap();
    for cell in text.split(',').map(|cell| cell.trim_start_matches('"')) {
        assert!(!cell.starts_with(['=', '+', '@', '-']), "{cell}");
    }
}

#[test]
fn times_have_one_width_from_1970_to_the_end() {
    assert_eq!(rfc3339(UnixMicros(0)), "1970-01-01T00:00:00.000000Z");
    assert_eq!(rfc3339(UnixMicros(START + 1)), "2026-11-21T04:49:00.000001Z");
    assert_eq!(rfc3339(UnixMicros(32_503_680_000_000_000)), "3000-01-01T00:00:00.000000Z");
    assert_eq!(rfc3339(UnixMicros(u64::MAX)), "9999-12-31T23:59:59.999999Z");
}

#[test]
fn an_export_stops_at_damage() {
    let damage = FollowError::Damaged { file: "x.seg".into(), offset: 9, why: Fault::Checksum };
    let mut out = Vec::new();
    let stopped = jsonl(&mut out, "dns", rows().take(2).chain([Err(damage)]));
    assert!(matches!(stopped, Err(ExportError::Read(FollowError::Damaged { offset: 9, .. }))));
    assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), 2, "what came before is out");
}
