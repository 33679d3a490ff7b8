use super::HelloError;
use super::cursor::Cursor;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SIGNATURE_ALGORITHMS: u16 = 13;
const SUPPORTED_VERSIONS: u16 = 43;
/// RFC 9849: `encrypted_client_hello`.
const ECH: u16 = 0xfe0d;
/// Its ancestor `encrypted_server_name`, which old clients may still send.
const ESNI: u16 = 0xffce;

/// Browsers send about 20 extensions; the cap keeps the search for repeated ones cheap.
const MAX_EXTENSIONS: usize = 128;
/// Clients offer two or three protocols, or a dozen names of experiments.
const MAX_PROTOCOLS: usize = 64;

/// A ClientHello as it stands in the buffer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientHello<'a> {
    /// The one name of type `host_name`, not yet judged.
    pub(crate) server_name: Option<&'a [u8]>,
    /// GREASE included.
    pub(crate) alpn: Vec<&'a [u8]>,
    /// GREASE included; the legacy version where the extension is absent.
    pub(crate) versions: Vec<u16>,
    pub(crate) ech: bool,
    /// Cipher suites, two bytes each, GREASE included.
    pub(crate) suites: &'a [u8],
    /// Types of all extensions in the client's order, GREASE included.
    pub(crate) extensions: Vec<u16>,
    /// Signature algorithms, two bytes each, GREASE included.
    pub(crate) signatures: &'a [u8],
}

impl<'a> ClientHello<'a> {
    /// Reads the message without its handshake header. Every length must add up to the last byte.
    pub(crate) fn read(message: &'a [u8]) -> Result<Self, HelloError> {
        let mut cursor = Cursor::new(message);
        let legacy_version = cursor.u16("version")?;
        cursor.take(32, "random")?;
        if cursor.vec8("session id")?.len() > 32 {
            return Err(HelloError::Malformed("a session id longer than 32 bytes"));
        }
        let suites = cursor.vec16("cipher suites")?;
        if suites.is_empty() || suites.len() % 2 != 0 {
            return Err(HelloError::Malformed("cipher suites"));
        }
        if cursor.vec8("compression methods")?.is_empty() {
            return Err(HelloError::Malformed("no compression method"));
        }
        let mut hello = Self { suites, ..Self::default() };
        if !cursor.is_empty() {
            let extensions = cursor.vec16("extensions")?;
            cursor.end("bytes after the extensions")?;
            hello.read_extensions(extensions)?;
        }
        if hello.versions.is_empty() {
            hello.versions.push(legacy_version);
        }
        Ok(hello)
    }

    fn read_extensions(&mut self, bytes: &'a [u8]) -> Result<(), HelloError> {
        let mut cursor = Cursor::new(bytes);
        let mut seen: Vec<u16> = Vec::with_capacity(24);
        while !cursor.is_empty() {
            let kind = cursor.u16("extension type")?;
            let data = cursor.vec16("extension data")?;
            if seen.contains(&kind) {
                return Err(HelloError::Malformed("a repeated extension"));
            }
            if seen.len() == MAX_EXTENSIONS {
                return Err(HelloError::Malformed("more than 128 extensions"));
            }
            seen.push(kind);
            match kind {
                SERVER_NAME => self.server_name = Some(read_server_name(data)?),
                ALPN => self.alpn = read_alpn(data)?,
                SIGNATURE_ALGORITHMS => self.signatures = read_signatures(data)?,
                SUPPORTED_VERSIONS => self.versions = read_versions(data)?,
                ECH | ESNI => self.ech = true,
                _ => {}
            }
        }
        self.extensions = seen;
        Ok(())
    }
}

/// RFC 6066 section 3. Only one name type was ever defined, and a second name would leave open which one counts.
fn read_server_name(data: &[u8]) -> Result<&[u8], HelloError> {
    let mut outer = Cursor::new(data);
    let mut list = Cursor::new(outer.vec16("server name list")?);
    outer.end("bytes after the server name list")?;
    if list.u8("server name type")? != 0 {
        return Err(HelloError::Malformed("a server name that is not a host name"));
    }
    let name = list.vec16("server name")?;
    list.end("more than one server name")?;
    Ok(name)
}

fn read_alpn(data: &[u8]) -> Result<Vec<&[u8]>, HelloError> {
    let mut outer = Cursor::new(data);
    let mut list = Cursor::new(outer.vec16("protocol list")?);
    outer.end("bytes after the protocol list")?;
    let mut names = Vec::with_capacity(2);
    while !list.is_empty() {
        let name = list.vec8("protocol name")?;
        if name.is_empty() {
            return Err(HelloError::Malformed("an empty protocol name"));
        }
        if names.len() == MAX_PROTOCOLS {
            return Err(HelloError::Malformed("more than 64 protocols"));
        }
        names.push(name);
    }
    if names.is_empty() { Err(HelloError::Malformed("an empty protocol list")) } else { Ok(names) }
}

/// RFC 8446 section 4.2.3.
fn read_signatures(data: &[u8]) -> Result<&[u8], HelloError> {
    let mut outer = Cursor::new(data);
    let list = outer.vec16("signature algorithms")?;
    outer.end("bytes after the signature algorithms")?;
    if list.len() % 2 == 0 { Ok(list) } else { Err(HelloError::Malformed("signature algorithms")) }
}

fn read_versions(data: &[u8]) -> Result<Vec<u16>, HelloError> {
    let mut outer = Cursor::new(data);
    let mut list = Cursor::new(outer.vec8("version list")?);
    outer.end("bytes after the version list")?;
    let mut versions = Vec::with_capacity(3);
    while !list.is_empty() {
        versions.push(list.u16("version")?);
    }
    if versions.is_empty() { Err(HelloError::Malformed("an empty version list")) } else { Ok(versions) }
}
