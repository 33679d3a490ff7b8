//! Prometheus text.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use axum::extract::{Request, State};
use http::header;

use crate::app::App;
use crate::decide::access::{self, Client};
use crate::live::tally::{ADDED_BOUNDS_MICROS, Counters, DecisionCounts, ModeCounts, VendorCounts};
use crate::problem::Problem;
use crate::state::Scope;

/// Counters and gauges in the Prometheus text format. Open to this machine, a session, or a token with the scope
/// `metrics`.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", security((), ("token" = []), ("session" = [])),
    responses((status = 200, body = String, content_type = "text/plain"))
)]
pub(crate) async fn metrics(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<([(header::HeaderName, &'static str); 1], String), Problem> {
    let headers = request.headers();
    if !client.is_loopback() && access::session(&app, headers).is_err() {
        access::token(&app, headers, Scope::Metrics)?;
    }
    let mut text = Text::default();
    write(&mut text, &app).expect("writing to a string never fails");
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text.0))
}

/// The exposition, written one family after the other.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) -> fmt::Result {
        self.0.push_str(name);
        for (n, (label, text)) in labels.iter().enumerate() {
            let open = if n == 0 { '{' } else { ',' };
            write!(self.0, "{open}{label}=\"{}\"", escaped(text))?;
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        writeln!(self.0, " {value}")
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) -> fmt::Result {
        self.family(name, kind, help)?;
        self.sample(name, &[], value)
    }
}

/// A label's value may not hold a bare quote, backslash or line feed.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn write(text: &mut Text, app: &App) -> fmt::Result {
    let (counters, streams, dropped) = app.live.totals();
    write_status(text, app)?;
    write_traffic(text, &counters)?;
    write_added(text, &counters)?;
    let meters = &app.meters;
    text.single("nanogate_feed_up", "gauge", "1 while the journals can be followed.", u8::from(app.live.fresh()))?;
    text.single("nanogate_admin_streams", "gauge", "Live streams open now.", streams)?;
    for (name, help, value) in [
        ("nanogate_admin_streams_dropped_total", "Live streams ended because the reader was too slow.", dropped),
        ("nanogate_admin_requests_total", "Requests to the admin listener.", meters.requests.get()),
        (
            "nanogate_admin_refused_connections_total",
            "Connections refused: not local, past a cap, or without TLS.",
            meters.refused_connections.get(),
        ),
        (
            "nanogate_admin_throttled_commands_total",
            "Commands turned away unread by the rate limit.",
            meters.throttled_commands.get(),
        ),
        ("nanogate_inspect_late_total", "Inspections denied at their deadline.", meters.late_inspections.get()),
        ("nanogate_admin_lost_records_total", "Records that the journal did not take.", meters.lost_records.get()),
    ] {
        text.single(name, "counter", help, value)?;
    }
    Ok(())
}

fn write_status(text: &mut Text, app: &App) -> fmt::Result {
    let status = app.status.report();
    text.family("nanogate_info", "gauge", "Version and mode.")?;
    text.sample("nanogate_info", &[("version", &status.version), ("mode", &status.mode)], 1)?;
    text.single("nanogate_uptime_seconds", "gauge", "Since the supervisor started.", status.uptime_seconds)?;
    text.family("nanogate_process_up", "gauge", "1 while the process runs.")?;
    for process in &status.processes {
        text.sample("nanogate_process_up", &[("process", &process.name)], u8::from(process.pid.is_some()))?;
    }
    text.family("nanogate_process_resident_bytes", "gauge", "Resident memory of the process.")?;
    for process in &status.processes {
        if let Some(bytes) = process.rss_bytes {
            text.sample("nanogate_process_resident_bytes", &[("process", &process.name)], bytes)?;
        }
    }
    text.family("nanogate_process_restarts_total", "counter", "How often the process had to be started again.")?;
    for process in &status.processes {
        text.sample("nanogate_process_restarts_total", &[("process", &process.name)], process.restarts)?;
    }
    let short = &status.shortfalls;
    for (name, help, value) in [
        ("nanogate_unread_answers_total", "Answers passed on without their tokens being read.", short.unread_answers),
        ("nanogate_unedited_answers_total", "Answers passed on with their placeholders.", short.unedited_answers),
        (
            "nanogate_passed_with_ech_total",
            "Connections that are not to AI, passed on with an Encrypted Client Hello.",
            short.passed_with_ech,
        ),
        (
            "nanogate_refused_with_ech_total",
            "Such connections refused, because their name leads elsewhere.",
            short.refused_with_ech,
        ),
        (
            "nanogate_proxy_lost_records_total",
            "Records of the proxy that the journal did not take.",
            short.journal_failures,
        ),
    ] {
        text.single(name, "counter", help, value)?;
    }
    Ok(())
}

fn write_traffic(text: &mut Text, counters: &Counters) -> fmt::Result {
    text.family("nanogate_connections_total", "counter", "Connections by how they were treated.")?;
    for (mode, count) in modes(&counters.connections) {
        text.sample("nanogate_connections_total", &[("mode", mode)], count)?;
    }
    text.family("nanogate_requests_total", "counter", "Inspected requests by decision.")?;
    for (decision, count) in decisions(&counters.requests) {
        text.sample("nanogate_requests_total", &[("decision", decision)], count)?;
    }
    text.single(
        "nanogate_shadow_ai_total",
        "counter",
        "Times that a client was told of to talk to what looks like AI and is in no list.",
        counters.shadow_records,
    )?;
    text.family("nanogate_accounts_total", "counter", "Times that a client was seen with accounts at a provider.")?;
    for (known, count) in [("true", counters.accounts_known), ("false", counters.accounts_unknown)] {
        text.sample("nanogate_accounts_total", &[("known", known)], count)?;
    }
    text.family("nanogate_inspections_total", "counter", "Texts judged through the inspection API by decision.")?;
    for (decision, count) in decisions(&counters.inspections) {
        text.sample("nanogate_inspections_total", &[("decision", decision)], count)?;
    }
    text.family("nanogate_findings_total", "counter", "Findings by kind.")?;
    for ((kind, kb), count) in &counters.findings {
        text.sample("nanogate_findings_total", &[("kind", kind), ("kb", kb.as_str())], count)?;
    }
    text.family("nanogate_vendor_connections_total", "counter", "Connections by vendor and treatment.")?;
    for (vendor, counts) in &counters.vendors {
        for (mode, count) in modes(&counts.connections) {
            text.sample("nanogate_vendor_connections_total", &[("vendor", vendor), ("mode", mode)], count)?;
        }
    }
    text.family("nanogate_vendor_tokens_total", "counter", "Tokens as the vendor counted them, or estimated.")?;
    for (vendor, counts) in &counters.vendors {
        for (kind, count) in [("input", counts.tokens_input), ("output", counts.tokens_output)] {
            text.sample("nanogate_vendor_tokens_total", &[("vendor", vendor), ("kind", kind)], count)?;
        }
    }
    type Pick = fn(&VendorCounts) -> u64;
    let parts: [(&str, &str, Pick); 3] = [
        ("nanogate_vendor_cached_tokens_total", "Of the input: what the vendor had in a cache.", |c| c.tokens_cached),
        ("nanogate_vendor_estimated_tokens_total", "Of both: what no vendor counted.", |c| c.tokens_estimated),
        ("nanogate_vendor_unpriced_tokens_total", "Of both: of models without a known price.", |c| c.tokens_unpriced),
    ];
    for (name, help, pick) in parts {
        text.family(name, "counter", help)?;
        for (vendor, counts) in &counters.vendors {
            text.sample(name, &[("vendor", vendor)], pick(counts))?;
        }
    }
    const COST: &str = "nanogate_vendor_cost_micros_total";
    text.family(COST, "counter", "Cost by published prices, in millionths of the currency.")?;
    for (vendor, counts) in &counters.vendors {
        if let Some(currency) = counts.currency {
            text.sample(COST, &[("vendor", vendor), ("currency", &currency.to_string())], counts.cost_micros)?;
        }
    }
    text.family("nanogate_dns_questions_total", "counter", "Questions to the resolver by outcome.")?;
    let dns = &counters.dns;
    let answered = dns.questions - dns.steered - dns.failed - dns.refused;
    for (outcome, count) in
        [("answered", answered), ("steered", dns.steered), ("failed", dns.failed), ("refused", dns.refused)]
    {
        text.sample("nanogate_dns_questions_total", &[("outcome", outcome)], count)?;
    }
    Ok(())
}

fn write_added(text: &mut Text, counters: &Counters) -> fmt::Result {
    const NAME: &str = "nanogate_added_seconds";
    let bucket = format!("{NAME}_bucket");
    text.family(NAME, "histogram", "Time the puck added to inspected requests.")?;
    let mut below = 0;
    for (step, bound) in counters.added.steps.iter().zip(ADDED_BOUNDS_MICROS) {
        below += step;
        text.sample(&bucket, &[("le", &seconds(bound).to_string())], below)?;
    }
    let count: u64 = counters.added.steps.iter().sum();
    text.sample(&bucket, &[("le", "+Inf")], count)?;
    text.sample(&format!("{NAME}_sum"), &[], seconds(counters.added.sum_micros))?;
    text.sample(&format!("{NAME}_count"), &[], count)
}

/// A sum of microseconds stays far below the 2^53 that a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "see above")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn modes(counts: &ModeCounts) -> [(&'static str, u64); 5] {
    [
        ("watched", counts.watched),
        ("inspected", counts.inspected),
        ("refused", counts.refused),
        ("passed", counts.passed),
        ("admin", counts.admin),
    ]
}

fn decisions(counts: &DecisionCounts) -> [(&'static str, u64); 4] {
    [("allow", counts.allow), ("alert", counts.alert), ("redact", counts.redact), ("deny", counts.deny)]
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn labels_cannot_break_out() {
        let mut text = Text::default();
        text.sample("x_total", &[("vendor", "a\"} 1\nfake_total 9\\"), ("mode", "m")], 3).unwrap();
        assert_eq!(text.0, "x_total{vendor=\"a\\\"} 1\\nfake_total 9\\\\\",mode=\"m\"} 3\n");
    }
}
