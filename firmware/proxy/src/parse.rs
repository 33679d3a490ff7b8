//! Parse: bytes become values once, here and nowhere else.

pub(crate) mod credential;
pub(crate) mod head;
pub(crate) mod hello;
pub(crate) mod peek;
