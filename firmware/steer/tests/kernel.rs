//! The rule set in a real kernel: what nft says of it, and what it does to real packets.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use gate_steer::{
    Applied, ApplyError, DESTINATIONS_CAP, Desired, Mode, RESOLVERS_CAP, ReadError, Rule, apply, event, list,
    original_destination, remove, render,
};
use lab::{Host, alone, alone_under, ip, run};

mod lab;

const TABLE: &str = "nanogate";
const PATIENCE: Duration = Duration::from_secs(5);

fn addresses<T: FromIterator<IpAddr>>(list: &[&str]) -> T {
    list.iter().map(|address| address.parse().unwrap()).collect()
}

fn desired(mode: Mode, destinations: &[&str]) -> Desired {
    Desired {
        table: TABLE.to_owned(),
        mode,
        own: addresses(&["192.0.2.53", "2001:db8:1::53"]),
        proxy_port: 8443,
        http_port: 8088,
        destinations: addresses(destinations),
        resolvers: BTreeSet::new(),
        interfaces: Vec::new(),
        capture_dns: None,
    }
}

fn apply_desired(desired: &Desired) -> Applied {
    apply(&render(desired).unwrap()).unwrap()
}

/// Text without differences in white space, which nft changes between versions.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn socket(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

/// Connects from another host and says who the listener there thinks was meant.
fn meant(client: &Host, to: &str, listener: &TcpListener) -> String {
    let to = socket(to);
    let connecting = client.run(move || TcpStream::connect_timeout(&to, PATIENCE).unwrap());
    let (accepted, peer) = listener.accept().unwrap();
    assert_eq!(peer.port(), connecting.local_addr().unwrap().port());
    original_destination(&accepted).unwrap().to_string()
}

fn connect_error(client: &Host, to: &str) -> ErrorKind {
    let to = socket(to);
    client.run(move || TcpStream::connect_timeout(&to, PATIENCE).unwrap_err().kind())
}

/// Sends a datagram from another host: the answer, or how it was refused.
fn datagram(client: &Host, to: &str) -> Result<Vec<u8>, ErrorKind> {
    let to = socket(to);
    client.run(move || {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(to).unwrap();
        socket.send(b"ping").unwrap();
        let mut buffer = [0; 16];
        let length = socket.recv(&mut buffer).map_err(|error| error.kind())?;
        Ok(buffer[..length].to_vec())
    })
}

#[test]
fn nft_prints_the_table_as_we_do() {
    alone("nft_prints_the_table_as_we_do", || {
        let destinations = ["198.51.100.7", "203.0.113.10", "203.0.113.11", "2001:db8:2::10", "2001:db8:2::11"];
        let of = |mode, interfaces: &[&str]| Desired {
            interfaces: interfaces.iter().map(ToString::to_string).collect(),
            ..desired(mode, &destinations)
        };
        let rows = [
            of(Mode::Dns, &[]),
            of(Mode::Gateway, &[]),
            of(Mode::Gateway, &["eth0", "br-lan.100"]),
            Desired { capture_dns: Some(53), ..of(Mode::Gateway, &["eth0"]) },
            Desired { resolvers: addresses(&["8.8.8.8", "2001:4860:4860::8888"]), ..of(Mode::Gateway, &["eth0"]) },
            Desired { own: Vec::new(), destinations: BTreeSet::new(), ..of(Mode::Gateway, &[]) },
        ];
        for desired in rows {
            let set = render(&desired).unwrap();
            let applied = apply(&set).unwrap();
            assert_eq!(applied.rules as usize, set.rules());
            assert_eq!(list(TABLE).unwrap(), set);
            assert_eq!(words(&run("nft", &["list", "table", "inet", TABLE])), words(&set.to_nft()));
        }
    });
}

#[test]
fn dns_mode_steers_own_addresses_only() {
    alone("dns_mode_steers_own_addresses_only", || {
        let client = Host::new();
        client.plug("lan0", &["192.0.2.53/24", "2001:db8:1::53/64"], &["192.0.2.10/24", "2001:db8:1::10/64"]);
        // The second address of the interface: a redirect leads to the first, the original destination tells.
        ip("address add 192.0.2.54/24 dev lan0");
        let own = addresses(&["192.0.2.53", "192.0.2.54", "2001:db8:1::53"]);
        apply_desired(&Desired { own, ..desired(Mode::Dns, &[]) });
        let (tls, http) = (TcpListener::bind("[::]:8443").unwrap(), TcpListener::bind("[::]:8088").unwrap());
        let ssh = TcpListener::bind("[::]:22").unwrap();
        let rows = [
            ("192.0.2.53:443", &tls),
            ("192.0.2.54:443", &tls),
            ("[2001:db8:1::53]:443", &tls),
            ("192.0.2.53:80", &http),
            ("[2001:db8:1::53]:80", &http),
            // Not redirected: the local address.
            ("192.0.2.53:8443", &tls),
            ("[2001:db8:1::53]:8443", &tls),
            ("192.0.2.53:22", &ssh),
        ];
        for (to, listener) in rows {
            assert_eq!(meant(&client, to, listener), to);
        }
        // An IPv4 socket as well as a dual-stack one.
        drop(tls);
        let tls = TcpListener::bind("0.0.0.0:8443").unwrap();
        assert_eq!(meant(&client, "192.0.2.54:443", &tls), "192.0.2.54:443");
    });
}

#[test]
fn a_proxy_on_443_itself_is_reached() {
    alone("a_proxy_on_443_itself_is_reached", || {
        let (client, internet) = routed();
        serve(&internet);
        apply_desired(&Desired { proxy_port: 443, http_port: 80, ..desired(Mode::Gateway, &AI) });
        let proxy = TcpListener::bind("[::]:443").unwrap();
        for to in AI_TLS.into_iter().chain(["192.0.2.53:443", "[2001:db8:1::53]:443"]) {
            assert_eq!(meant(&client, to, &proxy), to);
        }
    });
}

#[test]
fn udp_443_is_refused_even_where_somebody_listens() {
    alone("udp_443_is_refused_even_where_somebody_listens", || {
        let client = Host::new();
        client.plug("lan0", &["192.0.2.53/24", "2001:db8:1::53/64"], &["192.0.2.10/24", "2001:db8:1::10/64"]);
        let quic = UdpSocket::bind("[::]:443").unwrap();
        let dns = UdpSocket::bind("[::]:53").unwrap();
        quic.set_nonblocking(true).unwrap();
        dns.set_nonblocking(true).unwrap();
        apply_desired(&desired(Mode::Dns, &[]));
        for to in ["192.0.2.53:443", "[2001:db8:1::53]:443"] {
            assert_eq!(datagram(&client, to), Err(ErrorKind::ConnectionRefused), "{to}");
        }
        assert_eq!(quic.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
        // Other ports are none of our business.
        client.run(|| UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"ping", "192.0.2.53:53").unwrap());
        assert_eq!(dns.recv(&mut [0; 16]).unwrap(), 4);
    });
}

/// Client, router (here) and the internet, with forwarding on.
fn routed() -> (Host, Host) {
    let (client, internet) = (Host::new(), Host::new());
    client.plug("lan0", &["192.0.2.53/24", "2001:db8:1::53/64"], &["192.0.2.10/24", "2001:db8:1::10/64"]);
    let hosts = ["203.0.113.10/24", "203.0.113.20/24", "2001:db8:2::10/64", "2001:db8:2::20/64"];
    internet.plug("wan0", &["203.0.113.254/24", "2001:db8:2::254/64"], &hosts);
    client.run(|| ip("route add default via 192.0.2.53"));
    client.run(|| ip("-6 route add default via 2001:db8:1::53"));
    internet.run(|| ip("route add default via 203.0.113.254"));
    internet.run(|| ip("-6 route add default via 2001:db8:2::254"));
    for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        std::fs::write(format!("/proc/sys/net/{switch}"), "1").unwrap();
    }
    (client, internet)
}

/// A web server that answers each connection with a word, and UDP ports that echo.
fn serve(internet: &Host) {
    let tcp = internet.run(|| TcpListener::bind("[::]:443").unwrap());
    std::thread::spawn(move || {
        for stream in tcp.incoming() {
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                stream.write_all(b"real").and_then(|()| io::copy(&mut stream, &mut io::sink()))
            });
        }
    });
    // One socket for each address, or answers would come from another one than was asked.
    for address in AI_TLS.into_iter().chain(OTHER_TLS) {
        let udp = internet.run(move || UdpSocket::bind(address).unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 16];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                udp.send_to(&buffer[..length], from).unwrap();
            }
        });
    }
}

/// Connects from the client and reads the server's word.
fn reach(client: &Host, to: &str) -> TcpStream {
    let to = socket(to);
    client.run(move || {
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut word = [0; 4];
        stream.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"real");
        stream
    })
}

const AI: [&str; 2] = ["203.0.113.10", "2001:db8:2::10"];
const AI_TLS: [&str; 2] = ["203.0.113.10:443", "[2001:db8:2::10]:443"];
const OTHER_TLS: [&str; 2] = ["203.0.113.20:443", "[2001:db8:2::20]:443"];

#[test]
fn gateway_mode_steers_destinations_and_passes_the_rest() {
    alone("gateway_mode_steers_destinations_and_passes_the_rest", || {
        let (client, internet) = routed();
        serve(&internet);
        let applied = apply_desired(&desired(Mode::Gateway, &AI));
        assert_eq!(applied.destinations, 2);
        let proxy = TcpListener::bind("[::]:8443").unwrap();
        for to in AI_TLS.into_iter().chain(["192.0.2.53:443"]) {
            assert_eq!(meant(&client, to, &proxy), to);
        }
        let http = TcpListener::bind("[::]:8088").unwrap();
        assert_eq!(meant(&client, "203.0.113.10:80", &http), "203.0.113.10:80");
        for to in OTHER_TLS {
            reach(&client, to);
            assert_eq!(datagram(&client, to).unwrap(), b"ping");
        }
        for to in AI_TLS {
            assert_eq!(datagram(&client, to), Err(ErrorKind::ConnectionRefused), "{to}");
        }
        // The proxy's own connections to the same addresses leave untouched.
        for to in AI_TLS {
            TcpStream::connect_timeout(&socket(to), PATIENCE).unwrap();
        }
        // Nobody on the proxy's port: refused, not passed.
        drop(proxy);
        for to in AI_TLS {
            assert_eq!(connect_error(&client, to), ErrorKind::ConnectionRefused, "{to}");
        }
    });
}

#[test]
fn questions_to_others_are_answered_here_where_that_is_asked_for() {
    alone("questions_to_others_are_answered_here_where_that_is_asked_for", || {
        let (client, internet) = routed();
        serve(&internet);
        let others = ["203.0.113.80", "2001:db8:2::80"];
        let to = |address: &str, port: u16| SocketAddr::new(address.parse().unwrap(), port).to_string();
        let resolver = UdpSocket::bind("[::]:53").unwrap();
        let answers = std::thread::spawn(move || {
            let mut buffer = [0; 16];
            for _ in 0..2 {
                let (_, from) = resolver.recv_from(&mut buffer).unwrap();
                resolver.send_to(b"here", from).unwrap();
            }
        });
        apply_desired(&Desired { capture_dns: Some(53), ..desired(Mode::Gateway, &AI) });
        for other in others {
            assert_eq!(datagram(&client, &to(other, 53)), Ok(b"here".to_vec()), "{other}");
            assert_eq!(connect_error(&client, &to(other, 853)), ErrorKind::ConnectionRefused, "{other}");
            assert_eq!(datagram(&client, &to(other, 853)), Err(ErrorKind::ConnectionRefused), "{other}");
        }
        answers.join().unwrap();
    });
}

#[test]
fn resolvers_that_are_refused_lead_to_the_proxy_and_nowhere_else() {
    alone("resolvers_that_are_refused_lead_to_the_proxy_and_nowhere_else", || {
        let (client, internet) = routed();
        serve(&internet);
        let others = ["203.0.113.20", "2001:db8:2::20"];
        let to = |address: &str, port: u16| SocketAddr::new(address.parse().unwrap(), port).to_string();
        let old = others.map(|other| reach(&client, &to(other, 443)));
        apply_desired(&Desired { resolvers: addresses(&others), ..desired(Mode::Gateway, &[]) });
        let proxy = TcpListener::bind("[::]:8443").unwrap();
        for (other, mut old) in others.into_iter().zip(old) {
            assert_eq!(meant(&client, &to(other, 443), &proxy), to(other, 443));
            assert_eq!(datagram(&client, &to(other, 443)), Err(ErrorKind::ConnectionRefused), "{other}");
            assert_eq!(connect_error(&client, &to(other, 853)), ErrorKind::ConnectionRefused, "{other}");
            assert_eq!(datagram(&client, &to(other, 853)), Err(ErrorKind::ConnectionRefused), "{other}");
            let outcome = client.run(move || old.write_all(b"question").and_then(|()| old.read(&mut [0; 16])));
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionReset, "{other}");
        }
    });
}

#[test]
fn a_connection_older_than_its_address_in_the_set_is_reset() {
    alone("a_connection_older_than_its_address_in_the_set_is_reset", || {
        let (client, internet) = routed();
        serve(&internet);
        apply_desired(&desired(Mode::Gateway, &[]));
        let old = AI_TLS.map(|to| reach(&client, to));
        let kept = OTHER_TLS.map(|to| reach(&client, to));
        apply_desired(&desired(Mode::Gateway, &AI));
        for mut stream in old {
            let outcome = client.run(move || stream.write_all(b"prompt").and_then(|()| stream.read(&mut [0; 16])));
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        for mut stream in kept {
            client.run(move || stream.write_all(b"not a prompt").unwrap());
        }
        let proxy = TcpListener::bind("[::]:8443").unwrap();
        for to in AI_TLS {
            assert_eq!(meant(&client, to, &proxy), to);
        }
    });
}

#[test]
fn only_the_named_interfaces_are_steered() {
    alone("only_the_named_interfaces_are_steered", || {
        let (client, internet) = routed();
        serve(&internet);
        let only = |name: &str| Desired { interfaces: vec![name.to_owned()], ..desired(Mode::Gateway, &AI) };
        apply_desired(&only("wan0"));
        AI_TLS.into_iter().for_each(|to| drop(reach(&client, to)));
        apply_desired(&only("lan0"));
        let proxy = TcpListener::bind("[::]:8443").unwrap();
        for to in AI_TLS {
            assert_eq!(meant(&client, to, &proxy), to);
        }
    });
}

#[test]
fn the_table_is_replaced_whole_and_others_are_left_alone() {
    alone("the_table_is_replaced_whole_and_others_are_left_alone", || {
        run("nft", &["add", "table", "inet", "other"]);
        run("nft", &["add", "chain", "inet", "other", "steer"]);
        apply_desired(&desired(Mode::Gateway, &AI));
        let meddle = ["add", "rule", "inet", TABLE, "steer", "tcp", "dport", "443", "counter", "accept"];
        run("nft", &meddle);
        run("nft", &["add", "set", "inet", TABLE, "mine", "{ type inet_service; elements = { 22 }; }"]);
        let live = list(TABLE).unwrap();
        let foreign = live.chains[0].rules.last().unwrap();
        assert_eq!(*foreign, Rule::Foreign("meta, cmp, payload, cmp, counter, immediate".to_owned()));
        assert!(live.to_nft().contains("# not ours: 1 elements of type 13"), "{live}");

        let set = render(&desired(Mode::Dns, &[])).unwrap();
        apply(&set).unwrap();
        assert_eq!(list(TABLE).unwrap(), set);
        assert!(list("other").unwrap().chains[0].rules.is_empty());
        remove(TABLE).unwrap();
        remove(TABLE).unwrap();
        assert!(matches!(list(TABLE), Err(ReadError::NoTable { table }) if table == TABLE));
        assert!(list("other").is_ok());
    });
}

#[test]
fn a_table_of_somebody_else_is_neither_replaced_nor_removed() {
    alone("a_table_of_somebody_else_is_neither_replaced_nor_removed", || {
        run("nft", &["add", "table", "inet", TABLE]);
        run("nft", &["add", "chain", "inet", TABLE, "input", "{ type filter hook input priority 0; policy drop; }"]);
        let before = run("nft", &["list", "ruleset"]);
        let outcome = apply(&render(&desired(Mode::Dns, &[])).unwrap());
        let error = outcome.as_ref().unwrap_err();
        assert!(matches!(error, ApplyError::NotOurs { chain, .. } if chain == "input"), "{error}");
        assert!(matches!(remove(TABLE), Err(ApplyError::NotOurs { .. })));
        assert_eq!(run("nft", &["list", "ruleset"]), before);

        let event = event(TABLE, &outcome);
        assert!(!event.verified && event.error.unwrap().contains("steer.table"));
    });
}

#[test]
fn the_largest_rule_set_fits_one_transaction() {
    alone("the_largest_rule_set_fits_one_transaction", || {
        let v6 = |number: usize| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | number as u128));
        let v4 = |number: usize| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | number as u32));
        for address in [v6 as fn(usize) -> IpAddr, v4] {
            let destinations = (1..=DESTINATIONS_CAP).map(address).collect();
            let interfaces = (0..gate_steer::INTERFACES_CAP).map(|number| format!("interface{number}")).collect();
            let resolvers = (1..=RESOLVERS_CAP).map(|number| address(DESTINATIONS_CAP + number)).collect();
            let desired = Desired { destinations, resolvers, interfaces, ..desired(Mode::Gateway, &[]) };
            let applied = apply_desired(&desired);
            assert_eq!(applied.destinations as usize, DESTINATIONS_CAP);
        }
    });
}

#[test]
fn without_the_capability_the_error_names_it() {
    let bound = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    alone_under(&bound, "without_the_capability_the_error_names_it", || {
        let error = apply(&render(&desired(Mode::Dns, &[])).unwrap()).unwrap_err();
        assert!(matches!(error, ApplyError::Permission { .. }), "{error}");
        assert_eq!(error.to_string(), "table nanogate: needs CAP_NET_ADMIN");
        assert!(matches!(list(TABLE), Err(ReadError::Permission { .. })));
    });
}
