//! Record: every connection leaves one line in the journal, but for this machine's own looks whether the door opens.

use std::sync::Arc;

use gate_core::{Catalogue, ClientAddr, ConnectionEvent, Event, HostName, Mode, OrigDst, Reason};
use tokio::time::Instant;

use crate::meter::Meter;
use crate::session::{Accepted, Closed};
use crate::shared::Shared;

/// The record of a connection that is still open. **Invariant:** dropping it writes it, whatever happened: a task that
/// panics or is cut short cannot lose it, and nothing can write it twice.
pub(crate) struct Pending {
    shared: Arc<Shared>,
    id: u64,
    client: ClientAddr,
    dst: Option<OrigDst>,
    at: Instant,
    meter: Arc<Meter>,
    host: Option<HostName>,
    vendor: Option<String>,
    connect_micros: Option<u64>,
    /// What is being done, should it never come to an end of its own.
    mode: Mode,
    closed: Option<Closed>,
    worth_a_record: bool,
}

impl Pending {
    pub(crate) fn open(shared: &Arc<Shared>, accepted: &Accepted) -> Self {
        shared.counters.open.add(1);
        Self {
            shared: Arc::clone(shared),
            id: accepted.id,
            client: accepted.client,
            dst: accepted.dst,
            at: accepted.at,
            meter: Arc::clone(&accepted.meter),
            host: None,
            vendor: None,
            connect_micros: None,
            mode: Mode::Refused,
            closed: None,
            worth_a_record: true,
        }
    }

    /// The name asked for is known.
    pub(crate) fn named(&mut self, host: &HostName, catalogue: &Catalogue) {
        self.vendor = catalogue.lookup(host).map(|entry| entry.vendor.clone());
        self.host = Some(host.clone());
    }

    /// It leads to a public resolver, whatever name it shows.
    pub(crate) fn at_resolver(&mut self, catalogue: &Catalogue) {
        let known = self.dst.and_then(|dst| catalogue.resolver_at(dst.ip().to_canonical()));
        self.vendor = known.map(str::to_owned).or_else(|| self.vendor.take());
    }

    /// The server's TCP connection stands, or the admin's.
    pub(crate) fn connected(&mut self, mode: Mode) {
        self.connect_micros = Some(micros_since(self.at));
        self.mode = mode;
    }

    /// Nobody but this machine came, and said nothing: a watchdog that looks every second would fill the journal, and wear
    /// out the flash beneath it, with lines about itself.
    pub(crate) fn was_a_probe(&mut self) {
        self.worth_a_record = false;
    }

    /// The connection came to its end.
    pub(crate) fn close(mut self, closed: Closed) {
        self.closed = Some(closed);
    }

    fn event(&mut self) -> ConnectionEvent {
        let closed = self.closed.take().unwrap_or_else(|| {
            let reason = self.shared.cutting().unwrap_or(Reason::Internal);
            Closed { mode: self.mode, reason: Some(reason), alpn: None }
        });
        ConnectionEvent {
            id: self.id,
            client: self.client.0,
            dst: self.dst.map(|dst| dst.0),
            host: self.host.take().map(String::from),
            vendor: self.vendor.take(),
            mode: closed.mode,
            reason: closed.reason,
            alpn: closed.alpn,
            bytes_up: self.meter.up(),
            bytes_down: self.meter.down(),
            connect_micros: self.connect_micros,
            duration_micros: micros_since(self.at),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let event = self.event();
        let counters = &self.shared.counters;
        counters.open.sub(1);
        counters.of(event.mode).add(1);
        counters.bytes_up.add(event.bytes_up);
        counters.bytes_down.add(event.bytes_down);
        tracing::debug!(mode = ?event.mode, reason = ?event.reason, up = event.bytes_up, down = event.bytes_down, "closed");
        if self.worth_a_record {
            // A failure is counted and logged by `append`, and makes the next AI connection fail closed.
            let _ = self.shared.append(&Event::Connection(event));
        }
    }
}

pub(crate) fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
