//! Any block list, hosts file or file of leases, and any announcement by multicast DNS: read or left, within bounds.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gate_dns::fuzz::files(bytes));
