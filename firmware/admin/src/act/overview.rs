//! What the puck is and what it saw in the last 24 hours.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use gate_core::{KnowledgeBase, Mode, UnixMicros};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::decide::access::SignedIn;
use crate::live::tally::{
    AccountKey, AccountSeen, ClientCounts, Counters, DecisionCounts, DnsCounts, ModeCounts, Point, ShadowKey,
    ShadowSeen, VendorCounts,
};
use crate::ports::StatusReport;
use crate::problem::Problem;

/// The last 24 hours in numbers.
#[derive(Serialize, ToSchema)]
#[schema(as = Overview)]
pub(crate) struct OverviewView {
    /// Now.
    at: UnixMicros,
    /// The oldest record that is counted; absent before the first.
    since: Option<UnixMicros>,
    /// Whether the journals can be followed; if not, the numbers stand still.
    live: bool,
    connections: ModeCounts,
    /// Prompts of inspected connections.
    requests: DecisionCounts,
    /// Texts judged through `/api/v1/inspect`.
    inspections: DecisionCounts,
    dns: DnsCounts,
    /// How many clients stand under each rule of the policy, of those seen.
    clients_by_mode: ClientsByMode,
    clients: Vec<ClientRow>,
    vendors: Vec<VendorRow>,
    /// Accounts at vendors that inspected clients used; those that are not the office's own first.
    accounts: Vec<AccountRow>,
    /// What looks like AI and is in no list, the one seen last first.
    shadows: Vec<ShadowRow>,
    findings: Vec<FindingRow>,
    /// Half of all inspected requests were delayed by at most this.
    added_micros_p50: Option<u64>,
    /// 99 of 100 inspected requests were delayed by at most this.
    added_micros_p99: Option<u64>,
    /// Half-hours, oldest first.
    series: Vec<Point>,
    /// Records that found no row in a full table.
    left_out: u64,
}

/// Clients seen in the last 24 hours, by what policy says about them now.
#[derive(Clone, Copy, Default, Serialize, ToSchema)]
pub(crate) struct ClientsByMode {
    watched: u64,
    inspected: u64,
    refused: u64,
}

/// One client.
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientRow {
    #[schema(value_type = String)]
    client: IpAddr,
    /// What policy says about it now.
    mode: Mode,
    #[serde(flatten)]
    counts: ClientCounts,
}

/// One vendor.
#[derive(Serialize, ToSchema)]
#[schema(as = Vendor)]
pub(crate) struct VendorRow {
    vendor: String,
    #[serde(flatten)]
    counts: VendorCounts,
}

/// One account in one client's hands.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountRow)]
pub(crate) struct AccountRow {
    #[serde(flatten)]
    key: AccountKey,
    #[serde(flatten)]
    seen: AccountSeen,
}

/// A name that looks like AI.
#[derive(Serialize, ToSchema)]
#[schema(as = Shadow)]
pub(crate) struct ShadowRow {
    #[serde(flatten)]
    key: ShadowKey,
    #[serde(flatten)]
    seen: ShadowSeen,
}

/// One kind of finding.
#[derive(Serialize, ToSchema)]
#[schema(as = FindingSum)]
pub(crate) struct FindingRow {
    kind: String,
    kb: KnowledgeBase,
    count: u64,
}

/// Health, versions, mode, processes.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "overview", security(("session" = [])),
    responses((status = 200, body = StatusReport))
)]
pub(crate) async fn status(State(app): State<Arc<App>>, _: SignedIn) -> Json<StatusReport> {
    Json(app.status.report())
}

/// The last 24 hours in numbers.
#[utoipa::path(
    get, path = "/api/v1/overview", tag = "overview", security(("session" = [])),
    responses((status = 200, body = OverviewView))
)]
pub(crate) async fn overview(State(app): State<Arc<App>>, _: SignedIn) -> Json<OverviewView> {
    let now = app.now();
    let window = app.live.window(now);
    let clients = clients(&app, &window.counters);
    let counters = &window.counters;
    Json(OverviewView {
        at: now,
        since: window.since,
        live: app.live.fresh(),
        connections: counters.connections,
        requests: counters.requests,
        inspections: counters.inspections,
        dns: counters.dns,
        clients_by_mode: by_mode(&clients),
        clients,
        vendors: vendors(counters),
        accounts: accounts(counters),
        shadows: shadows(counters),
        findings: findings(counters),
        added_micros_p50: counters.added.quantile(50),
        added_micros_p99: counters.added.quantile(99),
        series: window.series,
        left_out: counters.left_out,
    })
}

/// `ok` while this process follows the journals.
#[utoipa::path(
    get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain"))
)]
pub(crate) async fn healthz(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    if app.live.fresh() {
        return Ok("ok\n");
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stale", "The journals cannot be followed."))
}

/// The one seen last comes first.
fn clients(app: &App, counters: &Counters) -> Vec<ClientRow> {
    let mut rows: Vec<_> = counters
        .clients
        .iter()
        .map(|(client, counts)| ClientRow { client: *client, mode: app.policy.mode_of(*client), counts: *counts })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.last_seen));
    rows
}

fn by_mode(clients: &[ClientRow]) -> ClientsByMode {
    let mut sums = ClientsByMode::default();
    for row in clients {
        match row.mode {
            Mode::Inspected => sums.inspected += 1,
            Mode::Refused => sums.refused += 1,
            Mode::Watched | Mode::Passed | Mode::Admin => sums.watched += 1,
        }
    }
    sums
}

/// The one with the most connections comes first.
fn vendors(counters: &Counters) -> Vec<VendorRow> {
    let row = |(vendor, counts): (&String, &VendorCounts)| VendorRow { vendor: vendor.clone(), counts: *counts };
    let mut rows: Vec<_> = counters.vendors.iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.counts.connections.ai()));
    rows
}

/// Unknown ones come first, then the one seen last.
fn accounts(counters: &Counters) -> Vec<AccountRow> {
    let row = |(key, seen): (&AccountKey, &AccountSeen)| AccountRow { key: key.clone(), seen: *seen };
    let mut rows: Vec<_> = counters.accounts.iter().map(row).collect();
    rows.sort_by_key(|row| (row.seen.known, std::cmp::Reverse(row.seen.last_seen)));
    rows
}

fn shadows(counters: &Counters) -> Vec<ShadowRow> {
    let row = |(key, seen): (&ShadowKey, &ShadowSeen)| ShadowRow { key: key.clone(), seen: *seen };
    let mut rows: Vec<_> = counters.shadows.iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.seen.last_seen));
    rows
}

/// The most frequent kind comes first.
fn findings(counters: &Counters) -> Vec<FindingRow> {
    let rows = counters.findings.iter();
    let mut rows: Vec<_> =
        rows.map(|((kind, kb), count)| FindingRow { kind: kind.clone(), kb: *kb, count: *count }).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.count));
    rows
}
