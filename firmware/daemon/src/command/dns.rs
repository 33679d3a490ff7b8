//! `nanogate dns query`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use gate_core::{Event, Journal, JournalError, Position, SystemClock};
use gate_dns::{CacheState, Dns, Explained, InCache};
use serde_json::json;

use super::state::unused_settings;
use crate::config::Config;
use crate::packs::Keys;
use crate::worker::dns::control::{self, Ask};
use crate::{CommandError, Outcome, print, provision, worker};

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
    /// Past the cache.
    pub(crate) fresh: bool,
    pub(crate) trace: bool,
    pub(crate) json: bool,
}

/// Has the daemon answer a question, or its settings where it does not run, and says what decided.
pub(crate) fn dns_query(file: &Path, question: &DnsQuestion<'_>) -> Result<Outcome, CommandError> {
    let (data, config) = Config::find(file).map_err(CommandError::input)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    let ask = Ask {
        name: question.name.to_owned(),
        kind: question.kind.to_owned(),
        client: question.client.unwrap_or(Ipv4Addr::LOCALHOST.into()),
        fresh: question.fresh,
    };
    let running = runtime.block_on(control::ask(&provision::dns_socket(&data), &ask));
    let (explained, source, warning) = match running {
        Some(told) => {
            let warning = config.err().map(|error| unused_settings(&error));
            (told.map_err(CommandError::internal)?.map_err(CommandError::Input)?, "daemon", warning)
        }
        None => {
            let config = config.map_err(CommandError::input)?;
            (runtime.block_on(settings_explain(&config, &ask))?, "settings", None)
        }
    };
    if question.json {
        show_json(&explained, source, warning.as_deref())?;
    } else {
        show(&explained, source, question.trace)?;
        if let Some(warning) = warning {
            print::line(format_args!("  WARNING: {warning}"))?;
        }
    }
    Ok(if explained.rcode == "NOERROR" { Outcome::Done } else { Outcome::No })
}

/// What the daemon would answer if it ran, with an empty cache.
async fn settings_explain(config: &Config, ask: &Ask) -> Result<Explained, CommandError> {
    let catalogue = Arc::new(worker::catalogue()?);
    let identity = worker::dns::identity(config)?;
    let settings = gate_dns::Config { extra_roots: config.proxy.extra_roots.clone(), ..worker::dns::settings(config) };
    let dns = Dns::new(settings, catalogue, identity, Arc::new(Unrecorded), Arc::new(SystemClock));
    let dns = dns.map_err(CommandError::input)?;
    let keys = provision::keys_file(&config.data);
    worker::dns::keys::trust(&dns, &keys, Keys::read(&keys), &mut None);
    dns.read_files().await;
    dns.explain((&ask.name, &ask.kind), ask.client, ask.fresh).await.map_err(CommandError::input)
}

fn show(explained: &Explained, source: &str, trace: bool) -> Result<(), CommandError> {
    print::line(format_args!("{} in {:.1} ms, {}", explained.rcode, milliseconds(explained), explained.rule))?;
    for record in &explained.records {
        print::line(format_args!("  {record}"))?;
    }
    if let Some(group) = &explained.group {
        print::line(format_args!("  group {group}"))?;
    }
    if let Some(InCache { age, left, state }) = explained.cache {
        let becomes = match state {
            CacheState::Fresh => format!("good for {left} s"),
            CacheState::Due => format!("good for {left} s, and being asked for again"),
            CacheState::Stale => "over: given only if no upstream answers in time".to_owned(),
            CacheState::Resting => "over, and given because no upstream answered a moment ago".to_owned(),
        };
        print::line(format_args!("  in the cache for {age} s, {becomes}"))?;
    }
    print::line(format_args!("  dnssec {}", explained.dnssec))?;
    if let Some((code, text)) = &explained.reason {
        let separator = if text.is_empty() { "" } else { ": " };
        print::line(format_args!("  extended error {code}{separator}{text}"))?;
    }
    if source == "settings" {
        print::line("  the daemon does not run, or not for this user: its settings answered, without its cache")?;
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

fn show_json(explained: &Explained, source: &str, warning: Option<&str>) -> Result<(), CommandError> {
    let asked: Vec<_> = explained
        .asked
        .iter()
        .map(|state| {
            json!({"upstream": state.upstream.to_string(), "answered": state.answered, "unanswered": state.unanswered,
                "failure": state.failure, "strips_signatures": state.strips_signatures, "tcp_only": state.tcp_only})
        })
        .collect();
    print::line(json!({
        "rcode": explained.rcode, "rule": explained.rule, "records": explained.records, "dnssec": explained.dnssec,
        "extended_error": explained.reason.as_ref().map(|(code, _)| code),
        "extended_text": explained.reason.as_ref().map(|(_, text)| text), "milliseconds": milliseconds(explained), "asked": asked,
        "group": explained.group, "cache": explained.cache, "source": source,
        "warning": warning,
    }))
}

fn milliseconds(explained: &Explained) -> f64 {
    explained.took.as_secs_f64() * 1000.0
}
