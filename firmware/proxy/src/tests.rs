//! The corridor from socket to record, over the loopback.

pub(crate) mod support;
