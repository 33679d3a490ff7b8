//! What a program seems to be, so that the page can say what its runtime needs. A guess for people: nothing is decided by it.

use crate::parse::hello::Hello;

/// A runtime that learns to trust a certificate in a way of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Apple,
    Chromium,
    Codex,
    Curl,
    Electron,
    Firefox,
    Go,
    Java,
    Node,
    Python,
    Windows,
    Unknown,
}

/// Words of a `User-Agent` in lower case, the telling ones first: Electron says `Chrome` too, and SDKs name their language.
const AGENTS: [(&str, Runtime); 20] = [
    ("codex", Runtime::Codex),
    ("electron/", Runtime::Electron),
    ("/js ", Runtime::Node),
    ("node", Runtime::Node),
    ("undici", Runtime::Node),
    ("claude-cli", Runtime::Node),
    ("/python ", Runtime::Python),
    ("python", Runtime::Python),
    ("httpx", Runtime::Python),
    ("aiohttp", Runtime::Python),
    ("go-http-client", Runtime::Go),
    ("/go ", Runtime::Go),
    ("/java ", Runtime::Java),
    ("java/", Runtime::Java),
    ("java-http-client", Runtime::Java),
    ("firefox/", Runtime::Firefox),
    ("cfnetwork", Runtime::Apple),
    ("curl/", Runtime::Curl),
    ("winhttp", Runtime::Windows),
    ("chrome/", Runtime::Chromium),
];

/// Extensions that only some libraries send (IANA's registry of TLS extension types).
mod extension {
    pub(super) const STATUS_REQUEST: u16 = 5;
    pub(super) const STATUS_REQUEST_V2: u16 = 17;
    pub(super) const CERTIFICATE_TIMESTAMPS: u16 = 18;
    pub(super) const ENCRYPT_THEN_MAC: u16 = 22;
    pub(super) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(super) const DELEGATED_CREDENTIALS: u16 = 34;
    pub(super) const SESSION_TICKET: u16 = 35;
    /// Application settings, in the two numbers that Chromium has used.
    pub(super) const SETTINGS: [u16; 2] = [0x4469, 0x44cd];
}

/// Node's own list of suites goes on with this one after those of TLS 1.3; OpenSSL's default does not.
const NODE_FOURTH: u16 = 0xc02f;
/// `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`, which rustls sends last, in place of an extension.
const SCSV: u16 = 0x00ff;

impl Runtime {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Apple => "apple",
            Self::Chromium => "chromium",
            Self::Codex => "codex",
            Self::Curl => "curl",
            Self::Electron => "electron",
            Self::Firefox => "firefox",
            Self::Go => "go",
            Self::Java => "java",
            Self::Node => "node",
            Self::Python => "python",
            Self::Windows => "windows",
            Self::Unknown => "unknown",
        }
    }

    /// By what a program says it is.
    pub(crate) fn of_agent(agent: &str) -> Option<Self> {
        let agent = agent.to_ascii_lowercase() + " ";
        AGENTS.iter().find(|(word, _)| agent.contains(word)).map(|(_, runtime)| *runtime)
    }

    /// By the TLS library that a ClientHello shows, and who mostly uses it.
    pub(crate) fn of_hello(hello: &Hello) -> Self {
        use extension as kind;
        let (print, h2) = (&hello.print, hello.alpn.iter().any(|name| name == b"h2"));
        let both = print.has(kind::RECORD_SIZE_LIMIT) && print.has(kind::DELEGATED_CREDENTIALS);
        match () {
            // BoringSSL's GREASE: Chromium and what is built of it, or Apple's own library.
            () if print.grease && kind::SETTINGS.into_iter().any(|one| print.has(one)) => Self::Chromium,
            () if print.grease => Self::Apple,
            () if both => Self::Firefox,
            () if print.has(kind::STATUS_REQUEST_V2) => Self::Java,
            // Codex is the known program that is written in Rust.
            () if print.suites.last() == Some(&SCSV) && !print.has(kind::ENCRYPT_THEN_MAC) => Self::Codex,
            () if print.has(kind::ENCRYPT_THEN_MAC) => match print.suites.get(3) {
                Some(&NODE_FOURTH) => Self::Node,
                _ if h2 => Self::Curl,
                _ => Self::Python,
            },
            () if print.has(kind::CERTIFICATE_TIMESTAMPS) => Self::Go,
            () if print.has(kind::STATUS_REQUEST) && print.has(kind::SESSION_TICKET) => Self::Windows,
            () => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Runtime;
    use crate::parse::hello::{self, Limits};

    #[test]
    fn captured_hellos_show_their_runtime() {
        let rows: [(&[u8], Runtime); 5] = [
            (include_bytes!("../../testdata/chromium.bin"), Runtime::Chromium),
            (include_bytes!("../../testdata/curl.bin"), Runtime::Curl),
            (include_bytes!("../../testdata/java.bin"), Runtime::Java),
            (include_bytes!("../../testdata/node.bin"), Runtime::Node),
            (include_bytes!("../../testdata/python.bin"), Runtime::Python),
        ];
        for (raw, runtime) in rows {
            let hello = hello::parse(raw, Limits::default()).unwrap().unwrap();
            assert_eq!(Runtime::of_hello(&hello), runtime, "{}", hello.print.ja4());
        }
        let rustls = crate::tests::support::hello_for("api.openai.com");
        let hello = hello::parse(&rustls, Limits::default()).unwrap().unwrap();
        assert_eq!(Runtime::of_hello(&hello), Runtime::Codex, "{}", hello.print.ja4());
    }

    #[test]
    fn what_a_program_says_of_itself_is_understood() {
        let rows = [
            ("OpenAI/Python 1.2.3", Some(Runtime::Python)),
            ("AsyncAnthropic/Python 0.3", Some(Runtime::Python)),
            ("OpenAI/JS 6.0.0", Some(Runtime::Node)),
            ("codex_cli_rs/0.5", Some(Runtime::Codex)),
            ("Mozilla/5.0 X Chrome/130 Electron/33.0", Some(Runtime::Electron)),
            ("Mozilla/5.0 Gecko/20100101 Firefox/130.0", Some(Runtime::Firefox)),
            ("Mozilla/5.0 AppleWebKit/537.36 Chrome/130.0 Safari/537.36", Some(Runtime::Chromium)),
            ("Go-http-client/2.0", Some(Runtime::Go)),
            ("curl/8.5.0", Some(Runtime::Curl)),
            ("something", None),
        ];
        for (agent, runtime) in rows {
            assert_eq!(Runtime::of_agent(agent), runtime, "{agent}");
        }
    }
}
