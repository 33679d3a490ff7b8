//! `nanogate dns query`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use gate_core::{Event, Journal, JournalError, Position, SystemClock};
use gate_dns::{Dns, Explained};
use serde_json::json;

use crate::config::Config;
use crate::{CommandError, Outcome, print, worker};

/// A person's question is no client's and leaves no record.
struct Unrecorded;

impl Journal for Unrecorded {
    fn append(&self, _: &Event) -> Result<Position, JournalError> {
        Ok(Position(0))
    }
}

/// What `dns query` is asked.
pub(crate) struct DnsQuestion<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    /// The client whose rules hold; this machine when there is none.
    pub(crate) client: Option<IpAddr>,
    pub(crate) trace: bool,
    pub(crate) json: bool,
}

/// Answers a question with the daemon's own settings, but past its cache, and says what decided.
pub(crate) fn dns_query(file: &Path, question: &DnsQuestion<'_>) -> Result<Outcome, CommandError> {
    let config = Config::load(file).map_err(CommandError::input)?;
    let catalogue = Arc::new(worker::catalogue()?);
    let identity = worker::dns::identity(&config)?;
    let settings = gate_dns::Config { extra_roots: config.proxy.extra_roots.clone(), ..worker::dns::settings(&config) };
    let dns = Dns::new(settings, catalogue, identity, Arc::new(Unrecorded), Arc::new(SystemClock));
    let dns = dns.map_err(CommandError::input)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    let client = question.client.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let explained = runtime.block_on(dns.explain(question.name, question.kind, client)).map_err(CommandError::input)?;
    if question.json {
        show_json(&explained)?;
    } else {
        show(&explained, question.trace)?;
    }
    Ok(if explained.rcode == "NOERROR" { Outcome::Done } else { Outcome::No })
}

fn show(explained: &Explained, trace: bool) -> Result<(), CommandError> {
    print::line(format_args!("{} in {:.1} ms, {}", explained.rcode, milliseconds(explained), explained.rule))?;
    for record in &explained.records {
        print::line(format_args!("  {record}"))?;
    }
    print::line(format_args!("  dnssec {}", explained.dnssec))?;
    if let Some(reason) = explained.reason {
        print::line(format_args!("  extended error {reason}"))?;
    }
    for state in explained.asked.iter().filter(|_| trace) {
        let failure = state.failure.as_ref().map_or_else(String::new, |why| format!("; {why}"));
        print::line(format_args!(
            "  asked {}: {} answered, {} not{failure}",
            state.upstream, state.answered, state.unanswered
        ))?;
    }
    Ok(())
}

fn show_json(explained: &Explained) -> Result<(), CommandError> {
    let asked: Vec<_> = explained
        .asked
        .iter()
        .map(|state| {
            json!({"upstream": state.upstream.to_string(), "answered": state.answered, "unanswered": state.unanswered,
                "failure": state.failure, "strips_signatures": state.strips_signatures})
        })
        .collect();
    print::line(json!({
        "rcode": explained.rcode, "rule": explained.rule, "records": explained.records, "dnssec": explained.dnssec,
        "extended_error": explained.reason, "milliseconds": milliseconds(explained), "asked": asked,
    }))
}

fn milliseconds(explained: &Explained) -> f64 {
    explained.took.as_secs_f64() * 1000.0
}
