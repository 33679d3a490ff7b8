//! Act: what was decided is done to the connection.

pub(crate) mod inspect;
