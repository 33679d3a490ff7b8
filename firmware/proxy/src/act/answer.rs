//! The few plain HTTP answers that the proxy gives by itself. Each one closes the connection.

use gate_core::HostName;
use tokio::net::TcpStream;

use super::refuse;
use crate::meter::Meter;

/// An answer with a sentence for people.
pub(crate) struct Answer {
    status: &'static str,
    /// A whole header line with its line break, or nothing.
    header: String,
    media: &'static str,
    text: String,
}

const TEXT: &str = "text/plain; charset=utf-8";

/// What a client behind a CONNECT proxy waits for before it speaks TLS.
pub(crate) const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl Answer {
    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self { status: "400 Bad Request", header: String::new(), media: TEXT, text: text.into() }
    }

    pub(crate) fn forbidden(text: impl Into<String>) -> Self {
        Self { status: "403 Forbidden", header: String::new(), media: TEXT, text: text.into() }
    }

    /// Asks who it is (RFC 9110 section 15.5.8).
    pub(crate) fn authenticate(text: impl Into<String>) -> Self {
        Self {
            status: "407 Proxy Authentication Required",
            header: "Proxy-Authenticate: Basic realm=\"Nano-Gate\", charset=\"UTF-8\"\r\n".to_owned(),
            media: TEXT,
            text: text.into(),
        }
    }

    pub(crate) fn too_many(text: impl Into<String>) -> Self {
        Self { status: "429 Too Many Requests", header: String::new(), media: TEXT, text: text.into() }
    }

    pub(crate) fn only_connect() -> Self {
        let text = "This proxy only understands CONNECT, for ports 443 and 80.";
        Self {
            status: "405 Method Not Allowed",
            header: "Allow: CONNECT\r\n".to_owned(),
            media: TEXT,
            text: text.to_owned(),
        }
    }

    pub(crate) fn misdirected(text: impl Into<String>) -> Self {
        Self { status: "421 Misdirected Request", header: String::new(), media: TEXT, text: text.into() }
    }

    pub(crate) fn head_too_large() -> Self {
        let text = "The request head is too large.";
        Self {
            status: "431 Request Header Fields Too Large",
            header: String::new(),
            media: TEXT,
            text: text.to_owned(),
        }
    }

    /// To the same place behind https. `host` is a parsed name or address and `path` came through the head parser, so
    /// neither can break out of its line.
    pub(crate) fn to_https(host: &str, path: &str) -> Self {
        let header = format!("Location: https://{host}{path}\r\n");
        Self {
            status: "308 Permanent Redirect",
            header,
            media: TEXT,
            text: "This is only served over https.".to_owned(),
        }
    }

    /// What somebody sees who types the puck's address into a browser before anything is set up. The page itself is behind
    /// https, with a certificate that no browser knows yet; somebody who was not told turns back there.
    pub(crate) fn landing(host: &str) -> Self {
        let text = format!(
            "Nano-Gate is here and works.\n\n\
             What to do next:\n\
             1. Open https://{host}/ and accept the certificate: this device made it, and your browser cannot know it yet.\n\
             2. Enter the claim code. It stands in CLAIM-CODE.txt on the card's partition NANOGATE, and on the console;\n\
                a short press of the device's button does as well, for two minutes.\n\
             3. Name this device as the DNS server in your router's DHCP settings."
        );
        Self { status: "200 OK", header: String::new(), media: TEXT, text }
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self { status: "404 Not Found", header: String::new(), media: TEXT, text: text.into() }
    }

    /// The script of [`pac`](super::pac).
    pub(crate) fn pac(script: String) -> Self {
        let media = "application/x-ns-proxy-autoconfig";
        Self { status: "200 OK", header: String::new(), media, text: script }
    }

    pub(crate) fn bad_gateway(host: &HostName, why: impl std::fmt::Display) -> Self {
        Self { status: "502 Bad Gateway", header: String::new(), media: TEXT, text: format!("{host}: {why}.") }
    }

    /// Writes the answer and closes.
    pub(crate) async fn send(self, mut stream: TcpStream, meter: &Meter) {
        refuse::say(&mut stream, meter, &self.render()).await;
        refuse::close(stream).await;
    }

    fn render(&self) -> Vec<u8> {
        let Self { status, header, media, text } = self;
        let len = text.len() + 1;
        format!(
            "HTTP/1.1 {status}\r\n{header}Content-Type: {media}\r\nContent-Length: {len}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{text}\n"
        )
        .into_bytes()
    }
}
