use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use gate_core::HostName;
use serde::{Deserialize, Serialize};

/// A list of names that are not answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum List {
    /// Read again when it changes.
    File(PathBuf),
    /// Fetched in the background.
    Url(ListUrl),
}

/// Where a list is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListUrl {
    pub(crate) host: ListHost,
    pub(crate) port: u16,
    /// With the question mark and what follows it.
    pub(crate) path: String,
}

/// Who hands a list out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ListHost {
    Name(HostName),
    Address(IpAddr),
}

impl ListUrl {
    /// Reads `https://HOST[:PORT]/PATH`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("https://")?;
        let (authority, path) = rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
            _ => (authority, 443),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = match bare.parse() {
            Ok(address) => ListHost::Address(address),
            Err(_) => ListHost::Name(HostName::parse(host.as_bytes()).ok()?),
        };
        path.bytes().all(|byte| byte.is_ascii_graphic()).then_some(Self { host, port, path })
    }

    /// Host and port as a request names them.
    pub(crate) fn authority(&self) -> String {
        let host = match &self.host {
            ListHost::Name(name) => name.to_string(),
            ListHost::Address(IpAddr::V6(address)) => format!("[{address}]"),
            ListHost::Address(address) => address.to_string(),
        };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for ListUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

impl TryFrom<String> for List {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once("://") {
            None => Ok(Self::File(text.into())),
            Some(("https", _)) => {
                ListUrl::parse(&text).map(Self::Url).ok_or_else(|| format!("`{text}` is no `https://HOST/PATH`"))
            }
            Some((scheme, _)) => Err(format!(
                "`{text}`: a list is a file or comes over `https://`, so that nobody on the way can change it; not \
                 `{scheme}://`"
            )),
        }
    }
}

impl From<List> for String {
    fn from(list: List) -> Self {
        list.to_string()
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::List;

    #[test]
    fn lists_are_files_or_addresses() {
        let rows = [
            ("/etc/lists/a.txt", Ok("/etc/lists/a.txt")),
            ("a.txt", Ok("a.txt")),
            ("https://lists.example/a/b.txt?c=d#e", Ok("https://lists.example/a/b.txt?c=d")),
            ("https://LISTS.example", Ok("https://lists.example/")),
            ("https://192.0.2.1:8443/a", Ok("https://192.0.2.1:8443/a")),
            ("https://[2001:db8::1]/a", Ok("https://[2001:db8::1]/a")),
            ("https://[2001:db8::1]:444/a", Ok("https://[2001:db8::1]:444/a")),
            ("https://lists.example:0/a", Err("is no `https://HOST/PATH`")),
            ("https:///a", Err("is no `https://HOST/PATH`")),
            ("https://a..b/", Err("is no `https://HOST/PATH`")),
            ("https://lists.example/a b", Err("is no `https://HOST/PATH`")),
            ("http://lists.example/a", Err("not `http://`")),
        ];
        for (text, expected) in rows {
            let list = List::try_from(text.to_owned());
            match expected {
                Ok(shown) => assert_eq!(list.unwrap().to_string(), shown),
                Err(why) => assert!(list.unwrap_err().contains(why), "{text}"),
            }
        }
    }
}
