//! Who is asking, and may they.

pub(crate) mod access;
pub(crate) mod password;
pub(crate) mod sessions;
pub(crate) mod throttle;

pub use self::password::{HashedPassword, HashedPasswordError};
