//! Reaches the admin listener on behalf of a client: a PROXY protocol line goes first, then the bytes as they come.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gate_core::{ClientAddr, OrigDst};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Connects to the admin listener and tells it who is there.
pub(crate) async fn connect(
    admin: SocketAddr,
    client: ClientAddr,
    dst: Option<OrigDst>,
    patience: Duration,
) -> io::Result<TcpStream> {
    let connecting = async {
        let mut server = TcpStream::connect(admin).await?;
        server.write_all(proxy_line(client, dst).as_bytes()).await?;
        Ok(server)
    };
    timeout(patience, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The line of PROXY protocol version 1. Behind a CONNECT there is no destination address; the client's own stands for
/// it, because the line needs two of one family.
fn proxy_line(client: ClientAddr, dst: Option<OrigDst>) -> String {
    let (source, from) = (client.ip(), client.0.port());
    let target = dst.map(OrigDst::ip).filter(|target| target.is_ipv4() == source.is_ipv4()).unwrap_or(source);
    let to = dst.map_or(443, OrigDst::port);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    format!("PROXY {family} {source} {target} {from} {to}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_line_names_both_ends_in_one_family() {
        let line = |client: &str, dst: Option<&str>| {
            proxy_line(ClientAddr(client.parse().unwrap()), dst.map(|dst| OrigDst(dst.parse().unwrap())))
        };
        let v4 = "PROXY TCP4 192.0.2.10 192.0.2.53 5000 443\r\n";
        assert_eq!(line("192.0.2.10:5000", Some("192.0.2.53:443")), v4);
        assert_eq!(line("[::ffff:192.0.2.10]:5000", Some("[::ffff:192.0.2.53]:443")), v4);
        let v6 = "PROXY TCP6 2001:db8::a 2001:db8::53 5000 443\r\n";
        assert_eq!(line("[2001:db8::a]:5000", Some("[2001:db8::53]:443")), v6);
        assert_eq!(line("192.0.2.10:5000", None), "PROXY TCP4 192.0.2.10 192.0.2.10 5000 443\r\n");
    }
}
