use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::parse::credential::Credential;

/// The tokens that open the CONNECT proxy, as what is kept of them.
#[derive(Clone, Default)]
pub struct Passes(Vec<Pass>);

/// One of them. The token is random, so that a plain hash hides it.
#[derive(Clone)]
pub struct Pass {
    /// Whose it is, to the policy and in the journal.
    pub name: Arc<str>,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
}

impl Passes {
    /// Several may have one name, such as an old and a new one.
    pub fn new(passes: Vec<Pass>) -> Self {
        Self(passes)
    }

    /// Whose token a client shows, unless it says that it is somebody else. Every hash is compared, each in constant time.
    pub(crate) fn name_of(&self, shown: &Credential) -> Option<Arc<str>> {
        let digest = Sha256::digest(shown.secret());
        let mut found = None;
        for pass in &self.0 {
            if bool::from(pass.hash.ct_eq(digest.as_slice())) {
                found = Some(&pass.name);
            }
        }
        found.filter(|name| shown.name().is_none_or(|said| said == &***name)).cloned()
    }
}

impl fmt::Debug for Passes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|pass| &pass.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Pass, Passes};
    use crate::parse::credential::Credential;
    use sha2::{Digest, Sha256};

    #[test]
    fn a_token_opens_for_its_own_name_alone() {
        let pass = |name: &str, token: &str| Pass { name: name.into(), hash: Sha256::digest(token).into() };
        let passes = Passes::new(vec![pass("ci-1", "one"), pass("ci-1", "new"), pass("ci-2", "two")]);
        // base64 of ci-1:one, ci-1:new, ci-2:one, ci-1:, :two
        let rows = [
            ("Basic Y2ktMTpvbmU=", Some("ci-1")),
            ("basic  Y2ktMTpuZXc=", Some("ci-1")),
            ("Basic Y2ktMjpvbmU=", None),
            ("Basic Y2ktMTo=", None),
            ("Basic OnR3bw==", None),
            ("Bearer two", Some("ci-2")),
            ("Bearer three", None),
            ("Bearer ", None),
            ("Bearer", None),
            ("Basic !", None),
            ("Digest two", None),
        ];
        for (value, name) in rows {
            assert_eq!(passes.name_of(&Credential::parse(value.as_bytes())).as_deref(), name, "{value}");
        }
        assert_eq!(Passes::default().name_of(&Credential::parse(b"Bearer ")), None);
        assert_eq!(format!("{passes:?}"), "[\"ci-1\", \"ci-1\", \"ci-2\"]");
    }
}
