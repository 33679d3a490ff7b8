//! The one password, as argon2id.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use thiserror::Error;
use tokio::sync::Semaphore;

/// Characters a password must have; length is what counts (NIST SP 800-63B).
pub(crate) const MIN_PASSWORD: usize = 12;

/// Longer than any passphrase; hashing must not become a way to keep the processor busy.
pub(crate) const MAX_PASSWORD: usize = 256;

/// Hashes running at once, each with its 19 MiB.
const AT_ONCE: usize = 2;

/// Hashes and checks passwords off the runtime's threads, a few at a time.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
}

/// Why a password could not be hashed or checked; none of it is the caller's fault.
#[derive(Debug, Error)]
pub(crate) enum PasswordError {
    #[error("the stored password is not a PHC string: {0}")]
    Stored(String),
    #[error("argon2 failed: {0}")]
    Hash(String),
}

/// Whether somebody may take this for a password.
pub(crate) fn is_strong(password: &str) -> bool {
    (MIN_PASSWORD..=MAX_PASSWORD).contains(&password.chars().count())
}

/// A password as a file outside the puck may hold it: the PHC string of an argon2id hash, made exactly as the page makes
/// its own, so that checking it costs what checking any other costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashedPassword(String);

/// Why a text is no password, or no password's hash.
#[derive(Debug, Error)]
pub enum HashedPasswordError {
    #[error("a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")]
    Weak,
    #[error("it is no argon2id hash as `nanogate password` makes it")]
    Foreign,
    #[error("{0}")]
    Hash(String),
}

impl HashedPassword {
    /// Hashes a password, with a fresh salt. Takes a tenth of a second and 19 MiB.
    pub fn of(password: &str) -> Result<Self, HashedPasswordError> {
        if !is_strong(password) {
            return Err(HashedPasswordError::Weak);
        }
        hash(password).map(Self).map_err(|error| HashedPasswordError::Hash(error.to_string()))
    }

    /// Reads a PHC string; salt and hash may be anything, how they were made may not.
    pub fn parse(text: &str) -> Result<Self, HashedPasswordError> {
        let phc = PasswordHash::new(text).map_err(|_| HashedPasswordError::Foreign)?;
        let whole = phc.salt.is_some() && phc.hash.is_some();
        if whole && text.starts_with(MADE) { Ok(Self(text.to_owned())) } else { Err(HashedPasswordError::Foreign) }
    }

    pub(crate) fn into_phc(self) -> String {
        self.0
    }
}

impl fmt::Display for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The PHC string of a new password, with a fresh salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move || hash(&password)).await
    }

    /// Whether `password` is the one behind `stored`; the comparison takes constant time.
    pub(crate) async fn verify(&self, password: String, stored: String) -> Result<bool, PasswordError> {
        self.run(move || {
            let hash = PasswordHash::new(&stored).map_err(|error| PasswordError::Stored(error.to_string()))?;
            Ok(argon2()?.verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.unwrap_or_else(|error| Err(PasswordError::Hash(error.to_string())))
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let hash = argon2()?.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// How [`argon2`] writes down its settings.
const MADE: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::{HashedPassword, HashedPasswordError, MADE, Passwords};

    #[test]
    fn a_hash_from_outside_is_taken_only_as_the_page_would_have_made_it() {
        let own = HashedPassword::of("correct horse battery").unwrap().to_string();
        assert_eq!(HashedPassword::parse(&own).unwrap().to_string(), own);
        let costly = own.replace("m=19456", "m=4194304");
        let bare = MADE.trim_end_matches('$');
        for text in ["", "correct horse battery", &costly, &own.replace("argon2id", "argon2d"), bare, &own[..60]] {
            assert!(matches!(HashedPassword::parse(text), Err(HashedPasswordError::Foreign)), "{text}");
        }
        assert!(matches!(HashedPassword::of("too short"), Err(HashedPasswordError::Weak)));
    }

    #[tokio::test]
    async fn a_password_is_salted_and_checked() {
        let passwords = Passwords::new();
        let (one, two) = tokio::join!(
            passwords.hash("correct horse battery".to_owned()),
            passwords.hash("correct horse battery".to_owned())
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.starts_with(MADE), "{one}");
        assert_ne!(one, two);
        assert!(passwords.verify("correct horse battery".to_owned(), one.clone()).await.unwrap());
        assert!(!passwords.verify("correct horse batter".to_owned(), one).await.unwrap());
        assert!(passwords.verify("x".to_owned(), "not a PHC string".to_owned()).await.is_err());
    }
}
