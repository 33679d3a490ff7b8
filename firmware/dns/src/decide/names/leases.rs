//! Leases as dnsmasq writes them: expiry, hardware address, address, name or `*`, client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::is_nameable;

/// A lease that has its name.
pub(super) struct Lease {
    /// In lower case, and one that a machine may give itself.
    pub(super) label: String,
    pub(super) address: IpAddr,
    pub(super) file: Arc<Path>,
}

/// What a line says.
struct Row<'a> {
    /// Seconds since 1970; for ever is later than all.
    expiry: u64,
    address: IpAddr,
    client: &'a str,
    file: &'a Arc<Path>,
}

/// The leases that hold at `now` and have names. Of two machines with one name the one whose lease is newer, which is the one
/// that ends later, has it, as with dnsmasq; for each family of addresses, because one machine may have both. What is left
/// out is told.
pub(super) fn newest(files: &[(Arc<Path>, Arc<str>)], now: u64, left_out: &mut Vec<String>) -> Vec<Lease> {
    let mut by_name: HashMap<(String, bool), Vec<Row<'_>>> = HashMap::new();
    let mut order = Vec::new();
    for (file, text) in files {
        for (label, row) in text.lines().filter_map(|line| read(line, file, now)) {
            let name = (label, row.address.is_ipv4());
            let rows = by_name.entry(name.clone()).or_default();
            if rows.is_empty() {
                order.push(name);
            }
            rows.push(row);
        }
    }
    let mut leases = Vec::new();
    for name in order {
        let rows = &by_name[&name];
        let label = name.0;
        let Some(newest) = rows.iter().max_by_key(|row| row.expiry) else { continue };
        for Row { address, client, file, .. } in rows {
            // One machine may lease several addresses, of IPv6 above all.
            if *address == newest.address || *client == newest.client && *client != "*" {
                leases.push(Lease { label: label.clone(), address: *address, file: Arc::clone(file) });
            } else {
                let by = newest.address;
                left_out.push(format!("{address} calls itself {label}, as {by} does with a newer lease"));
            }
        }
    }
    leases
}

/// A line's name and what belongs to it, if it holds and its client may be called so.
fn read<'a>(line: &'a str, file: &'a Arc<Path>, now: u64) -> Option<(String, Row<'a>)> {
    let mut words = line.split_whitespace();
    let expiry = match words.next()?.parse().ok()? {
        0 => u64::MAX,
        expiry => expiry,
    };
    let (address, name) = (words.nth(1)?.parse().ok()?, words.next()?);
    let client = words.next().unwrap_or("*");
    let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    (expiry > now && is_nameable(&label)).then_some((label, Row { expiry, address, client, file }))
}
