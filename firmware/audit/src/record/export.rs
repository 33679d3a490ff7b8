//! Records for other programs. The field names are a promise: JSON rows have the names of [`Record`], CSV rows the
//! columns of [`COLUMNS`]; new ones come at the end.

use std::io::{self, Write};

use gate_core::{Action, Event, Position, Record, UnixMicros};
use serde::Serialize;
use thiserror::Error;
use time::OffsetDateTime;
use time::macros::format_description;

use super::FollowError;

/// The header of every CSV export. What an event has no value for stays empty; `detail` is the whole event as JSON, and
/// costs are in millionths of their currency.
pub const COLUMNS: [&str; 23] = [
    "process",
    "seq",
    "at",
    "event",
    "client",
    "vendor",
    "name",
    "outcome",
    "reason",
    "status",
    "bytes_up",
    "bytes_down",
    "findings",
    "micros",
    "detail",
    "model",
    "tokens_input",
    "tokens_output",
    "tokens_cached",
    "tokens_estimated",
    "cost_micros",
    "currency",
    "attachments",
];

/// Why an export stopped.
#[derive(Debug, Error)]
pub enum ExportError {
    #[error("the export could not be written: {0}")]
    Write(#[from] io::Error),
    #[error("the journal could not be read: {0}")]
    Read(#[from] FollowError),
}

#[derive(Serialize)]
struct Row<'a> {
    process: &'a str,
    seq: u64,
    at: String,
    event: &'a Event,
}

/// A time as RFC 3339 in UTC with microseconds, the same width always; times beyond the year 9999 stop there.
pub fn rfc3339(at: UnixMicros) -> String {
    let last = 253_402_300_799_999_999;
    let nanos = i128::from(at.0.min(last)) * 1000;
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).expect("a time from 1970 to 9999");
    time.format(format).expect("a format without an offset")
}

/// One record as a line of JSON, without the line end.
pub fn json_row(process: &str, position: Position, record: &Record) -> String {
    let row = Row { process, seq: position.0, at: rfc3339(record.at), event: &record.event };
    serde_json::to_string(&row).expect("records have string keys only")
}

/// Writes one JSON object per line; how many.
pub fn jsonl(
    out: &mut impl Write,
    process: &str,
    records: impl IntoIterator<Item = Result<(Position, Record), FollowError>>,
) -> Result<u64, ExportError> {
    let mut rows = 0;
    for record in records {
        let (position, record) = record?;
        writeln!(out, "{}", json_row(process, position, &record))?;
        rows += 1;
    }
    out.flush()?;
    Ok(rows)
}

/// Writes the names of the columns, once for however many chains follow.
pub fn csv_header(out: &mut impl Write) -> Result<(), ExportError> {
    write!(out, "{}\r\n", COLUMNS.join(","))?;
    Ok(())
}

/// Writes RFC 4180 rows; how many.
pub fn csv(
    out: &mut impl Write,
    process: &str,
    records: impl IntoIterator<Item = Result<(Position, Record), FollowError>>,
) -> Result<u64, ExportError> {
    let mut rows = 0;
    for record in records {
        let (position, record) = record?;
        let mut cells = Cells::of(&record.event).0;
        cells[0] = process.to_owned();
        cells[1] = position.0.to_string();
        cells[2] = rfc3339(record.at);
        let row: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        write!(out, "{}\r\n", row.join(","))?;
        rows += 1;
    }
    out.flush()?;
    Ok(rows)
}

/// The cells of a row by column.
struct Cells([String; COLUMNS.len()]);

impl Cells {
    fn of(event: &Event) -> Self {
        let mut cells = Self(Default::default());
        match event {
            Event::Dns(dns) => {
                cells.set("event", "dns").set("client", dns.client).set("name", &dns.name);
                cells.set("outcome", word(&dns.outcome)).set_some("status", dns.rcode).set("micros", dns.micros);
                match &dns.outcome {
                    gate_core::DnsOutcome::Steered { vendor } => cells.set("vendor", vendor),
                    gate_core::DnsOutcome::Refused(reason) => cells.set("reason", reason),
                    _ => &mut cells,
                };
            }
            Event::DnsTally(tally) => {
                cells.set("event", "dns_tally").set_some("client", tally.client);
            }
            Event::DnsDevice(device) => {
                let names: Vec<_> = device.bypass.iter().map(|one| one.name.as_str()).collect();
                cells.set("event", "dns_device").set("client", device.client).set("name", names.join(" "));
                cells.set("outcome", if device.never_asks { "never_asks" } else { "asked" });
            }
            Event::Fallback(fallback) => {
                cells.set("event", "fallback").set("client", fallback.client).set("vendor", &fallback.vendor);
                cells.set("name", &fallback.host).set("outcome", word(&fallback.change));
            }
            Event::Placeholders(event) => {
                let restored: u64 = event.restored.iter().map(|one| u64::from(one.count)).sum();
                let replaced: u64 = event.replaced.iter().map(|one| u64::from(one.count)).sum();
                cells.set("event", "placeholders").set("client", event.client).set("vendor", &event.vendor);
                cells.set("name", &event.host).set("findings", replaced);
                let restored = if restored > 0 { "restored" } else { "not_restored" };
                cells.set("outcome", if event.unedited { "unedited" } else { restored });
            }
            Event::ProxyClient(known) => {
                cells.set("event", "proxy_client").set("client", known.client).set("name", &known.name);
                cells.set("outcome", word(&known.by));
            }
            Event::Accounts(event) => {
                let shown: Vec<_> = event.accounts.iter().map(|one| format!("{} {}", one.kind, one.hash)).collect();
                cells.set("event", "accounts").set("client", event.client).set("vendor", &event.vendor);
                cells.set("name", &event.host).set("outcome", if event.known { "known" } else { "unknown" });
                cells.set("reason", shown.join(" "));
            }
            Event::Shadow(event) => {
                cells.set("event", "shadow").set("client", event.client).set("name", &event.host);
                cells.set("outcome", word(&event.by));
            }
            Event::Connection(connection) => {
                cells.set("event", "connection").set("client", connection.client);
                cells.set_some("vendor", connection.vendor.as_ref()).set_some("name", connection.host.as_ref());
                cells.set("outcome", word(&connection.mode)).set_some("reason", connection.reason.as_ref());
                cells.set("bytes_up", connection.bytes_up).set("bytes_down", connection.bytes_down);
                cells.set("micros", connection.duration_micros);
            }
            Event::Request(request) => {
                let found = |finding: &&gate_core::FindingCount| finding.action != Action::Allow;
                let findings: u64 = request.findings.iter().filter(found).map(|found| u64::from(found.count)).sum();
                cells.set("event", "request").set("client", request.client).set("vendor", &request.vendor);
                cells.set("name", &request.host).set("outcome", request.decision);
                cells.set_some("reason", request.reason.as_ref()).set_some("status", request.status);
                cells.set("bytes_up", request.request_bytes).set("bytes_down", request.response_bytes);
                cells.set("findings", findings).set("micros", request.duration_micros);
                cells.set_some("model", request.model.as_ref());
                if let Some(usage) = &request.usage {
                    cells.set("tokens_input", usage.input).set("tokens_output", usage.output);
                    cells.set("tokens_cached", usage.cached).set("tokens_estimated", usage.estimated);
                }
                if let Some(cost) = &request.cost {
                    cells.set("cost_micros", cost.micros).set("currency", cost.currency);
                }
                let listed = u32::try_from(request.attachments.len()).unwrap_or(u32::MAX);
                cells.set("attachments", listed.saturating_add(request.more_attachments));
            }
            Event::Steer(steer) => {
                cells.set("event", "steer").set("name", &steer.table).set_some("reason", steer.error.as_ref());
                cells.set("outcome", if steer.verified { "verified" } else { "not_verified" });
            }
            Event::Admin(admin) => {
                cells.set("event", "admin").set_some("client", admin.client).set("name", &admin.command);
                cells.set("outcome", if admin.ok { "ok" } else { "failed" }).set_some("reason", admin.detail.as_ref());
            }
            Event::Process(process) => {
                cells.set("event", "process").set("name", &process.process).set("outcome", word(&process.state));
            }
        }
        cells.set("detail", serde_json::to_string(event).expect("events have string keys only"));
        cells
    }

    fn set(&mut self, column: &str, value: impl ToString) -> &mut Self {
        let at = COLUMNS.iter().position(|name| *name == column).expect("the column exists");
        self.0[at] = value.to_string();
        self
    }

    fn set_some(&mut self, column: &str, value: Option<impl ToString>) -> &mut Self {
        match value {
            Some(value) => self.set(column, value),
            None => self,
        }
    }
}

/// The stable word of an enum: its serde name without what it carries.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(object)) => object.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Quotes what needs it, and takes the power from cells that a spreadsheet would run as a formula: names in the journal
/// come from the network.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
pub(crate) mod tests;
