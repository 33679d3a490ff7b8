//! The whole inspect path over loopback: a real TLS client, the path under test, and a provider made here.

pub(super) mod support;

mod accounts;
mod bodies;
mod calls;
mod distrust;
mod history;
mod left;
mod lifetime;
mod limits;
mod misuse;
mod relay;
mod restore;
mod socket;
mod trust;
