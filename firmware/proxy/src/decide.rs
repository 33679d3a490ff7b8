//! Decide: one pure function from what was understood to what is done.

pub(crate) mod guard;
mod passes;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use gate_core::{ConnectionFacts, Entry, GroupKind, HostName, Mode, Reason, UnixMicros, Verdict};

pub use passes::{Pass, Passes};

use crate::fallback::Fallbacks;
use crate::parse::hello::Hello;
use crate::ports::{Mint, Snapshot};
use crate::switch::{self, Switch};

/// Where a connection was heading when it came to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towards<'a> {
    /// One of the puck's own addresses: steered by DNS, or somebody looks for the admin page.
    Own,
    /// A provider's address: redirected by the kernel in gateway mode.
    Elsewhere,
    /// The name in a CONNECT request.
    Named(&'a HostName),
}

/// What is done with a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Refuse(Reason),
    /// Handed to the admin listener at this address.
    Admin(SocketAddr),
    /// Connected to the host: inspected, watched, or passed on because it is not AI.
    Connect {
        host: HostName,
        entry: Option<Entry>,
        mode: Mode,
    },
}

/// Everything a decision depends on besides the connection itself.
pub(crate) struct Circumstances<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) ech_public_names: &'a [HostName],
    /// AI connections must end in a record; while none can be written none starts.
    pub(crate) journal_broken: bool,
    pub(crate) switch: Switch,
    pub(crate) fallbacks: &'a Fallbacks,
    pub(crate) mint: &'a dyn Mint,
    pub(crate) client: IpAddr,
    /// What it has proven to the CONNECT proxy to be.
    pub(crate) name: Option<&'a str>,
    /// The address that the connection was meant for, as far as it is known.
    pub(crate) dst: Option<IpAddr>,
    /// Whether public resolvers are out of bounds.
    pub(crate) refuse_resolvers: bool,
    pub(crate) now: UnixMicros,
}

impl Circumstances<'_> {
    /// Decides over a connection whose ClientHello was read.
    pub(crate) fn course(&self, towards: Towards<'_>, hello: &Hello) -> Course {
        if towards == Towards::Elsewhere && self.is_resolver(hello) {
            return Course::Refuse(Reason::EncryptedDns);
        }
        let host = match &hello.sni {
            Some(Ok(host)) => host,
            Some(Err(_)) => return Course::Refuse(Reason::BadSni),
            // A browser that was given the puck's address as a literal names nobody.
            None if towards == Towards::Own => return self.admin(Reason::NoSni),
            None => return Course::Refuse(Reason::NoSni),
        };
        if let Towards::Named(asked) = towards
            && asked != host
        {
            return Course::Refuse(Reason::HostMismatch);
        }
        // The name in the clear is only the cover of another one, which we cannot know.
        if hello.ech && self.ech_public_names.contains(host) {
            return Course::Refuse(Reason::NotInCatalogue);
        }
        match self.named(towards, host) {
            Course::Connect { host, entry, mode: Mode::Inspected } if self.falls_back(&host, entry.as_ref(), hello) => {
                Course::Connect { host, entry, mode: Mode::Watched }
            }
            course => course,
        }
    }

    /// Whether a connection leads to the address of a public resolver that is out of bounds, whatever name it shows. Only a
    /// provider's name means something else there.
    fn is_resolver(&self, hello: &Hello) -> bool {
        let catalogue = &self.snapshot.catalogue;
        let steered = || match &hello.sni {
            Some(Ok(host)) => catalogue.lookup(host).is_some_and(|entry| entry.steered),
            _ => false,
        };
        self.refuse_resolvers && self.dst.is_some_and(|dst| catalogue.resolver_at(dst).is_some()) && !steered()
    }

    /// Whether this client does not take our certificate, and may be watched instead.
    fn falls_back(&self, host: &HostName, entry: Option<&Entry>, hello: &Hello) -> bool {
        let facts = self.facts(host, entry);
        self.fallbacks.standing((self.client, host), || hello.print.ja4(), self.now).is_some()
            && self.snapshot.judge.may_watch(&facts)
    }

    /// Decides over a connection by its name alone.
    pub(crate) fn named(&self, towards: Towards<'_>, host: &HostName) -> Course {
        if self.snapshot.place.own_names.contains(host) && towards != Towards::Elsewhere {
            return self.admin(Reason::NotInCatalogue);
        }
        let entry = self.snapshot.catalogue.lookup(host);
        if entry.is_none() && towards == Towards::Own {
            return Course::Refuse(Reason::NotInCatalogue);
        }
        if self.refuse_resolvers && entry.is_some_and(|entry| entry.kind == GroupKind::Resolver) {
            return Course::Refuse(Reason::EncryptedDns);
        }
        if entry.is_some() && self.journal_broken {
            return Course::Refuse(Reason::Internal);
        }
        if entry.is_some() && self.switch == Switch::Frozen {
            return Course::Refuse(switch::freeze());
        }
        let facts = self.facts(host, entry);
        let mode = match (self.snapshot.judge.connection(&facts), entry) {
            (Verdict::Refuse(reason), _) => return Course::Refuse(reason),
            // What is not AI is never opened, whatever the policy says.
            (Verdict::Splice | Verdict::Terminate, None) => Mode::Passed,
            (Verdict::Splice, Some(_)) => Mode::Watched,
            (Verdict::Terminate, Some(_)) if self.switch == Switch::Bypassed => Mode::Watched,
            (Verdict::Terminate, Some(_)) if self.mint.may_vouch(host) => Mode::Inspected,
            // A provider that came after the root was made: no client would take a certificate for it.
            (Verdict::Terminate, Some(_)) if self.snapshot.judge.may_watch(&facts) => Mode::Watched,
            (Verdict::Terminate, Some(_)) => return Course::Refuse(Reason::Policy("certificate authority".to_owned())),
        };
        Course::Connect { host: host.clone(), entry: entry.cloned(), mode }
    }

    fn facts<'f>(&'f self, host: &'f HostName, entry: Option<&'f Entry>) -> ConnectionFacts<'f> {
        ConnectionFacts { client: self.client, name: self.name, host, entry, now: self.now }
    }

    fn admin(&self, otherwise: Reason) -> Course {
        self.snapshot.place.admin.map_or(Course::Refuse(otherwise), Course::Admin)
    }
}
