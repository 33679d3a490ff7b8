//! Act: what was decided is done to the connection.

pub(crate) mod admin;
pub(crate) mod answer;
pub(crate) mod dial;
pub(crate) mod inspect;
pub(crate) mod pac;
pub(crate) mod refuse;
pub(crate) mod splice;
pub(crate) mod veil;
