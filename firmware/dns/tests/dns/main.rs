//! The resolver as its clients, its upstreams and the journal see it, on loopback.

mod aliases;
mod circle;
mod differential;
mod dnssec;
mod edns;
mod encrypted;
mod failures;
mod forwarding;
mod gateway;
mod groups;
mod hostile;
mod lab;
mod limits;
mod lists;
mod local;
mod lookup;
mod office;
mod origin;
mod providers;
mod raw;
mod ready;
mod real_server;
mod seeds;
mod stale;
mod steering;
mod upstream;
