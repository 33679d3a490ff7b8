//! The corridor itself: what happens to one connection, from its first byte to its record.

mod explicit;
mod plain;
mod steered;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::{ClientAddr, Entry, HostName, Mode, OrigDst, Reason, ShadowSign};
use tokio::net::TcpStream;

use crate::act::{admin, dial, inspect, refuse, splice};
use crate::decide::{Circumstances, Course, Pass};
use crate::fallback::runtime::Runtime;
use crate::meter::Meter;
use crate::parse::hello::{Hello, Limits};
use crate::ports::Snapshot;
use crate::record::Pending;
use crate::session::{Accepted, Closed, Session};
use crate::shadow;
use crate::shared::Shared;
use crate::switch;

/// By which way a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Redirected TLS, or TLS to our own address.
    Tls,
    /// The CONNECT proxy.
    Explicit,
    /// Redirected plain HTTP.
    Http,
}

/// A connection on its way: everything but the stream, which is handed from station to station.
struct Visitor {
    shared: Arc<Shared>,
    id: u64,
    client: ClientAddr,
    /// What it has proven to the CONNECT proxy to be.
    name: Option<Arc<str>>,
    /// The token by which it has.
    pass: Option<Pass>,
    dst: Option<OrigDst>,
    meter: Arc<Meter>,
    snapshot: Arc<Snapshot>,
    pending: Pending,
}

/// Serves one connection to its end.
pub(crate) async fn walk(shared: Arc<Shared>, door: Door, accepted: Accepted, pending: Pending) {
    let closing = shared.closing.clone();
    let Accepted { id, client, dst, stream, at: _, meter, snapshot } = accepted;
    let mut visitor = Visitor { shared, id, client, name: None, pass: None, dst, meter, snapshot, pending };
    let visit = async {
        match door {
            Door::Tls => steered::visit(&mut visitor, stream).await,
            Door::Explicit => explicit::visit(&mut visitor, stream).await,
            Door::Http => plain::visit(&mut visitor, stream).await,
        }
    };
    tokio::select! {
        closed = visit => visitor.pending.close(closed),
        // The pending record is dropped, which writes it as cut by the shutdown.
        () = closing.cancelled() => {}
    }
}

impl Visitor {
    fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            snapshot: &self.snapshot,
            ech_public_names: &self.shared.ech_public_names,
            journal_broken: self.shared.journal_broken(),
            switch: self.shared.switch.stands(),
            fallbacks: &self.shared.fallbacks,
            mint: &*self.shared.ports.mint,
            client: self.client.ip(),
            name: self.name.as_deref(),
            dst: self.dst.map(|dst| dst.ip().to_canonical()),
            refuse_resolvers: self.shared.config.refuse_resolvers,
            now: self.shared.now(),
        }
    }

    fn hello_limits(&self) -> Limits {
        Limits { max_bytes: self.shared.config.hello_max_bytes, max_records: self.shared.config.hello_max_records }
    }

    /// Does what was decided over a TLS client. `raw` is everything read from it since its ClientHello began.
    async fn follow(&mut self, course: Course, client: TcpStream, hello: Hello, raw: Bytes) -> Closed {
        if let Some(Ok(host)) = &hello.sni {
            self.pending.named(host, &self.snapshot.catalogue);
        }
        match course {
            Course::Refuse(reason) => {
                if reason == Reason::EncryptedDns {
                    self.pending.at_resolver(&self.snapshot.catalogue);
                }
                self.refuse(client, reason).await
            }
            Course::Admin(admin) => self.hand_over(admin, client, &raw).await,
            Course::Connect { host, entry, mode: Mode::Inspected } => {
                let session = self.session(host, entry, hello);
                self.inspect(session, client, raw).await
            }
            Course::Connect { host, entry, mode } => match self.dial(&host, self.shared.config.upstream_port).await {
                Err(reason) => self.refuse(client, reason).await,
                Ok(server) => {
                    self.pending.connected(mode);
                    let shared = Arc::clone(&self.shared);
                    let revoked = self.revocation(&host, mode, &hello);
                    tokio::select! {
                        closed = self.connect((host, entry, mode), hello, (client, raw), server) => closed,
                        () = shared.switch.frozen(mode) => {
                            Closed { mode, reason: Some(switch::freeze()), alpn: None }
                        }
                        () = revoked => {
                            Closed { mode, reason: Some(Reason::Policy("fallback revoked".to_owned())), alpn: None }
                        }
                    }
                }
            },
        }
    }

    /// Ends when a connection that is watched by a fall-back must be cut because that was revoked.
    fn revocation(&self, host: &HostName, mode: Mode, hello: &Hello) -> impl Future<Output = ()> + use<> {
        let standing = (mode == Mode::Watched)
            .then(|| {
                let who = (self.client.ip(), host);
                self.shared.fallbacks.standing(who, || hello.print.ja4(), self.shared.now())
            })
            .flatten();
        async move {
            match standing {
                Some(cut) => cut.cancelled_owned().await,
                None => std::future::pending().await,
            }
        }
    }

    async fn inspect(&mut self, session: Session, client: TcpStream, raw: Bytes) -> Closed {
        let server = match self.provider(&session).await {
            Ok(server) => server,
            Err(reason) => return self.refuse(client, reason).await,
        };
        self.pending.connected(Mode::Inspected);
        let shared = Arc::clone(&self.shared);
        tokio::select! {
            closed = inspect::run(Arc::clone(&self.shared), session, client, raw, server) => closed,
            () = shared.switch.frozen(Mode::Inspected) => {
                Closed { mode: Mode::Inspected, reason: Some(switch::freeze()), alpn: None }
            }
        }
    }

    /// The provider over what the same client left, where its name still leads there, or dialled.
    async fn provider(&self, session: &Session) -> Result<inspect::Server, Reason> {
        let shared = &self.shared;
        let way = dial::find(shared, &session.host, shared.config.upstream_port).await.map_err(not_connected)?;
        match inspect::take_over(shared, session, &way) {
            Some(left) => Ok(inspect::Server::Left(left)),
            None => way.connect().await.map(inspect::Server::New).map_err(not_connected),
        }
    }

    async fn connect(
        &mut self,
        (host, entry, mode): (HostName, Option<Entry>, Mode),
        hello: Hello,
        (client, raw): (TcpStream, Bytes),
        server: TcpStream,
    ) -> Closed {
        if mode == Mode::Passed && entry.is_none() && gate_dialect::name_looks_like_ai(&host) {
            shadow::tell(&self.shared, self.id, self.client.ip(), &host, ShadowSign::Name);
        }
        if mode == Mode::Passed && hello.ech {
            self.shared.counters.passed_with_ech.add(1);
        }
        let reason = splice::relay(&self.shared, client, server, &raw, &self.meter).await;
        Closed { mode, reason, alpn: hello.offered() }
    }

    fn session(&self, host: HostName, entry: Option<Entry>, hello: Hello) -> Session {
        Session {
            id: self.id,
            client: self.client,
            name: self.name.clone(),
            pass: self.pass.clone(),
            host,
            entry,
            ja4: hello.print.ja4(),
            runtime: Runtime::of_hello(&hello),
            alpn: hello.alpn,
            snapshot: Arc::clone(&self.snapshot),
            meter: Arc::clone(&self.meter),
        }
    }

    async fn hand_over(&mut self, admin: SocketAddr, client: TcpStream, raw: &[u8]) -> Closed {
        let patience = self.shared.config.connect_timeout();
        let server = match admin::connect(admin, self.client, self.dst, patience).await {
            Ok(server) => server,
            Err(error) => {
                tracing::warn!(%error, %admin, "the admin listener does not answer");
                return self.refuse(client, Reason::Internal).await;
            }
        };
        self.pending.connected(Mode::Admin);
        let reason = splice::relay(&self.shared, client, server, raw, &self.meter).await;
        Closed { mode: Mode::Admin, reason, alpn: None }
    }

    async fn dial(&self, host: &HostName, port: u16) -> Result<TcpStream, Reason> {
        dial::dial(&self.shared, host, port).await.map_err(not_connected)
    }

    async fn refuse(&self, client: TcpStream, reason: Reason) -> Closed {
        refuse::tls(client, &self.meter, &reason).await;
        Closed::refused(reason)
    }
}

fn not_connected(error: dial::DialError) -> Reason {
    tracing::info!(%error, "not connected");
    error.reason()
}
