//! The whole admin door over real sockets and TLS, with the other rooms played in memory.

mod door;
mod inspection;
mod live;
mod policy;
mod refusal;
mod sign_in;
mod succession;
mod support;
