//! `nanogate status`, `nanogate steer show` and `nanogate token`.

use std::path::Path;

use gate_admin::{Accounts, Scope, Shortfalls};
use gate_audit::export;
use gate_core::{AdminEvent, Clock, Event, Journal, SystemClock};
use serde_json::json;

use super::{fallback, settings};
use crate::cli::TokenScope;
use crate::config::{Config, ConfigError};
use crate::run_state::{self, DnsState, Running};
use crate::worker::{fallbacks, resident, shortfalls};
use crate::{CommandError, Outcome, packs, print, provision, worker};

/// Who runs, since when, with how much memory; exit 1 when a process is missing or does nothing.
pub(crate) fn status(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    let (data, config) = Config::find(file).map_err(CommandError::input)?;
    let Some(running) = Running::alive(&data) else {
        config.map_err(CommandError::input)?;
        if json {
            print::line(json!({"running": false}))?;
        } else {
            print::line("not running")?;
        }
        return Ok(Outcome::No);
    };
    let uptime = SystemClock.now().0.saturating_sub(running.started_at) / 1_000_000;
    let processes: Vec<_> = running
        .processes
        .iter()
        .map(|process| {
            let rss = resident(process.pid);
            json!({"name": process.name, "pid": process.pid, "alive": rss.is_some(), "stalled": process.stalled, "rss_bytes": rss, "restarts": process.restarts})
        })
        .collect();
    let pack = packs::read_state(&data);
    let mut warnings = run_state::warnings(&data);
    warnings.extend(config.err().map(|error| unused_settings(&error)));
    let dns = DnsState::read(&provision::dns_file(&data));
    let (standing, short) = (fallbacks::standing(&data), shortfalls::read(&data));
    let healthy = processes.iter().all(|process| process["alive"] == true && process["stalled"] == false);
    if json {
        let shown = json!({
            "running": true, "healthy": healthy, "version": running.version, "mode": running.mode,
            "uptime_seconds": uptime, "supervisor": running.supervisor, "processes": processes, "pack": pack,
            "warnings": warnings, "dns": dns, "fallbacks": standing, "shortfalls": short,
        });
        print::line(shown)?;
    } else {
        print::line(format_args!("nanogate {}, {} mode, up {uptime} s", running.version, running.mode))?;
        if let Some(pack) = &pack {
            print::line(format_args!("  pack {pack}"))?;
            if let Some(error) = &pack.error {
                print::line(format_args!("  THE INSTALLED PACK IS NOT USED: {error}"))?;
            }
        }
        for process in &running.processes {
            match resident(process.pid) {
                Some(rss) => print::line(format_args!(
                    "  {:<6} pid {:<7} {:>5.1} MiB  {} restarts{}",
                    process.name,
                    process.pid,
                    rss as f64 / 1_048_576.0,
                    process.restarts,
                    if process.stalled { "  STALLED" } else { "" }
                ))?,
                None => print::line(format_args!("  {:<6} DOWN", process.name))?,
            }
        }
    }
    if !json {
        show_dns(&dns)?;
        fallback::show(&standing)?;
        show_shortfalls(&short)?;
        for warning in &warnings {
            print::line(format_args!("  WARNING: {warning}"))?;
        }
    }
    Ok(if healthy { Outcome::Done } else { Outcome::No })
}

/// What is said where the daemon runs and its file has become wrong.
pub(super) fn unused_settings(error: &ConfigError) -> String {
    let error = crate::one_line(&error.to_string());
    format!("the configuration file is wrong by now, and the daemon runs on with what it read at its start: {error}")
}

fn show_shortfalls(short: &Shortfalls) -> Result<(), CommandError> {
    let rows = [
        (short.unread_answers, "answers whose tokens could not be read"),
        (short.unedited_answers, "answers that kept their placeholders"),
        (short.passed_with_ech, "connections passed on under a name that may cover another (ECH)"),
        (short.refused_with_ech, "connections refused for such a name"),
        (short.journal_failures, "RECORDS THAT THE JOURNAL DID NOT TAKE"),
    ];
    for (count, what) in rows.into_iter().filter(|(count, _)| *count > 0) {
        print::line(format_args!("  {count} {what}"))?;
    }
    Ok(())
}

fn show_dns(dns: &DnsState) -> Result<(), CommandError> {
    for upstream in &dns.upstreams {
        let whose = upstream.whose.as_ref().map_or_else(String::new, |whose| format!("  for {whose}"));
        let does = match (&upstream.failure, upstream.asks_us, upstream.working) {
            (_, true, _) => "ASKS THIS DEVICE".to_owned(),
            (Some(why), _, _) => format!("DOES NOT ANSWER: {why}"),
            (None, _, false) => "DOES NOT ANSWER".to_owned(),
            (None, _, true) => "works".to_owned(),
        };
        let strips = if upstream.strips_signatures { ", strips signatures" } else { "" };
        let tcp = if upstream.tcp_only { ", over TCP alone: UDP gets no answer" } else { "" };
        let makes_up = if upstream.makes_up { ", MAKES ANSWERS UP" } else { "" };
        print::line(format_args!("  upstream {}{whose}  {does}{tcp}{strips}{makes_up}", upstream.upstream))?;
    }
    for group in &dns.groups {
        let mut rules = vec![if group.steering { "steered" } else { "NOT STEERED" }.to_owned()];
        rules.extend(group.silent.then(|| "no names in records".to_owned()));
        rules.extend(group.block_lists.as_ref().map(|lists| format!("{} block lists of its own", lists.len())));
        print::line(format_args!("  group {} ({})  {}", group.name, group.clients.join(", "), rules.join(", ")))?;
    }
    if let Some(keys) = &dns.keys {
        print::line(format_args!("  dnssec  starts from {}, of {}", keys.keys.join(", "), keys.from))?;
    }
    for list in &dns.lists {
        let error = list.error.as_ref().map_or_else(String::new, |error| format!("  {error}"));
        let foreign = match list.foreign_lines {
            0 => String::new(),
            lines => format!(", {lines} lines not understood"),
        };
        print::line(format_args!("  block list {}  {} names{foreign}{error}", list.list, list.names))?;
    }
    match dns.encrypted_dns.as_str() {
        "refuse" => print::line("  public resolvers for encrypted DNS  refused")?,
        "report" => print::line("  public resolvers for encrypted DNS  reported, NOT REFUSED")?,
        _ => {}
    }
    if !dns.silent_devices.is_empty() {
        let devices: Vec<_> = dns.silent_devices.iter().map(ToString::to_string).collect();
        print::line(format_args!("  on the wire, and never asking: {}", devices.join(", ")))?;
    }
    Ok(())
}

/// The live table, as `nft list table` would print it.
pub(crate) fn steer_show(file: &Path) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let set = gate_steer::list(&config.steer.table).map_err(CommandError::internal)?;
    print::bytes(set.to_nft().as_bytes())?;
    Ok(Outcome::Done)
}

fn accounts(config: &Config) -> Result<Accounts, CommandError> {
    Accounts::open(&provision::admin_state_dir(&config.data)).map_err(CommandError::input)
}

/// Notes a command of the person at the console; it has no chain of its own process, so it opens one for the moment.
pub(super) fn note(config: &Config, command: &str, ok: bool, detail: Option<String>) -> Result<(), CommandError> {
    let journal = worker::open_journal_with(config, provision::CONSOLE, provision::device_key(config)?)?;
    let actor = Some("console".to_owned());
    let event = Event::Admin(AdminEvent { client: None, actor, command: command.to_owned(), ok, detail });
    journal.append(&event).map_err(CommandError::internal)?;
    journal.close().map_err(CommandError::internal)
}

/// Makes a token; the secret is printed once and kept nowhere.
pub(crate) fn token_add(file: &Path, scopes: &[TokenScope], name: &str) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let scope = |scope: &TokenScope| match scope {
        TokenScope::Inspect => Scope::Inspect,
        TokenScope::Metrics => Scope::Metrics,
        TokenScope::Proxy => Scope::Proxy,
    };
    let chosen: Vec<_> = scopes.iter().map(scope).collect();
    let scopes = if chosen.is_empty() { &[Scope::Inspect, Scope::Metrics][..] } else { &chosen };
    let (token, secret) =
        accounts(&config)?.create_token(name, scopes, SystemClock.now()).map_err(CommandError::input)?;
    note(&config, "token_create", true, Some(token.id.clone()))?;
    eprintln!("token {} ({name}); it is shown only now:", token.id);
    print::line(secret)?;
    Ok(Outcome::Done)
}

/// What tokens there are.
pub(crate) fn token_list(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    for token in accounts(&settings(file)?)?.tokens().map_err(CommandError::input)? {
        let made = export::rfc3339(token.created_at);
        if json {
            print::line(json!({"id": token.id, "name": token.name, "scopes": token.scopes, "created_at": made}))?;
        } else {
            let scopes: Vec<_> = token.scopes.iter().map(|scope| scope.as_str()).collect();
            print::line(format_args!("{}  {made}  {}  ({})", token.id, token.name, scopes.join(", ")))?;
        }
    }
    Ok(Outcome::Done)
}

/// Ends a token at once.
pub(crate) fn token_revoke(file: &Path, id: &str) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let revoked = accounts(&config)?.revoke_token(id);
    note(&config, "token_revoke", revoked.is_ok(), Some(id.to_owned()))?;
    let token = revoked.map_err(CommandError::input)?;
    print::line(format_args!("revoked {} ({})", token.id, token.name))?;
    Ok(Outcome::Done)
}
