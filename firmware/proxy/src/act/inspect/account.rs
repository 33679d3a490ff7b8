//! Whose account at the provider a request uses, as keyed hashes: credentials in header fields, in the query and among a
//! WebSocket's protocols, organisations beside them, and the organisation that the answer names.
//!
//! Nothing of a credential is kept. Of a signed token (JWT) its issuer and subject count, since it is a new one every hour; a
//! provider that takes such tokens refuses those that it has not signed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::prelude::{BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use gate_core::{Account, AccountHash, AccountKind, Entry, GroupKind, HostName};
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, Method};
use serde::Deserialize;

use super::memory::ValueHash;
use super::socket;

/// Fields in which providers take a key.
const KEY_FIELDS: [&str; 15] = [
    "api-key",
    "apikey",
    "authorization",
    "ocp-apim-subscription-key",
    "x-api-key",
    "x-api-token",
    "x-auth-key",
    "x-auth-token",
    "x-goog-api-key",
    "x-key",
    "x-rapidapi-key",
    "x-subscription-token",
    "x-token",
    "x-user-token",
    "xi-api-key",
];

/// Parameters of a query in which they do, in lower case.
const KEY_PARAMETERS: [&str; 14] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "auth_token",
    // ElevenLabs' WebSockets, beside `xi-api-key`.
    "authorization",
    "key",
    "oauth_token",
    "ocp-apim-subscription-key",
    "subscription-key",
    "token",
    "x-amz-credential",
    "x-goog-credential",
    "xi-api-key",
];

/// Fields that name an organisation, a project or a workspace.
const ORGANIZATION_FIELDS: [&str; 5] = [
    "anthropic-organization-id",
    "anthropic-workspace-id",
    "chatgpt-account-id",
    "openai-organization",
    "openai-project",
];

/// Fields of answers in which providers say whose the key was.
const ANSWER_FIELDS: [&str; 2] = ["anthropic-organization-id", "openai-organization"];

/// What browsers hang their key, organisation and project to in a WebSocket to OpenAI.
const PROTOCOLS: [(&str, AccountKind); 3] = [
    ("openai-insecure-api-key.", AccountKind::Key),
    ("openai-organization.", AccountKind::Organization),
    ("openai-project.", AccountKind::Organization),
];

/// How the hosts begin at which people sign in to coding tools.
const SIGN_IN: [&str; 4] = ["accounts.", "auth", "login.", "signin."];

/// What stands before the name of the key in a signature of Amazon's.
const CREDENTIAL: &[u8] = b"Credential=";

/// Accounts told of in one record. A request shows one or two; past this it is nobody's that is known.
const MOST: usize = 8;

/// Whose a request is, as far as it shows that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) accounts: Vec<Account>,
    /// See [`gate_core::AccountFacts`].
    pub(super) organization_tells: bool,
    /// It shows nobody, and is of a kind that needs not.
    pub(super) is_silent: bool,
}

/// Hashes what tells accounts at one vendor.
#[derive(Clone, Copy, Debug)]
struct Hasher<'a> {
    key: &'a ValueHash,
    vendor: &'a str,
}

/// The account that a key or token at a vendor, or with `Organization` the name of an organisation there, is recorded as;
/// `None`: it is empty.
pub fn account_of(key: &ValueHash, vendor: &str, kind: AccountKind, value: &[u8]) -> Option<Account> {
    let hasher = Hasher::new(key, vendor);
    match kind {
        AccountKind::Key | AccountKind::Login => hasher.credential(value),
        AccountKind::Organization | AccountKind::Answered if value.trim_ascii().is_empty() => None,
        AccountKind::Organization | AccountKind::Answered => Some(hasher.organization(value, kind)),
    }
}

impl Shown {
    /// Reads a request's head. `entry` says what is at its host.
    pub(super) fn of(parts: &Parts, host: &HostName, entry: Option<&Entry>, key: &ValueHash) -> Self {
        let vendor = entry.map_or("", |entry| entry.vendor.as_str());
        let kind = entry.map(|entry| entry.kind);
        // A page for people goes by its cookies, whatever stands beside them; ChatGPT's goes by signed tokens.
        let tells = kind != Some(GroupKind::Web) || vendor == "openai";
        let mut accounts = if tells { Hasher::new(key, vendor).read(parts) } else { Vec::new() };
        let only_reads =
            matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS) && !socket::is_wanted(parts);
        let is_open = match kind {
            Some(GroupKind::Api | GroupKind::Web) => false,
            // Whoever signs in is nobody yet; elsewhere tools talk to models as pages and APIs do.
            Some(GroupKind::Tool) => SIGN_IN.iter().any(|beginning| host.as_str().starts_with(beginning)),
            _ => true,
        };
        let is_silent = accounts.is_empty() && (only_reads || is_open);
        if accounts.len() > MOST {
            accounts.clear();
        }
        let organization_tells = vendor == "openai" && kind == Some(GroupKind::Api) && is_held_against(&parts.headers);
        Self { accounts, organization_tells, is_silent }
    }

    /// Reads the head of an answer.
    pub(super) fn answered(headers: &HeaderMap, vendor: &str, key: &ValueHash) -> Option<Account> {
        let named = ANSWER_FIELDS.iter().find_map(|name| headers.get(*name))?;
        Some(Hasher::new(key, vendor).organization(named.as_bytes(), AccountKind::Answered))
    }
}

impl<'a> Hasher<'a> {
    fn new(key: &'a ValueHash, vendor: &'a str) -> Self {
        Self { key, vendor }
    }

    fn read(self, parts: &Parts) -> Vec<Account> {
        let headers = &parts.headers;
        let fields = |names: &'static [&'static str]| names.iter().flat_map(|name| headers.get_all(*name));
        let keys = fields(&KEY_FIELDS).filter_map(|value| self.credential(value.as_bytes()));
        let named =
            fields(&ORGANIZATION_FIELDS).map(HeaderValue::as_bytes).filter(|value| !value.trim_ascii().is_empty());
        let organizations = named.map(|value| self.organization(value, AccountKind::Organization));
        let mut accounts: Vec<Account> = Vec::new();
        for one in keys.chain(organizations).chain(self.query(parts)).chain(self.protocols(headers)) {
            // Past the cap nobody is known; how many there are more is of no interest.
            if accounts.len() <= MOST && !accounts.contains(&one) {
                accounts.push(one);
            }
        }
        accounts
    }

    fn query(self, parts: &Parts) -> impl Iterator<Item = Account> {
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        pairs.filter_map(move |pair| {
            let (name, value) = pair.split_once('=')?;
            let name = unescaped(name).to_ascii_lowercase();
            let known = KEY_PARAMETERS.iter().any(|known| known.as_bytes() == name);
            let value = unescaped(value);
            // The first part of a signature's credential is the name of its key.
            let value =
                if name.ends_with(b"-credential") { value.split(|byte| *byte == b'/').next()? } else { &*value };
            known.then(|| self.credential(value)).flatten()
        })
    }

    fn protocols(self, headers: &HeaderMap) -> impl Iterator<Item = Account> {
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
        let words = offered.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        words.filter_map(move |word| {
            let word = word.trim_ascii();
            let told =
                |(beginning, kind): &(&str, AccountKind)| Some((word.strip_prefix(beginning.as_bytes())?, *kind));
            match PROTOCOLS.iter().find_map(told)? {
                (value, AccountKind::Key) => self.credential(value),
                (value, kind) => Some(self.organization(value, kind)),
            }
        })
    }

    /// The account of an `Authorization` or a bare key; `None` where there is nothing.
    fn credential(self, value: &[u8]) -> Option<Account> {
        let value = value.trim_ascii();
        let (scheme, rest) = match value.iter().position(u8::is_ascii_whitespace) {
            Some(at) if is_scheme(&value[..at]) => (&value[..at], value[at..].trim_ascii()),
            _ => (&b""[..], value),
        };
        if rest.is_empty() {
            return None;
        }
        if scheme.starts_with(b"AWS4-") {
            // `Credential=AKIA…/20260101/…, SignedHeaders=…, Signature=…`: all but the first part changes. One that could be
            // read in two ways is nobody's that is known.
            let at =
                find(rest, CREDENTIAL).filter(|at| *at == CREDENTIAL.len() && find(&rest[*at..], CREDENTIAL).is_none());
            let named = at.and_then(|at| rest[at..].split(|b| matches!(b, b'/' | b',')).next());
            return Some(self.account(AccountKind::Key, &[named.unwrap_or(rest)]));
        }
        match Claims::read(rest) {
            Some(Claims { iss, sub }) => Some(self.account(AccountKind::Login, &[iss.as_bytes(), sub.as_bytes()])),
            None => Some(self.account(AccountKind::Key, &[rest])),
        }
    }

    /// The organisation of this name. What an answer names is the same as what a request does.
    fn organization(self, name: &[u8], kind: AccountKind) -> Account {
        let Account { hash, .. } = self.account(AccountKind::Organization, &[name.trim_ascii()]);
        Account { kind, hash }
    }

    fn account(self, kind: AccountKind, parts: &[&[u8]]) -> Account {
        let mut pieces = self.key.pieces();
        let word = kind.to_string();
        for part in [b"account", self.vendor.as_bytes(), word.as_bytes()].iter().chain(parts) {
            // Each with its length, so that no two lists are the same bytes.
            pieces.push(&(part.len() as u64).to_be_bytes());
            pieces.push(part);
        }
        Account { kind, hash: AccountHash(pieces.tag().bits()) }
    }
}

/// Who a signed token is of (RFC 7519 section 4.1).
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
}

impl Claims {
    /// What a token says before anybody has checked its signature; `None` where it is no token, or says something twice.
    fn read(token: &[u8]) -> Option<Self> {
        let mut parts = token.split(|byte| *byte == b'.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let engine = if claims.ends_with(b"=") { &BASE64_URL_SAFE } else { &BASE64_URL_SAFE_NO_PAD };
        serde_json::from_slice(&engine.decode(claims).ok()?).ok()
    }
}

/// Whether OpenAI's API holds the organisation against the key: this field alone, where it arrives once and says something.
fn is_held_against(headers: &HeaderMap) -> bool {
    const FIELD: &str = "openai-organization";
    let mut named = headers.get_all(FIELD).iter();
    let first = named.next().is_some_and(|value| !value.as_bytes().trim_ascii().is_empty());
    first && named.next().is_none() && !is_taken_away(headers, FIELD)
}

/// Whether `Connection` has a field taken away before the request leaves.
fn is_taken_away(headers: &HeaderMap, name: &str) -> bool {
    let words =
        headers.get_all(header::CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    words.into_iter().any(|word| word.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether a first word says how the rest is to be read; another one is part of the key.
fn is_scheme(word: &[u8]) -> bool {
    const KNOWN: [&str; 6] = ["apikey", "api-key", "basic", "bearer", "key", "token"];
    word.starts_with(b"AWS4-") || KNOWN.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(within, what).map(|at| at + what.len())
}

/// A name or value of a query as a server reads it.
fn unescaped(text: &str) -> Cow<'_, [u8]> {
    let hex = |digit: u8| char::from(digit).to_digit(16);
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..at + 3).and_then(|two| hex(two[0]).zip(hex(two[1])));
        match (byte, escape) {
            (b'%', Some((high, low))) => {
                out.push((high << 4 | low) as u8);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests;
