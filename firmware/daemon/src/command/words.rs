//! A record in words, one line each, for people at a terminal.

use gate_core::{
    AccountsEvent, AdminEvent, ConnectionEvent, Cost, DnsDevice, DnsEvent, DnsOutcome, DnsTally, Event, FallbackCause,
    FallbackChange, FallbackEvent, FileKind, KindCount, PlaceholdersEvent, ProcessEvent, ProcessState,
    ProxyClientEvent, ProxyCredential, RequestEvent, ShadowEvent, ShadowSign, SteerEvent, Usage,
};

/// One line without the time.
pub(super) fn of(event: &Event) -> String {
    match event {
        Event::Dns(event) => dns(event),
        Event::Connection(event) => connection(event),
        Event::Request(event) => request(event),
        Event::Steer(event) => steer(event),
        Event::Admin(event) => admin(event),
        Event::Process(event) => process(event),
        Event::DnsTally(tally) => dns_tally(tally),
        Event::DnsDevice(device) => dns_device(device),
        Event::Fallback(event) => fallback(event),
        Event::Placeholders(event) => placeholders(event),
        Event::ProxyClient(event) => proxy_client(event),
        Event::Accounts(event) => accounts(event),
        Event::Shadow(event) => shadow(event),
    }
}

fn dns(event: &DnsEvent) -> String {
    let outcome = match &event.outcome {
        DnsOutcome::Steered { vendor } => format!("steered ({vendor})"),
        DnsOutcome::Special => "special".to_owned(),
        DnsOutcome::Own => "own name".to_owned(),
        DnsOutcome::Cached => "cached".to_owned(),
        DnsOutcome::Forwarded => "forwarded".to_owned(),
        DnsOutcome::Failed => "no upstream answered".to_owned(),
        DnsOutcome::Refused(reason) => format!("refused: {reason}"),
    };
    format!("{} asked for {} (type {}): {outcome}", event.client, event.name, event.qtype)
}

fn dns_tally(tally: &DnsTally) -> String {
    let client = tally.client.map_or_else(|| "other clients".to_owned(), |client| client.to_string());
    let parts = [
        (tally.cached, "cached"),
        (tally.forwarded, "forwarded"),
        (tally.own, "own name"),
        (tally.special, "special"),
        (tally.failed, "no upstream answered"),
        (tally.refused, "refused"),
    ];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    format!("{client} asked {} times in {} s: {}", tally.questions(), tally.seconds, parts.join(", "))
}

fn dns_device(device: &DnsDevice) -> String {
    let DnsDevice { client, seconds, .. } = device;
    if device.never_asks {
        return format!("{client} is on the wire and never asks this resolver");
    }
    let named = device.bypass.iter().map(|one| format!("{} of {} ({})", one.count, one.name, one.vendor));
    let counted = [
        (device.bypass_unnamed, "of other ways around this resolver"),
        (device.canaries, "of a canary"),
        (device.steered, "more about AI, names not recorded"),
    ];
    let counted = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let parts: Vec<_> = named.chain(counted).collect();
    format!("{client} asked in {seconds} s: {}", parts.join(", "))
}

fn connection(event: &ConnectionEvent) -> String {
    let host = event.host.as_deref().unwrap_or("no name");
    let vendor = event.vendor.as_deref().map(|vendor| format!(" ({vendor})")).unwrap_or_default();
    let mode = format!("{:?}", event.mode).to_lowercase();
    let reason = event.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let connect = event.connect_micros.map(|micros| format!(", connected in {}", time(micros))).unwrap_or_default();
    format!(
        "{} to {host}{vendor} {mode}{reason}, {} B up, {} B down{connect}, {}",
        event.client.ip(),
        event.bytes_up,
        event.bytes_down,
        time(event.duration_micros)
    )
}

fn request(event: &RequestEvent) -> String {
    let model = event.model.as_deref().map(|model| format!(" {model}")).unwrap_or_default();
    let reason = event.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for finding in &event.findings {
        found.push(format!("{}x {} {}", finding.count, finding.kind, finding.action));
    }
    let found = if found.is_empty() { String::new() } else { format!(" [{}]", found.join(", ")) };
    let status = event.status.map(|status| format!(", status {status}")).unwrap_or_default();
    let usage = event.usage.map(|usage| tokens(&usage)).unwrap_or_default();
    let cost = event.cost.as_ref().map(price).unwrap_or_default();
    let attached = attached(event);
    format!(
        "{} {} {}{model} {}{reason}{found}{attached}{status}{usage}{cost}, +{}",
        event.client,
        event.vendor,
        event.target,
        event.decision,
        time(event.added_micros)
    )
}

fn tokens(usage: &Usage) -> String {
    let about = if usage.estimated { "about " } else { "" };
    let parts = [(usage.cached, "cached"), (usage.written, "to the cache"), (usage.reasoning, "thought")];
    let parts: Vec<_> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!(", {about}{}+{} tokens{parts}", usage.input, usage.output)
}

fn price(cost: &Cost) -> String {
    format!(", {}.{:06} {}", cost.micros / 1_000_000, cost.micros % 1_000_000, cost.currency)
}

fn attached(event: &RequestEvent) -> String {
    let mut files: Vec<_> =
        event.attachments.iter().map(|one| format!("{} {} B {}", word(one.kind), one.bytes, one.keyed_hash)).collect();
    if event.more_attachments > 0 {
        files.push(format!("{} more", event.more_attachments));
    }
    if files.is_empty() { String::new() } else { format!(" {{{}}}", files.join(", ")) }
}

fn word(kind: FileKind) -> &'static str {
    FileKind::WORDS.iter().find(|(_, known)| *known == kind).map_or("unknown", |(word, _)| word)
}

fn steer(event: &SteerEvent) -> String {
    let verified = if event.verified { "verified" } else { "NOT verified" };
    let error = event.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    format!("table {}: {} rules, {} destinations, {verified}{error}", event.table, event.rules, event.destinations)
}

fn admin(event: &AdminEvent) -> String {
    let who = event.actor.as_deref().unwrap_or("somebody");
    let from = event.client.map(|client| format!(" from {client}")).unwrap_or_default();
    let ok = if event.ok { "done" } else { "refused" };
    let detail = event.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{who}{from} {} {ok}{detail}", event.command)
}

fn process(event: &ProcessEvent) -> String {
    let state = match event.state {
        ProcessState::Started => "started",
        ProcessState::Stopped => "stopped",
        ProcessState::Crashed => "ended unasked",
        ProcessState::Stalled => "does nothing",
        ProcessState::Resumed => "goes on",
    };
    format!("process {} ({}) {state}", event.process, event.pid)
}

fn placeholders(event: &PlaceholdersEvent) -> String {
    let list = |counts: &[KindCount]| {
        let words: Vec<_> = counts.iter().map(|one| format!("{} {}", one.count, one.kind)).collect();
        if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
    };
    let PlaceholdersEvent { client, host, replaced, restored, unedited, .. } = event;
    let unedited = if *unedited { "; the answer could not be edited" } else { "" };
    format!("{client} to {host}: left as placeholders {}, put back {}{unedited}", list(replaced), list(restored))
}

fn proxy_client(event: &ProxyClientEvent) -> String {
    let by = match event.by {
        ProxyCredential::Token => "a token",
        ProxyCredential::Certificate => "a certificate",
        ProxyCredential::Both => "a token and a certificate",
    };
    format!("{} is {} to the proxy, by {by} (connection {})", event.client, event.name, event.connection)
}

fn accounts(event: &AccountsEvent) -> String {
    let AccountsEvent { client, host, vendor, accounts, known, .. } = event;
    let shown: Vec<_> = accounts.iter().map(|one| format!("{} {}", one.kind, one.hash)).collect();
    let shown = if shown.is_empty() { "an account that it does not show".to_owned() } else { shown.join(", ") };
    let known = if *known { "the office's own" } else { "not known as the office's own" };
    format!("{client} uses {host} ({vendor}) by {shown}: {known}")
}

fn shadow(event: &ShadowEvent) -> String {
    let by = match event.by {
        ShadowSign::Name => "by its name",
        ShadowSign::Request => "by what is said to it in the clear",
    };
    format!("{} talks to {}, which is in no list and looks like AI {by}", event.client, event.host)
}

fn fallback(event: &FallbackEvent) -> String {
    let FallbackEvent { client, host, vendor, ja4, runtime, change } = event;
    let who = format!("{client} to {host} ({vendor}), {runtime} program {ja4}");
    match change {
        FallbackChange::Began { cause, .. } => {
            let why = match cause {
                FallbackCause::Alert(number) => format!("with TLS alert {number}"),
                FallbackCause::Closed => "by closing".to_owned(),
            };
            format!("{who} refuses the certificate {why}: watched for 24 h instead of inspected")
        }
        FallbackChange::Revoked => format!("{who} is inspected again: its fall-back was revoked"),
    }
}

fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}
