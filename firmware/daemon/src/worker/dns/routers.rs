//! The network's routers, as the kernel's routing tables have them (proc(5), /proc/net/route and ipv6_route), and whether
//! they forward the questions of others.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use gate_dns::{Counters, Dns};
use tokio_util::sync::CancellationToken;

use super::warnings::Warnings;

/// How often the tables are read again: a router that was replaced is known this soon.
const EVERY: Duration = Duration::from_secs(60);
/// RTF_GATEWAY: the route leads over a router.
const GATEWAY: u32 = 2;

/// With fewer questions in a minute nobody can tell.
const ENOUGH: u64 = 100;

/// Tells the resolver who the routers are, and the reader of `warnings` if they forward, until `stop`.
pub(super) async fn follow(dns: &Dns, warnings: &Warnings, stop: &CancellationToken) {
    let (mut before, mut told) = (Counters::default(), None);
    loop {
        let (routers, counters) = (now(), dns.counters());
        let found = forwards(&before, &counters).unwrap_or(told.unwrap_or(false));
        before = counters;
        if told != Some(found) {
            told = Some(found);
            warnings.tell("routers", found.then(|| warning(&routers)));
        }
        dns.see_routers(routers);
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Whether most questions between two readings came from a router; nothing when there were too few.
fn forwards(before: &Counters, after: &Counters) -> Option<bool> {
    let (all, theirs) = (after.questions() - before.questions(), after.from_router - before.from_router);
    (all >= ENOUGH).then_some(theirs * 2 > all)
}

fn warning(routers: &BTreeSet<IpAddr>) -> String {
    let routers: Vec<_> = routers.iter().map(IpAddr::to_string).collect();
    format!(
        "most DNS questions come from the router ({}): it forwards for its clients, which cannot be told apart, and no \
         limit applies to it; let its DHCP name this device as the DNS server",
        routers.join(", ")
    )
}

/// The routers of now. A system without these files has none.
pub(super) fn now() -> BTreeSet<IpAddr> {
    let read = |file| fs::read_to_string(file).unwrap_or_default();
    v4(&read("/proc/net/route")).chain(v6(&read("/proc/net/ipv6_route"))).collect()
}

/// Lines of `interface destination gateway flags …`; addresses are hexadecimal in the order of this machine's bytes.
fn v4(table: &str) -> impl Iterator<Item = IpAddr> {
    table.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(2);
        let gateway = u32::from_str_radix(fields.next()?, 16).ok()?;
        let flags = u32::from_str_radix(fields.next()?, 16).ok()?;
        (flags & GATEWAY != 0).then(|| IpAddr::V4(Ipv4Addr::from(gateway.to_ne_bytes())))
    })
}

/// Lines of `destination length source length gateway metric references use flags interface`.
fn v6(table: &str) -> impl Iterator<Item = IpAddr> {
    table.lines().filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let gateway = Ipv6Addr::from(u128::from_str_radix(fields.get(4)?, 16).ok()?);
        let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
        (flags & GATEWAY != 0 && !gateway.is_unspecified()).then_some(IpAddr::V6(gateway))
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use gate_dns::Counters;

    use super::{forwards, v4, v6, warning};

    #[test]
    fn a_router_that_forwards_asks_most() {
        let counters = |cached, from_router| Counters { cached, from_router, ..Counters::default() };
        let before = counters(1000, 10);
        assert_eq!(forwards(&before, &counters(1099, 109)), None, "too few to tell");
        assert_eq!(forwards(&before, &counters(1100, 60)), Some(false));
        assert_eq!(forwards(&before, &counters(1100, 61)), Some(true));
        assert!(warning(&["192.0.2.254".parse().unwrap()].into()).contains("(192.0.2.254)"));
    }

    #[test]
    fn routers_are_read_from_the_kernels_tables() {
        let gateway = u32::from_ne_bytes([192, 0, 2, 254]);
        let table = format!(
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
             eth0 00000000 {gateway:08X} 0003 0 0 0 00000000 0 0 0\neth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\nbroken\n"
        );
        assert_eq!(v4(&table).collect::<Vec<_>>(), ["192.0.2.254".parse::<IpAddr>().unwrap()]);
        let table = "\
            00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 1 0 00450003 eth0\n\
            20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 1 0 00000001 eth0\n";
        assert_eq!(v6(table).collect::<Vec<_>>(), ["fe80::1".parse::<IpAddr>().unwrap()]);
    }
}
