//! The shapes one connection takes along the corridor: [`Accepted`], then [`Session`], then [`Closed`].

use std::net::IpAddr;
use std::sync::Arc;

use gate_core::{ClientAddr, ConnectionFacts, Entry, HostName, Mode, OrigDst, Reason, UnixMicros};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::decide::Pass;
use crate::fallback::Who;
use crate::fallback::runtime::Runtime;
use crate::meter::Meter;
use crate::ports::Snapshot;

/// A connection that came in by one of our doors; nothing of it has been read.
pub(crate) struct Accepted {
    pub(crate) id: u64,
    pub(crate) client: ClientAddr,
    /// Where it was meant to go; the CONNECT proxy learns that only from the request.
    pub(crate) dst: Option<OrigDst>,
    pub(crate) stream: TcpStream,
    pub(crate) at: Instant,
    pub(crate) meter: Arc<Meter>,
    pub(crate) snapshot: Arc<Snapshot>,
}

/// A connection that was understood: who asks for whom.
pub(crate) struct Session {
    /// Names the connection in the journal.
    pub(crate) id: u64,
    pub(crate) client: ClientAddr,
    /// What it has proven to the CONNECT proxy to be.
    pub(crate) name: Option<Arc<str>>,
    /// The token by which it has.
    pub(crate) pass: Option<Pass>,
    pub(crate) host: HostName,
    /// `None`: not AI; then it is only ever passed on untouched.
    pub(crate) entry: Option<Entry>,
    /// The application protocols the client offered, in its order.
    pub(crate) alpn: Vec<Vec<u8>>,
    /// The kind of TLS program, and what it seems to be.
    pub(crate) ja4: String,
    pub(crate) runtime: Runtime,
    /// What it was judged by.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Counts bytes on the client's wire; live, so that the record is exact even when the task is cut.
    pub(crate) meter: Arc<Meter>,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) mode: Mode,
    /// `None`: both sides said good-bye.
    pub(crate) reason: Option<Reason>,
    /// The protocol agreed with the server, or those the client offered.
    pub(crate) alpn: Option<String>,
}

impl Session {
    /// Who this is to the table of fall-backs.
    pub(crate) fn who(&self) -> Who {
        Who { client: self.client.ip(), host: self.host.clone(), ja4: self.ja4.clone() }
    }

    /// Who it is to the policy, and to what is kept for it alone.
    pub(crate) fn person(&self) -> (IpAddr, Option<&str>) {
        (self.client.ip(), self.name.as_deref())
    }

    /// What the policy judges by.
    pub(crate) fn facts<'a>(
        &'a self,
        host: &'a HostName,
        entry: Option<&'a Entry>,
        now: UnixMicros,
    ) -> ConnectionFacts<'a> {
        let (client, name) = self.person();
        ConnectionFacts { client, name, host, entry, now }
    }

    /// The vendor's identifier, such as `openai`; empty for a name outside the catalogue.
    pub(crate) fn vendor(&self) -> &str {
        self.entry.as_ref().map_or("", |entry| &entry.vendor)
    }
}

impl Closed {
    pub(crate) fn refused(reason: Reason) -> Self {
        Self { mode: Mode::Refused, reason: Some(reason), alpn: None }
    }
}
