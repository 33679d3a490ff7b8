//! Who has a port that the resolver wants, as far as the kernel tells everybody: where the other socket listens and whose it
//! is (proc_pid_net(5)). Which process that is only few may know, so known servers are looked for by name.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::unistd::{Uid, User};

/// Programs that take port 53, by the names that the kernel cuts off after 15 bytes.
const SERVERS: [&str; 12] = [
    "systemd-resolve",
    "dnsmasq",
    "unbound",
    "named",
    "pihole-FTL",
    "AdGuardHome",
    "pdns_recursor",
    "kresd",
    "coredns",
    "connmand",
    "stubby",
    "nanogate",
];
/// Where systemd-resolved listens for the programs of its own machine (systemd-resolved.service(8)).
const STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];
/// Tables and names are read up to here; a machine with more has other worries.
const PROCESSES: usize = 4096;

/// The socket that stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    address: SocketAddr,
    user: String,
    /// Servers that run on this machine.
    servers: Vec<String>,
}

impl Holder {
    /// Who has `address`, for a protocol of `/proc/net`; `None` where that cannot be known.
    pub(super) fn of(address: SocketAddr, protocol: &str) -> Option<Self> {
        let tables = [protocol.to_owned(), format!("{protocol}6")].map(|table| format!("/proc/self/net/{table}"));
        let tables = tables.iter().filter_map(|table| fs::read_to_string(table).ok());
        let (address, user) = tables.flat_map(|table| listeners(&table)).find(|(other, _)| overlap(address, *other))?;
        let name = User::from_uid(Uid::from_raw(user)).ok().flatten().map(|user| user.name);
        Some(Self { address, user: name.unwrap_or_else(|| user.to_string()), servers: servers() })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, user, servers } = self;
        if STUBS.contains(&address.ip()) && address.port() == 53 {
            let fix = "`DNSStubListener=no` below `[Resolve]` in /etc/systemd/resolved.conf and a restart of it free the port";
            return write!(f, "systemd-resolved listens at {address}; {fix}");
        }
        write!(f, "a program of the user {user} listens at {address}")?;
        if !servers.is_empty() && address.port() == 53 {
            write!(f, ", perhaps {}", servers.join(" or "))?;
        }
        Ok(())
    }
}

/// Whether the one cannot be listened on because of the other. Ours take one family each; theirs may take both.
fn overlap(ours: SocketAddr, theirs: SocketAddr) -> bool {
    let (our_ip, their_ip) = (ours.ip(), theirs.ip());
    let same_family = our_ip.is_ipv4() == their_ip.is_ipv4();
    let both = their_ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let meet = our_ip == their_ip || same_family && our_ip.is_unspecified() || their_ip.is_unspecified() && same_family;
    ours.port() == theirs.port() && (meet || both)
}

/// Address and user of each socket of a table that waits for anybody.
fn listeners(table: &str) -> Vec<(SocketAddr, u32)> {
    let row = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        // 0A is a TCP socket that listens, 07 a UDP socket without a peer.
        matches!(*fields.get(3)?, "0A" | "07").then_some(())?;
        Some((socket_address(fields.get(1)?)?, fields.get(7)?.parse().ok()?))
    };
    table.lines().skip(1).filter_map(row).collect()
}

/// Reads `0100007F:0035`: each word of the address is one of this machine's, made of bytes in network order.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let words = (0..address.len()).step_by(8).map(|at| u32::from_str_radix(address.get(at..at + 8)?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip: IpAddr = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(v4) => v4.into(),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical(),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// Known servers that run here, this process aside.
fn servers() -> Vec<String> {
    let own = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let names = entries.flatten().take(PROCESSES).filter(|entry| *entry.file_name() != *own).filter_map(|entry| {
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        SERVERS.contains(&name.trim()).then(|| name.trim().to_owned())
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::{Holder, listeners, overlap};

    #[cfg(target_endian = "little")]
    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   991        0 7 1 0
   1: 0100007F:9C40 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 8 1 0
   2: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 07 0:0 00:0 0 53 0 9 1 0
   3: 0000000000000000FFFF0000010200C0:0035 00000000000000000000000000000000:0000 07 0:0 00:0 0 0 0 9 1 0
   4: nonsense
";

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_table_is_read() {
        let found: Vec<_> = listeners(TABLE).into_iter().map(|(address, user)| (address.to_string(), user)).collect();
        let expected = [("127.0.0.53:53", 991), ("[::]:53", 53), ("192.0.2.1:53", 0)];
        assert_eq!(found, expected.map(|(address, user)| (address.to_owned(), user)));
    }

    #[test]
    fn sockets_that_stand_in_each_others_way_are_told() {
        for (ours, theirs, expected) in [
            ("0.0.0.0:53", "127.0.0.53:53", true),
            ("192.0.2.1:53", "0.0.0.0:53", true),
            ("192.0.2.1:53", "192.0.2.1:53", true),
            ("192.0.2.1:53", "192.0.2.2:53", false),
            ("0.0.0.0:53", "127.0.0.53:5353", false),
            ("0.0.0.0:53", "[::]:53", true),
            ("[::]:53", "[::1]:53", true),
            ("[::]:53", "127.0.0.53:53", false),
            ("[2001:db8::1]:53", "0.0.0.0:53", false),
        ] {
            assert_eq!(overlap(ours.parse().unwrap(), theirs.parse().unwrap()), expected, "{ours} {theirs}");
        }
    }

    #[test]
    fn the_holder_is_named_with_what_helps() {
        let told = |address: &str, servers: &[&str]| {
            let servers = servers.iter().map(ToString::to_string).collect();
            Holder { address: address.parse().unwrap(), user: "root".to_owned(), servers }.to_string()
        };
        let stub = told("127.0.0.53:53", &["dnsmasq", "systemd-resolve"]);
        assert!(stub.starts_with("systemd-resolved listens at 127.0.0.53:53; `DNSStubListener=no`"), "{stub}");
        let other = "a program of the user root listens at 192.0.2.1:53, perhaps dnsmasq or named";
        assert_eq!(told("192.0.2.1:53", &["dnsmasq", "named"]), other);
        assert_eq!(told("192.0.2.1:853", &["named"]), "a program of the user root listens at 192.0.2.1:853");
    }
}
