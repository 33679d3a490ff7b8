//! What is known of each client, in a few short lists.

use std::collections::HashMap;
use std::net::IpAddr;

use gate_core::{FallbackCause, HostName, UnixMicros};
use tokio_util::sync::CancellationToken;

use super::runtime::Runtime;
use super::{Fallback, Who};

/// Clients that anything is kept of: an office, and then some.
pub(super) const CLIENTS: usize = 1024;
/// Entries in each list of one client. A client that shows ever new kinds of programs fills its own lists only.
pub(super) const EACH: usize = 16;
/// Two refusals within this time are meant.
const WITHIN_MICROS: u64 = 60 * 1_000_000;

#[derive(Debug, Default)]
pub(super) struct Table(HashMap<IpAddr, Client>);

/// One client; each list has its oldest entry first.
#[derive(Debug, Default)]
struct Client {
    seen: UnixMicros,
    standing: Vec<Standing>,
    /// Refused once, and when.
    marks: Vec<(HostName, String, UnixMicros)>,
    /// Programs that sent a request to that host: when they close without one they have changed their mind.
    takers: Vec<(HostName, String)>,
    /// What programs said they are.
    agents: Vec<(String, Runtime)>,
}

/// What stands, and what is cut when it does no longer.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) fallback: Fallback,
    pub(super) cut: CancellationToken,
}

impl Table {
    pub(super) fn standing(&self, client: IpAddr) -> Option<&[Standing]> {
        self.0.get(&client).map(|client| client.standing.as_slice()).filter(|standing| !standing.is_empty())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Fallback> {
        self.0.values().flat_map(|client| client.standing.iter().map(|one| &one.fallback))
    }

    /// Notes a refusal; whether it is the second one within a minute, and there is a place for what follows from that.
    pub(super) fn mark(&mut self, who: &Who, cause: FallbackCause, now: UnixMicros) -> bool {
        let Some(client) = self.client(who.client, now) else { return false };
        // Browsers open connections that they then have no use for.
        if cause == FallbackCause::Closed && client.takers.iter().any(|(host, ja4)| who.is(host, ja4)) {
            return false;
        }
        let mark = client.marks.iter().position(|(host, ja4, _)| who.is(host, ja4));
        let before = mark.map(|at| client.marks.remove(at).2);
        let again = before.is_some_and(|at| at <= now && now.0 - at.0 <= WITHIN_MICROS);
        if !again {
            push(&mut client.marks, (who.host.clone(), who.ja4.clone(), now));
        }
        client.forget_what_is_over(now);
        again && client.standing.len() < EACH
    }

    pub(super) fn runtime(&self, who: &Who) -> Option<Runtime> {
        let agents = &self.0.get(&who.client)?.agents;
        agents.iter().find(|(ja4, _)| *ja4 == who.ja4).map(|(_, runtime)| *runtime)
    }

    pub(super) fn taken(&mut self, who: &Who, agent: Option<Runtime>, now: UnixMicros) {
        let Some(client) = self.client(who.client, now) else { return };
        client.marks.retain(|(host, ja4, _)| !who.is(host, ja4));
        client.takers.retain(|(host, ja4)| !who.is(host, ja4));
        push(&mut client.takers, (who.host.clone(), who.ja4.clone()));
        if let Some(agent) = agent {
            client.agents.retain(|(ja4, _)| *ja4 != who.ja4);
            push(&mut client.agents, (who.ja4.clone(), agent));
        }
    }

    /// Lets it stand, in the place of an equal one, unless its client has too many.
    pub(super) fn put(&mut self, fallback: Fallback, now: UnixMicros) {
        let Some(client) = self.client(fallback.client, now) else { return };
        client.forget_what_is_over(now);
        client.standing.retain(|one| one.fallback.id != fallback.id);
        if client.standing.len() < EACH {
            client.standing.push(Standing { fallback, cut: CancellationToken::new() });
        }
    }

    pub(super) fn take(&mut self, id: &str) -> Option<Standing> {
        self.0.values_mut().find_map(|client| {
            let at = client.standing.iter().position(|one| one.fallback.id == id)?;
            Some(client.standing.remove(at))
        })
    }

    /// What is kept of this client. When there are too many, the one unheard of for longest that nothing stands for makes
    /// room; when something stands for all of them, there is none.
    fn client(&mut self, address: IpAddr, now: UnixMicros) -> Option<&mut Client> {
        if self.0.len() >= CLIENTS && !self.0.contains_key(&address) {
            self.0.values_mut().for_each(|client| client.forget_what_is_over(now));
            let idle = self.0.iter().filter(|(_, client)| client.standing.is_empty());
            let oldest = idle.min_by_key(|(_, client)| client.seen).map(|(address, _)| *address)?;
            self.0.remove(&oldest);
        }
        let client = self.0.entry(address).or_default();
        client.seen = now;
        Some(client)
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        let of = |client: &Client| {
            let lists = [client.standing.len(), client.marks.len(), client.takers.len(), client.agents.len()];
            lists.into_iter().max().unwrap_or_default()
        };
        (self.0.len(), self.0.values().map(of).max().unwrap_or_default())
    }
}

impl Client {
    fn forget_what_is_over(&mut self, now: UnixMicros) {
        self.standing.retain(|one| one.fallback.stands(now));
    }
}

impl Who {
    fn is(&self, host: &HostName, ja4: &str) -> bool {
        self.host == *host && self.ja4 == ja4
    }
}

/// Appends to a list of one client; the oldest makes room.
fn push<T>(list: &mut Vec<T>, one: T) {
    if list.len() == EACH {
        list.remove(0);
    }
    list.push(one);
}
