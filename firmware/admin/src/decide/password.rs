//! The one password, as argon2id.

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

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The PHC string of a new password, with a fresh salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move || {
            let hash = argon2()?.hash_password(password.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
        })
        .await
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

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::Passwords;

    #[tokio::test]
    async fn a_password_is_salted_and_checked() {
        let passwords = Passwords::new();
        let (one, two) = tokio::join!(
            passwords.hash("correct horse battery".to_owned()),
            passwords.hash("correct horse battery".to_owned())
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(passwords.verify("correct horse battery".to_owned(), one.clone()).await.unwrap());
        assert!(!passwords.verify("correct horse batter".to_owned(), one).await.unwrap());
        assert!(passwords.verify("x".to_owned(), "not a PHC string".to_owned()).await.is_err());
    }
}
