use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// By which accounts a client uses a provider. Stands before the record of the first request of a connection that shows them,
/// and again where they, or what the policy says of them, have changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountsEvent {
    /// The connection that the request came on.
    pub connection: u64,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// None: the request does not show whose it is.
    pub accounts: Vec<Account>,
    /// They are among those that the policy names as the office's own.
    pub known: bool,
}

/// One way in which a request, or its answer, tells whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    pub kind: AccountKind,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub hash: AccountHash,
}

/// What an account is told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// An API key or another secret that is always the same.
    Key,
    /// Who a signed token (JWT) is of: its issuer and subject, which outlast it.
    Login,
    /// The organisation, project or workspace that the request names.
    Organization,
    /// The organisation that the provider's answer names.
    Answered,
}

impl fmt::Display for AccountKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "key",
            Self::Login => "login",
            Self::Organization => "organization",
            Self::Answered => "answered",
        })
    }
}

/// The first 8 bytes of the keyed hash of what tells an account: the same account can be told again at the same vendor, and
/// nothing of a key is in it. `acc-` and 16 hexadecimal digits where people and files see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountHash(pub u64);

/// No file takes a word that begins so for a number.
const BEGINNING: &str = "acc-";

/// Why a word is no [`AccountHash`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this is no account: `{BEGINNING}` and 16 digits of 0-9 and a-f, as `nanogate account list` shows them")]
pub struct AccountHashError;

impl fmt::Display for AccountHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGINNING}{:016x}", self.0)
    }
}

impl fmt::Debug for AccountHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AccountHash {
    type Err = AccountHashError;

    fn from_str(word: &str) -> Result<Self, AccountHashError> {
        let digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = word.strip_prefix(BEGINNING).filter(|digits| digits.len() == 16 && digits.bytes().all(digit));
        // The word itself is not shown: it may be a key that was pasted here by mistake.
        digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).map(Self).ok_or(AccountHashError)
    }
}

impl Serialize for AccountHash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AccountHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        word.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::AccountHash;

    #[test]
    fn a_hash_reads_as_it_is_written_and_an_error_never_shows_a_key() {
        let hash = AccountHash(0x00ab_0000_0000_00ff);
        assert_eq!(hash.to_string(), "acc-00ab0000000000ff");
        assert_eq!("acc-00ab0000000000ff".parse(), Ok(hash));
        for bad in ["", "00ab0000000000ff", "acc-00AB0000000000FF", "acc-+0ab0000000000f", "acc-00ab"] {
            assert!(bad.parse::<AccountHash>().is_err(), "{bad}");
        }
        let error = "sk-proj-Zm9vYmFyYmF6cXV4".parse::<AccountHash>().unwrap_err().to_string();
        assert!(!error.contains("sk-"), "{error}");
    }
}
