//! The line that the proxy writes in front of a connection it hands over (PROXY protocol version 1).

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line there is, with CR and LF (section 2.1 of the specification).
const MAX_LINE: usize = 107;

/// Reads the line and nothing after it: TLS begins right there. Byte by byte is good enough for some 50 bytes from our
/// own proxy, and never takes one too many.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<SocketAddr> {
    let mut line = [0; MAX_LINE];
    for end in 0..MAX_LINE {
        line[end] = stream.read_u8().await?;
        if line[..=end].ends_with(b"\r\n") {
            return parse(&line[..end - 1]).ok_or_else(|| io::Error::other("the PROXY line cannot be read"));
        }
    }
    Err(io::Error::other("the PROXY line does not end"))
}

/// `PROXY TCP4 192.0.2.10 192.0.2.53 50000 443` into the first address with the first port.
fn parse(line: &[u8]) -> Option<SocketAddr> {
    let words: Vec<&str> = std::str::from_utf8(line).ok()?.split(' ').collect();
    let ["PROXY", family, source, destination, source_port, destination_port] = words[..] else { return None };
    let (source, destination): (IpAddr, IpAddr) = (source.parse().ok()?, destination.parse().ok()?);
    let v4 = match family {
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    destination_port.parse::<u16>().ok()?;
    let port = source_port.parse().ok()?;
    (source.is_ipv4() == v4 && destination.is_ipv4() == v4).then_some(SocketAddr::new(source, port))
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINE, read};

    async fn parsed(bytes: &[u8]) -> (Option<String>, usize) {
        let mut rest = bytes;
        let address = read(&mut rest).await.ok().map(|address| address.to_string());
        (address, rest.len())
    }

    #[tokio::test]
    async fn the_client_is_named_and_tls_is_left_alone() {
        let line = b"PROXY TCP4 192.0.2.10 192.0.2.53 50000 443\r\n\x16\x03\x01";
        assert_eq!(parsed(line).await, (Some("192.0.2.10:50000".to_owned()), 3));
        let line = b"PROXY TCP6 2001:db8:1::10 2001:db8:1::53 50000 443\r\n";
        assert_eq!(parsed(line).await, (Some("[2001:db8:1::10]:50000".to_owned()), 0));
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        for line in [
            "",
            "\r\n",
            "PROXY UNKNOWN\r\n",
            "PROXY TCP4 192.0.2.10 192.0.2.53 50000\r\n",
            "PROXY TCP4 192.0.2.10 192.0.2.53 70000 443\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n",
            "PROXY TCP6 192.0.2.10 192.0.2.53 50000 443\r\n",
            "PROXY  TCP4 192.0.2.10 192.0.2.53 50000 443\r\n",
            "proxy TCP4 192.0.2.10 192.0.2.53 50000 443\r\n",
            "PROXY TCP4 192.0.2.10 192.0.2.53 50000 443\n",
            "\x16\x03\x01\x02\x00\x01",
        ] {
            assert_eq!(parsed(line.as_bytes()).await.0, None, "{line:?}");
        }
        let (address, left) = parsed(&[b'x'; 500]).await;
        assert_eq!((address, left), (None, 500 - MAX_LINE), "a line without end is given up at its cap");
    }
}
