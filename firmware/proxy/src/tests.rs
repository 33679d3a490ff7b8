//! The corridor from socket to record, over the loopback.

pub(crate) mod support;

mod explicit;
mod identity;
mod lifecycle;
mod plain;
mod steered;
