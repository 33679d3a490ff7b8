use std::collections::BTreeMap;
use std::net::IpAddr;

use gate_core::{
    Account, AccountHash, AccountKind, Action, Cost, Currency, FindingCount, KnowledgeBase, Mode, ShadowEvent,
    ShadowSign, UnixMicros, Usage,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of each table in one bucket. An office has fewer clients, vendors and kinds; what is past it is counted as left
/// out, so that the page can say so.
pub(crate) const MAX_ROWS: usize = 512;

/// Upper bounds of the histogram of added time; the last step is open.
pub(crate) const ADDED_BOUNDS_MICROS: [u64; 9] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000];

/// Sums of records.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: ModeCounts,
    pub(crate) requests: DecisionCounts,
    /// Texts judged for other gateways: no traffic of ours, so they name no client and no vendor here.
    pub(crate) inspections: DecisionCounts,
    pub(crate) dns: DnsCounts,
    pub(crate) added: Histogram,
    pub(crate) findings: BTreeMap<(String, KnowledgeBase), u64>,
    pub(crate) vendors: BTreeMap<String, VendorCounts>,
    pub(crate) clients: BTreeMap<IpAddr, ClientCounts>,
    pub(crate) accounts: BTreeMap<AccountKey, AccountSeen>,
    /// Times that clients were seen to use the office's own accounts, and others.
    pub(crate) accounts_known: u64,
    pub(crate) accounts_unknown: u64,
    /// What looks like AI and is in no list, by who talks to it.
    pub(crate) shadows: BTreeMap<ShadowKey, ShadowSeen>,
    /// Times that it was told of.
    pub(crate) shadow_records: u64,
    /// Records that found no row in a full table.
    pub(crate) left_out: u64,
}

/// Connections by how they were treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ModeCounts {
    /// Relayed unread: host, bytes and times are known, the content is not.
    pub(crate) watched: u64,
    /// Read and, where policy says so, redacted or denied.
    pub(crate) inspected: u64,
    /// Not let through.
    pub(crate) refused: u64,
    /// Not AI, relayed untouched.
    pub(crate) passed: u64,
    /// To this page.
    pub(crate) admin: u64,
}

/// Inspected requests by decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DecisionCounts {
    pub(crate) allow: u64,
    pub(crate) alert: u64,
    pub(crate) redact: u64,
    pub(crate) deny: u64,
}

/// Questions to the resolver.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DnsCounts {
    pub(crate) questions: u64,
    pub(crate) steered: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
}

/// One vendor's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct VendorCounts {
    pub(crate) connections: ModeCounts,
    pub(crate) requests: DecisionCounts,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) tokens_input: u64,
    pub(crate) tokens_output: u64,
    /// Of the input: what the vendor had in a cache.
    pub(crate) tokens_cached: u64,
    /// Of both: guessed, because the vendor counted nothing.
    pub(crate) tokens_estimated: u64,
    /// Of both: of models whose price is not known.
    pub(crate) tokens_unpriced: u64,
    /// What the others cost by the vendor's published prices, in millionths of the currency.
    pub(crate) cost_micros: u64,
    /// Absent before the first cost.
    pub(crate) currency: Option<Currency>,
}

/// One client's traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ClientCounts {
    pub(crate) connections: ModeCounts,
    pub(crate) requests: DecisionCounts,
    /// Questions for encrypted resolvers and VPNs, which lead around this device.
    pub(crate) bypasses: u64,
    /// Questions for the names by which browsers learn that the network resolves for itself.
    pub(crate) canaries: u64,
    /// Whether it is on the wire without asking this device; absent while nobody looked.
    pub(crate) never_asks: Option<bool>,
    pub(crate) last_seen: UnixMicros,
}

/// One account at a vendor in one client's hands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct AccountKey {
    #[schema(value_type = String)]
    pub(crate) client: IpAddr,
    pub(crate) vendor: String,
    #[schema(value_type = String)]
    pub(crate) hash: AccountHash,
}

/// How it was seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AccountSeen {
    pub(crate) kind: AccountKind,
    /// The policy named all that the client showed as the office's own.
    pub(crate) known: bool,
    pub(crate) last_seen: UnixMicros,
}

impl Default for AccountSeen {
    fn default() -> Self {
        Self { kind: AccountKind::Key, known: false, last_seen: UnixMicros::default() }
    }
}

/// A name that looks like AI, and who talks to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct ShadowKey {
    #[schema(value_type = String)]
    pub(crate) client: IpAddr,
    pub(crate) host: String,
}

/// When it was told of last, and by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ShadowSeen {
    /// A request was seen; otherwise it is the name alone.
    pub(crate) by_request: bool,
    pub(crate) last_seen: UnixMicros,
}

/// How much time the puck added to requests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Histogram {
    /// One more than the bounds: the last counts what is above all of them.
    pub(crate) steps: [u64; ADDED_BOUNDS_MICROS.len() + 1],
    pub(crate) sum_micros: u64,
}

impl ModeCounts {
    pub(crate) fn add(&mut self, mode: Mode) {
        *match mode {
            Mode::Watched => &mut self.watched,
            Mode::Inspected => &mut self.inspected,
            Mode::Refused => &mut self.refused,
            Mode::Passed => &mut self.passed,
            Mode::Admin => &mut self.admin,
        } += 1;
    }

    /// Connections to AI, however they were treated.
    pub(crate) fn ai(&self) -> u64 {
        self.watched + self.inspected + self.refused
    }

    fn merge(&mut self, other: Self) {
        self.watched += other.watched;
        self.inspected += other.inspected;
        self.refused += other.refused;
        self.passed += other.passed;
        self.admin += other.admin;
    }
}

impl DecisionCounts {
    pub(crate) fn add(&mut self, decision: Action) {
        *match decision {
            Action::Allow => &mut self.allow,
            Action::Alert => &mut self.alert,
            Action::Redact => &mut self.redact,
            Action::Deny => &mut self.deny,
        } += 1;
    }

    fn merge(&mut self, other: Self) {
        self.allow += other.allow;
        self.alert += other.alert;
        self.redact += other.redact;
        self.deny += other.deny;
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, micros: u64) {
        self.steps[ADDED_BOUNDS_MICROS.partition_point(|bound| *bound < micros)] += 1;
        self.sum_micros = self.sum_micros.saturating_add(micros);
    }

    fn merge(&mut self, other: &Self) {
        for (step, more) in self.steps.iter_mut().zip(other.steps) {
            *step += more;
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
    }

    /// The bound that `percent` of all stay under; `None` without any, or above the last bound.
    pub(crate) fn quantile(&self, percent: u64) -> Option<u64> {
        let count: u64 = self.steps.iter().sum();
        let mut below = 0;
        let mut steps = self.steps.iter().zip(ADDED_BOUNDS_MICROS);
        steps.find_map(|(step, bound)| {
            below += step;
            (count > 0 && below * 100 >= count * percent).then_some(bound)
        })
    }
}

impl Counters {
    pub(crate) fn client(&mut self, client: IpAddr, at: UnixMicros) -> Option<&mut ClientCounts> {
        let row = row(&mut self.clients, client, &mut self.left_out)?;
        row.last_seen = row.last_seen.max(at);
        Some(row)
    }

    pub(crate) fn vendor(&mut self, vendor: &str) -> Option<&mut VendorCounts> {
        row(&mut self.vendors, vendor.to_owned(), &mut self.left_out)
    }

    pub(crate) fn account(&mut self, client: IpAddr, vendor: &str, account: Account, known: bool, at: UnixMicros) {
        let key = AccountKey { client, vendor: vendor.to_owned(), hash: account.hash };
        self.seen(key, AccountSeen { kind: account.kind, known, last_seen: at });
    }

    fn seen(&mut self, key: AccountKey, seen: AccountSeen) {
        if let Some(row) = row(&mut self.accounts, key, &mut self.left_out)
            && row.last_seen <= seen.last_seen
        {
            *row = seen;
        }
    }

    pub(crate) fn shadow(&mut self, event: &ShadowEvent, at: UnixMicros) {
        self.shadow_records += 1;
        let key = ShadowKey { client: event.client.to_canonical(), host: event.host.clone() };
        self.shadow_seen(key, ShadowSeen { by_request: event.by == ShadowSign::Request, last_seen: at });
    }

    fn shadow_seen(&mut self, key: ShadowKey, seen: ShadowSeen) {
        if let Some(row) = row(&mut self.shadows, key, &mut self.left_out) {
            row.by_request |= seen.by_request;
            row.last_seen = row.last_seen.max(seen.last_seen);
        }
    }

    pub(crate) fn finding(&mut self, finding: &FindingCount) {
        if let Some(count) = row(&mut self.findings, (finding.kind.clone(), finding.kb), &mut self.left_out) {
            *count += u64::from(finding.count);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.connections.merge(other.connections);
        self.requests.merge(other.requests);
        self.inspections.merge(other.inspections);
        self.dns.questions += other.dns.questions;
        self.dns.steered += other.dns.steered;
        self.dns.failed += other.dns.failed;
        self.dns.refused += other.dns.refused;
        self.added.merge(&other.added);
        self.left_out += other.left_out;
        for (finding, count) in &other.findings {
            if let Some(sum) = row(&mut self.findings, finding.clone(), &mut self.left_out) {
                *sum += count;
            }
        }
        for (vendor, counts) in &other.vendors {
            if let Some(sum) = self.vendor(vendor) {
                sum.merge(counts);
            }
        }
        self.shadow_records += other.shadow_records;
        for (key, seen) in &other.shadows {
            self.shadow_seen(key.clone(), *seen);
        }
        self.accounts_known += other.accounts_known;
        self.accounts_unknown += other.accounts_unknown;
        for (key, seen) in &other.accounts {
            self.seen(key.clone(), *seen);
        }
        for (client, counts) in &other.clients {
            if let Some(sum) = self.client(*client, counts.last_seen) {
                sum.connections.merge(counts.connections);
                sum.requests.merge(counts.requests);
                sum.bypasses += counts.bypasses;
                sum.canaries += counts.canaries;
                // Half-hours are merged from the oldest on.
                sum.never_asks = counts.never_asks.or(sum.never_asks);
            }
        }
    }
}

impl VendorCounts {
    pub(crate) fn used(&mut self, usage: Usage, cost: Option<&Cost>) {
        let both = usage.input.saturating_add(usage.output);
        self.tokens_input = self.tokens_input.saturating_add(usage.input);
        self.tokens_output = self.tokens_output.saturating_add(usage.output);
        self.tokens_cached = self.tokens_cached.saturating_add(usage.cached);
        self.tokens_estimated = self.tokens_estimated.saturating_add(if usage.estimated { both } else { 0 });
        match cost {
            Some(cost) => self.costs(cost.micros, cost.currency),
            None => self.tokens_unpriced = self.tokens_unpriced.saturating_add(both),
        }
    }

    /// Adds a cost. Where a vendor's currency changes, the sum begins anew: sums of two would be of none.
    fn costs(&mut self, micros: u64, currency: Currency) {
        let same = self.currency == Some(currency);
        self.cost_micros = if same { self.cost_micros.saturating_add(micros) } else { micros };
        self.currency = Some(currency);
    }

    fn merge(&mut self, other: &Self) {
        self.connections.merge(other.connections);
        self.requests.merge(other.requests);
        self.bytes_up += other.bytes_up;
        self.bytes_down += other.bytes_down;
        self.tokens_input = self.tokens_input.saturating_add(other.tokens_input);
        self.tokens_output = self.tokens_output.saturating_add(other.tokens_output);
        self.tokens_cached = self.tokens_cached.saturating_add(other.tokens_cached);
        self.tokens_estimated = self.tokens_estimated.saturating_add(other.tokens_estimated);
        self.tokens_unpriced = self.tokens_unpriced.saturating_add(other.tokens_unpriced);
        if let Some(currency) = other.currency {
            self.costs(other.cost_micros, currency);
        }
    }
}

/// The row of `key`, unless the table is full.
fn row<'a, K: Ord, V: Default>(table: &'a mut BTreeMap<K, V>, key: K, left_out: &mut u64) -> Option<&'a mut V> {
    if table.len() >= MAX_ROWS && !table.contains_key(&key) {
        *left_out += 1;
        return None;
    }
    Some(table.entry(key).or_default())
}
