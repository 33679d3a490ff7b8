use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::parse::credential::Credential;

/// The tokens that open the CONNECT proxy, as what is kept of them.
#[derive(Clone, Default)]
pub struct Passes(Vec<Pass>);

/// One of them. The token is random, so that a plain hash hides it.
#[derive(Clone, PartialEq, Eq)]
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

    /// The token that a client shows, unless it says that it is somebody else. Every hash is compared, each in constant time.
    pub(crate) fn shown(&self, shown: &Credential) -> Option<&Pass> {
        let digest = Sha256::digest(shown.secret());
        let mut found = None;
        for pass in &self.0 {
            if bool::from(pass.hash.ct_eq(digest.as_slice())) {
                found = Some(pass);
            }
        }
        found.filter(|pass| shown.name().is_none_or(|said| said == &*pass.name))
    }

    /// Whether a token that a client has shown still opens.
    pub(crate) fn holds(&self, pass: &Pass) -> bool {
        self.0.contains(pass)
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
            let shown = passes.shown(&Credential::parse(value.as_bytes()));
            assert_eq!(shown.map(|pass| &*pass.name), name, "{value}");
            assert!(shown.is_none_or(|pass| passes.holds(pass) && !Passes::default().holds(pass)));
        }
        assert!(Passes::default().shown(&Credential::parse(b"Bearer ")).is_none());
        let [old, new] = [pass("ci-1", "one"), pass("ci-1", "new")];
        assert!(Passes::new(vec![old.clone()]).holds(&old) && !Passes::new(vec![new]).holds(&old));
        assert_eq!(format!("{passes:?}"), "[\"ci-1\", \"ci-1\", \"ci-2\"]");
    }
}
