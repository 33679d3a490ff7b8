//! Sums over the records of the last 24 hours, in half-hours. Pure: the time comes in.

use std::collections::{BTreeMap, VecDeque};

use gate_core::{
    AccountsEvent, ConnectionEvent, DnsDevice, DnsEvent, DnsOutcome, DnsTally, Event, Mode, Record, RequestEvent,
    UnixMicros,
};
use serde::Serialize;
use utoipa::ToSchema;

mod counters;

pub(crate) use self::counters::{
    ADDED_BOUNDS_MICROS, AccountKey, AccountSeen, ClientCounts, Counters, DecisionCounts, DnsCounts, ModeCounts,
    ShadowKey, ShadowSeen, VendorCounts,
};

/// Half an hour: 48 points draw a day.
pub(crate) const BUCKET_MICROS: u64 = 30 * 60 * 1_000_000;

/// 24 hours, and the half-hour under way.
const BUCKETS: u64 = 49;

/// The last 24 hours, and all since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    buckets: VecDeque<Bucket>,
    pub(crate) total: Counters,
    first: Option<UnixMicros>,
}

#[derive(Debug)]
struct Bucket {
    number: u64,
    counters: Counters,
}

/// What the last 24 hours add up to.
#[derive(Debug)]
pub(crate) struct Window {
    /// The oldest record in it.
    pub(crate) since: Option<UnixMicros>,
    pub(crate) counters: Counters,
    pub(crate) series: Vec<Point>,
}

/// One half-hour of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Point {
    /// Its beginning.
    start: UnixMicros,
    /// Connections that were relayed unread.
    watched: u64,
    /// Connections that were inspected.
    inspected: u64,
    /// Connections that were not let through.
    refused: u64,
    /// Requests sent on with something taken out.
    redacted: u64,
    /// Requests that were denied.
    denied: u64,
}

impl Tally {
    /// Counts one record. A time ahead of the clock, from before it was set right, counts as now.
    pub(crate) fn add(&mut self, record: &Record, now: UnixMicros) {
        count(&mut self.total, record);
        let at = record.at.0.min(now.0);
        let newest = now.0 / BUCKET_MICROS;
        self.prune(newest);
        let number = at / BUCKET_MICROS;
        if number + BUCKETS <= newest {
            return;
        }
        self.first = Some(self.first.map_or(UnixMicros(at), |first| UnixMicros(first.0.min(at))));
        let place = self.buckets.partition_point(|bucket| bucket.number < number);
        if self.buckets.get(place).is_none_or(|bucket| bucket.number != number) {
            self.buckets.insert(place, Bucket { number, counters: Counters::default() });
        }
        count(&mut self.buckets[place].counters, record);
    }

    /// Keeps the buckets between 24 hours ago and `newest`: when the clock is set back, those ahead of it go too.
    fn prune(&mut self, newest: u64) {
        self.buckets.retain(|bucket| bucket.number <= newest && bucket.number + BUCKETS > newest);
    }

    pub(crate) fn window(&mut self, now: UnixMicros) -> Window {
        let newest = now.0 / BUCKET_MICROS;
        self.prune(newest);
        let mut counters = Counters::default();
        for bucket in &self.buckets {
            counters.merge(&bucket.counters);
        }
        let oldest = (newest + 1).saturating_sub(BUCKETS);
        let by_number: BTreeMap<u64, &Counters> =
            self.buckets.iter().map(|bucket| (bucket.number, &bucket.counters)).collect();
        let series = (oldest..=newest).map(|number| point(number, by_number.get(&number).copied())).collect();
        let since = self.first.map(|first| UnixMicros(first.0.max(oldest * BUCKET_MICROS)));
        Window { since, counters, series }
    }
}

fn point(number: u64, counters: Option<&Counters>) -> Point {
    let counter = |pick: fn(&Counters) -> u64| counters.map_or(0, pick);
    Point {
        start: UnixMicros(number * BUCKET_MICROS),
        watched: counter(|c| c.connections.watched),
        inspected: counter(|c| c.connections.inspected),
        refused: counter(|c| c.connections.refused),
        redacted: counter(|c| c.requests.redact),
        denied: counter(|c| c.requests.deny),
    }
}

fn count(counters: &mut Counters, record: &Record) {
    match &record.event {
        Event::Dns(event) => count_question(counters, event),
        Event::DnsTally(tally) => count_questions(counters, tally),
        Event::DnsDevice(device) => count_device(counters, device, record.at),
        Event::Connection(event) => count_connection(counters, event, record.at),
        Event::Request(event) => count_request(counters, event, record.at),
        Event::Accounts(event) => count_accounts(counters, event, record.at),
        Event::Shadow(event) => counters.shadow(event, record.at),
        Event::Steer(_)
        | Event::Admin(_)
        | Event::Process(_)
        | Event::Fallback(_)
        | Event::Placeholders(_)
        | Event::ProxyClient(_) => {}
    }
}

fn count_question(counters: &mut Counters, event: &DnsEvent) {
    counters.dns.questions += 1;
    match event.outcome {
        DnsOutcome::Steered { .. } => counters.dns.steered += 1,
        DnsOutcome::Failed => counters.dns.failed += 1,
        DnsOutcome::Refused(_) => counters.dns.refused += 1,
        DnsOutcome::Special | DnsOutcome::Own | DnsOutcome::Cached | DnsOutcome::Forwarded => {}
    }
}

fn count_questions(counters: &mut Counters, tally: &DnsTally) {
    counters.dns.questions += tally.questions();
    counters.dns.failed += u64::from(tally.failed);
    counters.dns.refused += u64::from(tally.refused);
}

fn count_device(counters: &mut Counters, device: &DnsDevice, at: UnixMicros) {
    counters.dns.questions += u64::from(device.steered);
    counters.dns.steered += u64::from(device.steered);
    if let Some(client) = counters.client(device.client.to_canonical(), at) {
        client.bypasses += device.bypasses();
        client.canaries += u64::from(device.canaries);
        client.never_asks = Some(device.never_asks);
    }
}

fn count_connection(counters: &mut Counters, event: &ConnectionEvent, at: UnixMicros) {
    counters.connections.add(event.mode);
    if matches!(event.mode, Mode::Admin | Mode::Passed) {
        return;
    }
    if let Some(client) = counters.client(event.client.ip().to_canonical(), at) {
        client.connections.add(event.mode);
    }
    if let Some(vendor) = event.vendor.as_deref().and_then(|vendor| counters.vendor(vendor)) {
        vendor.connections.add(event.mode);
        vendor.bytes_up += event.bytes_up;
        vendor.bytes_down += event.bytes_down;
    }
}

fn count_request(counters: &mut Counters, event: &RequestEvent, at: UnixMicros) {
    for finding in &event.findings {
        counters.finding(finding);
    }
    if event.connection.is_none() {
        counters.inspections.add(event.decision);
        return;
    }
    counters.requests.add(event.decision);
    counters.added.add(event.added_micros);
    if let Some(client) = counters.client(event.client.to_canonical(), at) {
        client.requests.add(event.decision);
    }
    if let Some(vendor) = counters.vendor(&event.vendor) {
        vendor.requests.add(event.decision);
        vendor.used(event.usage.unwrap_or_default(), event.cost.as_ref());
    }
}

fn count_accounts(counters: &mut Counters, event: &AccountsEvent, at: UnixMicros) {
    *if event.known { &mut counters.accounts_known } else { &mut counters.accounts_unknown } += 1;
    for account in &event.accounts {
        counters.account(event.client.to_canonical(), &event.vendor, *account, event.known, at);
    }
}

#[cfg(test)]
mod tests;
