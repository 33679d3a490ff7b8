//! Names that hosts give themselves by multicast DNS (RFC 6762): heard when they announce them, asked for again before they
//! end, and told to whoever asks by plain DNS.

mod heard;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Act;
use crate::decide::is_local;
use crate::parse::{class, kind};

pub use heard::Flood;
pub(crate) use heard::Heard;

/// RFC 6762 section 3.
pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
pub(crate) const PORT: u16 = 5353;
/// Longest message (RFC 6762 section 17).
const MESSAGE_MAX: usize = 9000;
/// How often it is looked which names end soon: thrice in the last fifth of a minute.
const LOOK: Duration = Duration::from_millis(2500);

impl Act {
    /// Listens on one network until `stop`; `spoke` hears who is there.
    async fn listen_mdns(&self, socket: &UdpSocket, spoke: impl Fn(IpAddr), stop: CancellationToken) {
        let mut buffer = vec![0; MESSAGE_MAX];
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                received = socket.recv_from(&mut buffer) => match received {
                    Ok((length, from)) => self.hear(&buffer[..length], from, &spoke),
                    Err(error) => {
                        debug!(%error, "multicast DNS cannot be received");
                        tokio::time::sleep(LOOK).await;
                    }
                },
            }
        }
    }

    fn hear(&self, message: &[u8], from: SocketAddr, spoke: &impl Fn(IpAddr)) {
        let client = from.ip().to_canonical();
        let view = self.view();
        if view.identity.addresses.contains(&client) || !is_local(client, &self.config, &view) {
            return;
        }
        spoke(client);
        // Answers come from the port of the service; whoever else sends some is a forger (RFC 6762 section 11).
        if from.port() == PORT {
            let local = |ip: IpAddr| is_local(ip, &self.config, &view) && !view.identity.addresses.contains(&ip);
            self.heard.lock().take(message, client, local, Instant::now());
        }
    }

    /// Asks for names on every network until `stop`: a host answers on its own.
    async fn refresh_mdns(&self, sockets: &[UdpSocket], stop: CancellationToken) {
        let mut ticks = interval(LOOK);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            loop {
                let due = self.heard.lock().due(Instant::now());
                if due.is_empty() {
                    break;
                }
                let question = question(&due);
                for socket in sockets {
                    if let Err(error) = socket.send_to(&question, (GROUP, PORT)).await {
                        debug!(%error, "multicast DNS cannot be asked");
                    }
                }
            }
        }
    }

    /// Whether hosts that named themselves were left out lately.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.heard.lock().flood(Instant::now())
    }

    /// The names heard and not yet over, and a number that changes with them.
    pub(super) fn announced(&self) -> (u64, Vec<(String, IpAddr, Vec<IpAddr>)>) {
        self.heard.lock().names(Instant::now())
    }
}

/// Listens on every network for as long as `act` serves.
pub(crate) async fn listen(
    act: Arc<Act>,
    sockets: Vec<UdpSocket>,
    spoke: impl Fn(IpAddr) + Clone + Send + Sync,
    stop: CancellationToken,
) {
    let listening = sockets.iter().map(|socket| act.listen_mdns(socket, spoke.clone(), stop.clone()));
    tokio::join!(futures_util::future::join_all(listening), act.refresh_mdns(&sockets, stop.clone()));
}

/// One question for the addresses of each host (RFC 6762 section 5.3).
fn question(labels: &HashSet<String>) -> Vec<u8> {
    let mut message = vec![0; 4];
    let count = u16::try_from(labels.len()).expect("a few are due at once");
    message.extend_from_slice(&count.to_be_bytes());
    message.extend_from_slice(&[0; 6]);
    for label in labels {
        message.push(u8::try_from(label.len()).expect("a label has at most 63 bytes"));
        message.extend_from_slice(label.as_bytes());
        message.extend_from_slice(b"\x05local\x00");
        for word in [kind::ANY, class::IN] {
            message.extend_from_slice(&word.to_be_bytes());
        }
    }
    message
}
