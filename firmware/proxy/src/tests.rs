//! The corridor from socket to record, over the loopback.

pub(crate) mod support;

mod explicit;
mod lifecycle;
mod plain;
mod steered;
