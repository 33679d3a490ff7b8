//! A file on a web server, by plain HTTP/1.1 (RFC 9112): what comes is checked against a signature, so the way it comes
//! needs no protection of its own. The server may be anybody: everything it says is bounded, and so is the time it takes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::name::{self, NameError};
use super::{Source, SourceError};

const CONNECT: Duration = Duration::from_secs(5);
/// Silence for this long ends it.
const SILENCE: Duration = Duration::from_secs(20);
/// A server that drips a byte now and then ends after this.
const LONGEST: Duration = Duration::from_secs(900);
const LONGEST_URL: usize = 512;
const LONGEST_ANSWER: usize = 8 << 10;
const MOST_FIELDS: usize = 64;

/// The port of plain HTTP.
const PORT: u16 = 80;

/// Why an address is none that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the address is not of the form http://192.0.2.1:8000/name.update")]
pub struct UrlError;

/// `http://host[:port]/path`, where the host is an address or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    path: String,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = text.strip_prefix("http://").filter(|_| text.len() <= LONGEST_URL).ok_or(UrlError)?;
        let (server, path) = rest.split_once('/').ok_or(UrlError)?;
        let (host, port) = server.split_once(':').map_or(Ok((server, PORT)), |(host, port)| {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            port.parse().ok().filter(|port| digits && *port > 0).map(|port| (host, port)).ok_or(UrlError)
        })?;
        // A space or a line's end would begin another part of the request.
        let clean = path.bytes().all(|byte| byte.is_ascii_graphic());
        // What looks like an address must be one: nobody is asked for a name of numbers.
        let numbers = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let known = if numbers { host.parse::<Ipv4Addr>().is_ok() } else { name::is_name(host) };
        let url = || Self { host: host.to_owned(), port, path: format!("/{path}") };
        (clean && known).then(url).ok_or(UrlError)
    }
}

impl Url {
    /// Where to knock.
    fn server(&self, resolvers: &[Ipv4Addr]) -> Result<SocketAddrV4, NameError> {
        let address = self.host.parse().or_else(|_| name::resolve(&self.host, resolvers))?;
        Ok(SocketAddrV4::new(address, self.port))
    }
}

/// One file on a server.
#[derive(Clone, Debug)]
pub struct Web {
    url: Url,
    resolvers: Vec<Ipv4Addr>,
    longest: Duration,
}

impl Web {
    /// A file at an address; `resolvers` are asked where that has a name.
    pub fn new(url: Url, resolvers: Vec<Ipv4Addr>) -> Self {
        Self { url, resolvers, longest: LONGEST }
    }
}

impl Source for Web {
    type Reader = Body;

    fn open(&self) -> Result<(Body, u64), SourceError> {
        let end = Instant::now() + self.longest;
        let server = self.url.server(&self.resolvers)?;
        let mut stream = TcpStream::connect_timeout(&server.into(), CONNECT)?;
        stream.set_read_timeout(Some(SILENCE.min(self.longest)))?;
        stream.set_write_timeout(Some(SILENCE))?;
        let Url { host, port, path } = &self.url;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut body = Body { stream, early: Vec::new(), given: 0, end };
        let length = body.read_answer()?;
        Ok((body, length))
    }
}

/// What follows the answer's head.
#[derive(Debug)]
pub struct Body {
    stream: TcpStream,
    /// What came together with the head.
    early: Vec<u8>,
    given: usize,
    end: Instant,
}

impl Body {
    /// Reads the answer's head; the length that it promises.
    fn read_answer(&mut self) -> Result<u64, SourceError> {
        let mut head = Vec::new();
        loop {
            let mut piece = [0; 1024];
            let count = self.read_in_time(&mut piece)?;
            if count == 0 || head.len() + count > LONGEST_ANSWER {
                return Err(SourceError::Answer);
            }
            head.extend_from_slice(&piece[..count]);
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut answer = httparse::Response::new(&mut fields);
            match answer.parse(&head).map_err(|_| SourceError::Answer)? {
                httparse::Status::Partial => {}
                httparse::Status::Complete(end) => {
                    let length = length(&answer)?;
                    self.early = head.split_off(end);
                    return Ok(length);
                }
            }
        }
    }

    fn read_in_time(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.read(buffer)
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let early = &self.early[self.given..];
        if early.is_empty() {
            return self.read_in_time(buffer);
        }
        let count = early.len().min(buffer.len());
        buffer[..count].copy_from_slice(&early[..count]);
        self.given += count;
        Ok(count)
    }
}

/// One length, said once; a body in chunks has none.
fn length(answer: &httparse::Response<'_, '_>) -> Result<u64, SourceError> {
    match answer.code {
        Some(200) => {}
        Some(code) => return Err(SourceError::Status(code)),
        None => return Err(SourceError::Answer),
    }
    let named = |name: &'static str| answer.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
    let mut lengths = named("content-length");
    let (Some(field), None, None) = (lengths.next(), lengths.next(), named("transfer-encoding").next()) else {
        return Err(SourceError::Answer);
    };
    let digits = std::str::from_utf8(field.value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).ok_or(SourceError::Answer)
}

#[cfg(test)]
mod tests;
