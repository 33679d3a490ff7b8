//! Who may come in: the claim code, the password and the API tokens, kept in one small file.
//!
//! The file is the only copy that counts: every change takes the lock beside it, loads, edits and writes it whole, so
//! that `nanogate token` may run beside the daemon. Readers hold a snapshot and look again when the file changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use gate_core::UnixMicros;

use crate::decide::HashedPassword;

mod claim;
mod file;
mod secret;

pub use self::claim::ClaimCode;
pub use self::secret::TokenSecret;
pub(crate) use self::secret::random_text;

use self::claim::ClaimHash;
pub use self::file::FileError;

use self::file::Stamp;
use self::secret::{DigestHex, random_id};

/// More tokens than an office has gateways; bounds the file and every look-up.
pub(crate) const MAX_TOKENS: usize = 64;

/// What the proxy is told of tokens, in the folder of the accounts.
pub const PROXY_TOKENS: &str = "proxy-tokens.json";

/// Longest name of a token.
const MAX_TOKEN_NAME: usize = 64;

/// The file's content. **Invariant:** no field can be turned back into a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Present until the puck is claimed.
    #[serde(default)]
    claim: Option<ClaimHash>,
    /// PHC string (argon2id) once claimed.
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    tokens: Vec<Token>,
}

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// `POST /api/v1/inspect`.
    Inspect,
    /// `GET /metrics`.
    Metrics,
    /// The CONNECT proxy.
    Proxy,
}

impl Scope {
    /// Its word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inspect => "inspect",
            Self::Metrics => "metrics",
            Self::Proxy => "proxy",
        }
    }
}

/// One API token as it is kept; the secret itself is shown once and not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Names it when it is revoked.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: UnixMicros,
    hash: DigestHex,
}

/// A token of the CONNECT proxy, as that process is told of it. The token is random, so that its hash says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyToken {
    pub name: String,
    hash: DigestHex,
}

impl ProxyToken {
    fn of(state: &State) -> Vec<Self> {
        let opens = |token: &&Token| token.scopes.contains(&Scope::Proxy);
        let one = |token: &Token| Self { name: token.name.clone(), hash: token.hash.clone() };
        state.tokens.iter().filter(opens).map(one).collect()
    }

    /// The tokens in a folder of accounts; none where there is no file yet. `known` is what the file held, for where it is out
    /// of reach.
    pub fn read_or(dir: &Path, known: Option<&[u8]>) -> Result<Vec<Self>, AccountsError> {
        let file = proxy_tokens_file(dir.join("admin.json").as_path());
        match (file::load(&file), known) {
            (Ok((_, tokens)), _) => Ok(tokens),
            (Err(FileError::Io { .. }), Some(known)) => Ok(file::parse(&file, known)?),
            (Err(error), _) => Err(error.into()),
        }
    }

    /// SHA-256 of the token; `None` where the file was not written here.
    pub fn hash(&self) -> Option<[u8; 32]> {
        self.hash.bytes()
    }
}

/// Beside the accounts, which only their own process reads.
fn proxy_tokens_file(accounts: &Path) -> PathBuf {
    accounts.with_file_name(PROXY_TOKENS)
}

/// The accounts of one data folder.
#[derive(Debug)]
pub struct Accounts {
    path: PathBuf,
    seen: Mutex<(Option<Stamp>, Arc<State>)>,
}

/// Why the accounts cannot be read or changed.
#[derive(Debug, Error)]
pub enum AccountsError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("this puck is already claimed")]
    AlreadyClaimed,
    #[error("the claim code is wrong")]
    WrongCode,
    #[error("there are already {MAX_TOKENS} tokens")]
    TooManyTokens,
    #[error("a token's name has 1 to {MAX_TOKEN_NAME} printable characters")]
    TokenName,
    #[error("a token needs at least one scope")]
    NoScope,
    #[error("a name of the proxy has no colon: clients write one between it and the token")]
    ProxyName,
    #[error("there is no token `{0}`")]
    NoSuchToken(String),
    #[error("no randomness from the system: {0}")]
    Random(#[from] getrandom::Error),
}

impl Accounts {
    /// Where the accounts of a folder are.
    pub fn file(dir: &Path) -> PathBuf {
        dir.join("admin.json")
    }

    /// Reads `admin.json` in `dir`; absent means new.
    pub fn open(dir: &Path) -> Result<Self, AccountsError> {
        Self::open_or(dir, None)
    }

    /// The same; where the file is out of reach, it is what was `kept` of it.
    pub fn open_or(dir: &Path, kept: Option<&[u8]>) -> Result<Self, AccountsError> {
        let path = Self::file(dir);
        let (stamp, state) = match (file::load(&path), kept) {
            (Err(FileError::Io { .. }), Some(kept)) => (Some(Stamp::NEVER), file::parse(&path, kept)?),
            (read, _) => read?,
        };
        Ok(Self { path, seen: Mutex::new((stamp, Arc::new(state))) })
    }

    /// Whether somebody has set the password.
    pub fn claimed(&self) -> Result<bool, AccountsError> {
        Ok(self.state()?.password.is_some())
    }

    /// A new claim code, which replaces an earlier one; `None` once the puck is claimed. The daemon prints it at start.
    pub fn renew_claim(&self) -> Result<Option<ClaimCode>, AccountsError> {
        let code = ClaimCode::generate()?;
        let hash = ClaimHash::of(&code)?;
        let renewed = self.change(|state| {
            if state.password.is_none() {
                state.claim = Some(hash);
            }
            Ok(state.claim.is_some())
        })?;
        Ok(renewed.then_some(code))
    }

    /// Forgets password and tokens, so that the puck can be claimed again: for the person who holds the device.
    pub fn reset(&self) -> Result<ClaimCode, AccountsError> {
        let code = ClaimCode::generate()?;
        let claim = Some(ClaimHash::of(&code)?);
        self.change(|state| {
            *state = State { claim, ..State::default() };
            Ok(())
        })?;
        Ok(code)
    }

    /// Whether `code` is the claim code, without using it up.
    pub(crate) fn check_claim(&self, code: &str) -> Result<(), AccountsError> {
        check_claim(&*self.state()?, code)
    }

    /// Uses the claim code up and sets the password (already hashed); of two at once only one gets through.
    pub(crate) fn claim(&self, code: &str, password: String) -> Result<(), AccountsError> {
        self.change(|state| {
            check_claim(state, code)?;
            state.claim = None;
            state.password = Some(password);
            Ok(())
        })
    }

    /// Sets the first password without the code: whoever is at the device pressed its button.
    pub(crate) fn claim_by_button(&self, password: String) -> Result<(), AccountsError> {
        self.change(|state| {
            if state.password.is_some() {
                return Err(AccountsError::AlreadyClaimed);
            }
            (state.claim, state.password) = (None, Some(password));
            Ok(())
        })
    }

    /// Sets the password that the owner brought along, whatever there was: as after [`Self::reset`], tokens are gone.
    pub fn set_password(&self, password: HashedPassword) -> Result<(), AccountsError> {
        self.change(|state| {
            *state = State { password: Some(password.into_phc()), ..State::default() };
            Ok(())
        })
    }

    /// The password's PHC string.
    pub(crate) fn password(&self) -> Result<Option<String>, AccountsError> {
        Ok(self.state()?.password.clone())
    }

    /// Makes a token; its secret is in the answer and nowhere else.
    pub fn create_token(
        &self,
        name: &str,
        scopes: &[Scope],
        now: UnixMicros,
    ) -> Result<(Token, TokenSecret), AccountsError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > MAX_TOKEN_NAME || name.chars().any(char::is_control) {
            return Err(AccountsError::TokenName);
        }
        if scopes.is_empty() {
            return Err(AccountsError::NoScope);
        }
        if scopes.contains(&Scope::Proxy) && name.contains(':') {
            return Err(AccountsError::ProxyName);
        }
        let secret = TokenSecret::generate()?;
        let mut scopes = scopes.to_vec();
        scopes.sort_by_key(|scope| *scope as u8);
        scopes.dedup();
        let token = Token { id: random_id()?, name: name.to_owned(), scopes, created_at: now, hash: secret.digest() };
        self.change(|state| {
            if state.tokens.len() >= MAX_TOKENS {
                return Err(AccountsError::TooManyTokens);
            }
            state.tokens.push(token.clone());
            Ok(())
        })?;
        Ok((token, secret))
    }

    /// Ends a token at once.
    pub fn revoke_token(&self, id: &str) -> Result<Token, AccountsError> {
        self.change(|state| {
            let at = state.tokens.iter().position(|token| token.id == id);
            at.map(|at| state.tokens.remove(at)).ok_or_else(|| AccountsError::NoSuchToken(id.to_owned()))
        })
    }

    /// All tokens, oldest first.
    pub fn tokens(&self) -> Result<Vec<Token>, AccountsError> {
        Ok(self.state()?.tokens.clone())
    }

    /// The token that `secret` belongs to. Every stored hash is compared, each in constant time.
    pub(crate) fn token_of(&self, secret: &str) -> Result<Option<Token>, AccountsError> {
        let digest = DigestHex::of(secret.as_bytes());
        let state = self.state()?;
        let mut found = None;
        for token in &state.tokens {
            if token.hash.same_as(&digest) {
                found = Some(token.clone());
            }
        }
        Ok(found)
    }

    /// The snapshot, renewed when the file is another than the one it was read from. While that is out of reach nobody can
    /// have changed it: what was read last stands.
    fn state(&self) -> Result<Arc<State>, AccountsError> {
        let mut seen = self.seen.lock();
        let renew = || if Stamp::of(&self.path)? == seen.0 { Ok(None) } else { file::load(&self.path).map(Some) };
        match renew() {
            Ok(None) | Err(FileError::Io { .. }) => {}
            Ok(Some((stamp, state))) => *seen = (stamp, Arc::new(state)),
            Err(error) => return Err(error.into()),
        }
        Ok(Arc::clone(&seen.1))
    }

    /// Load, edit, write, under the lock; nothing is written when `edit` refuses.
    fn change<T>(&self, edit: impl FnOnce(&mut State) -> Result<T, AccountsError>) -> Result<T, AccountsError> {
        let _lock = file::lock(&self.path)?;
        let (_, mut state) = file::load(&self.path)?;
        let before = ProxyToken::of(&state);
        let answer = edit(&mut state)?;
        let (passes, to) = (ProxyToken::of(&state), proxy_tokens_file(&self.path));
        // What is taken away is so for the proxy first: a power cut between the two opens nothing.
        if passes.len() < before.len() {
            file::save(&to, &passes, file::ALL)?;
        }
        file::save(&self.path, &state, file::OWNER)?;
        if passes.len() > before.len() {
            file::save(&to, &passes, file::ALL)?;
        }
        // Nobody may find the file out of reach before it was read again.
        if let Ok(stamp) = Stamp::of(&self.path) {
            *self.seen.lock() = (stamp, Arc::new(state));
        }
        Ok(answer)
    }

    /// Writes what the proxy reads anew, from what counts: at the start, after whatever ended the last life.
    pub fn settle(&self) -> Result<(), AccountsError> {
        let _lock = file::lock(&self.path)?;
        let (_, state) = file::load(&self.path)?;
        Ok(file::save(&proxy_tokens_file(&self.path), &ProxyToken::of(&state), file::ALL)?)
    }
}

fn check_claim(state: &State, code: &str) -> Result<(), AccountsError> {
    if state.password.is_some() {
        return Err(AccountsError::AlreadyClaimed);
    }
    match &state.claim {
        Some(claim) if claim.matches(code) => Ok(()),
        _ => Err(AccountsError::WrongCode),
    }
}

#[cfg(test)]
mod tests;
