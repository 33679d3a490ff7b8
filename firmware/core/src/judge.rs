use std::net::IpAddr;

use crate::{Account, Action, Entry, FileKind, Finding, HostName, Mode, Reason, UnixMicros};

/// What to do with a connection to a host in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Close it with a TLS alert; the reason goes to the journal.
    Refuse(Reason),
    /// Relay the bytes untouched.
    Splice,
    /// Terminate TLS with the local CA and inspect.
    Terminate,
}

/// What is known about a connection when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts<'a> {
    pub client: IpAddr,
    /// What the client has proven to the CONNECT proxy to be.
    pub name: Option<&'a str>,
    pub host: &'a HostName,
    /// `None`: the name is not in the catalogue (only possible in gateway and explicit mode).
    pub entry: Option<&'a Entry>,
    pub now: UnixMicros,
}

/// What is known about an inspected request when it is judged.
#[derive(Clone, Copy, Debug)]
pub struct PromptFacts<'a> {
    pub client: IpAddr,
    /// What the client has proven to the CONNECT proxy to be.
    pub name: Option<&'a str>,
    pub host: &'a HostName,
    /// Identifier of the vendor, such as `openai`.
    pub vendor: &'a str,
    pub model: Option<&'a str>,
    pub findings: &'a [Finding],
    pub now: UnixMicros,
}

/// Whose account a request uses, as far as it shows that.
#[derive(Clone, Copy, Debug)]
pub struct AccountFacts<'a> {
    /// Empty: nothing in it shows that.
    pub accounts: &'a [Account],
    /// The provider refuses a key that is not of the organisation that stands beside it, so that this alone tells.
    pub organization_tells: bool,
}

/// What a client must show the CONNECT proxy before it is let through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    #[default]
    Nothing,
    /// One of the proxy's tokens.
    Token,
    /// A certificate of its own, in a TLS connection to the proxy.
    Certificate,
    /// A token or a certificate.
    Either,
}

/// The decision over a whole prompt and over each finding in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptVerdict {
    /// The most restrictive of the findings' actions, or of a rule for the request as a whole.
    pub action: Action,
    /// One action for each finding, in the order of [`PromptFacts::findings`].
    pub per_finding: Vec<Action>,
    /// The rule, or the mode, that refuses the request as a whole.
    pub rule: Option<String>,
    /// Plain reasons for people, such as `API key pattern detected`; never the value.
    pub reasons: Vec<String>,
}

/// What of a request cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A body that passes the scanner's budget of bytes, depth or work.
    Costly,
    /// A body, or a part of one, that is no text: media, an archive.
    Opaque,
}

/// Policy as everyone else sees it: an immutable snapshot that answers questions.
pub trait Judge: Send + Sync + 'static {
    /// Splice, inspect or refuse a connection.
    fn connection(&self, facts: &ConnectionFacts<'_>) -> Verdict;
    /// Whether a connection that is to be inspected may be watched instead because its client does not take our
    /// certificate. It must not where watching would let through what inspecting would have refused by rule.
    fn may_watch(&self, _facts: &ConnectionFacts<'_>) -> bool {
        false
    }
    /// Allow, redact or deny a request.
    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict;
    /// Whether what is redacted for this finding becomes a placeholder that the answer's way back undoes.
    fn is_reversible(&self, _client: IpAddr, _name: Option<&str>, _finding: &Finding) -> bool {
        false
    }
    /// Whether what cannot be read may pass: [`Action::Allow`], [`Action::Alert`] to note it, or [`Action::Deny`].
    fn unread(&self, _client: IpAddr, what: Unread) -> Action {
        match what {
            Unread::Costly => Action::Deny,
            Unread::Opaque => Action::Allow,
        }
    }
    /// Whether a request may carry a file of this kind and size, which nobody reads; `Unknown` of `u64::MAX` bytes stands for
    /// one that nobody looked at.
    fn upload(&self, _client: IpAddr, _kind: FileKind, _bytes: u64) -> Action {
        Action::Allow
    }
    /// What becomes of a request by these accounts: [`Action::Allow`], [`Action::Alert`] or [`Action::Deny`]; `None` where they
    /// are the office's own.
    fn account(&self, _facts: &AccountFacts<'_>) -> Option<Action> {
        Some(Action::Allow)
    }
    /// What a client must show the CONNECT proxy; asked for its address alone, and again with the name that it has proven.
    fn demand(&self, _client: IpAddr, _name: Option<&str>) -> Demand {
        Demand::Nothing
    }
    /// How this client's AI traffic is treated, for the admin page.
    fn mode_of(&self, client: IpAddr) -> Mode;
}
