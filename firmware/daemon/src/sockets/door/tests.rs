use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::{IpNet, OwnedFd, program, shut};

const SOON: Duration = Duration::from_millis(200);

fn nets(text: &str) -> Vec<IpNet> {
    text.split_whitespace().map(|net| net.parse().expect("a subnet")).collect()
}

/// Whether a datagram from that address gets through to a socket that is open to these subnets.
fn hears(subnets: &str, source: &str) -> bool {
    let source: IpAddr = source.parse().expect("an address");
    let at = if source.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let door = UdpSocket::bind(at).expect("binds");
    SockRef::from(&door).attach_filter(&program(nets(subnets).iter())).expect("the kernel takes the program");
    door.set_read_timeout(Some(SOON)).expect("a time");
    let asker = UdpSocket::bind((source, 0)).expect("an address of this machine");
    asker.send_to(b"anybody there?", door.local_addr().expect("bound")).expect("sends");
    door.recv(&mut [0; 32]).is_ok()
}

#[test]
fn a_subnet_ends_where_its_mask_says() {
    // (open to, asks, is heard)
    let rows = [
        ("", "127.0.0.1", false),
        ("127.0.0.0/8", "127.9.9.9", true),
        ("127.0.0.2/32", "127.0.0.2", true),
        ("127.0.0.2/32", "127.0.0.3", false),
        ("127.0.0.2/31", "127.0.0.3", true),
        ("127.0.0.2/31", "127.0.0.4", false),
        // A subnet that is written with a host's address is still the subnet.
        ("127.0.0.77/24", "127.0.0.2", true),
        ("10.0.0.0/8 192.168.0.0/16", "127.0.0.1", false),
        ("10.0.0.0/8 127.0.0.0/16 192.168.0.0/16", "127.0.3.3", true),
        ("0.0.0.0/0", "127.0.0.1", true),
        ("0.0.0.0/0", "::1", false),
        ("::1/128", "::1", true),
        ("::/0", "::1", true),
        ("::/64", "::1", true),
        ("::2/127", "::1", false),
        ("::/127", "::1", true),
        ("2001:db8::/32 fe80::/10", "::1", false),
        ("2001:db8::/32 ::/8", "::1", true),
        ("127.0.0.0/8", "::1", false),
    ];
    for (subnets, source, heard) in rows {
        assert_eq!(hears(subnets, source), heard, "open to {subnets:?}, asked from {source}");
    }
}

#[test]
fn a_stranger_finds_no_listener_and_this_machine_does() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = listener.local_addr().expect("bound");
    SockRef::from(&listener)
        .attach_filter(&program(nets("127.0.0.2/32").iter()))
        .expect("the kernel takes the program");
    let connect = |source: &str| {
        let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let source: SocketAddr = source.parse().expect("an address");
        client.bind(&source.into()).expect("binds");
        client.connect_timeout(&address.into(), SOON)
    };
    assert!(connect("127.0.0.3:0").is_err());
    connect("127.0.0.2:0").expect("one of the office");

    let socket = OwnedFd::from(listener);
    shut(&socket, &nets("192.0.2.0/24"));
    TcpStream::connect(address).expect("this machine itself");
}

#[test]
fn as_many_subnets_as_an_owner_may_name_make_a_program_that_the_kernel_takes() {
    let many: Vec<IpNet> =
        (0..200).map(|number| format!("2001:db8:{number:x}:1::/64").parse().expect("a subnet")).collect();
    let door = UdpSocket::bind("[::1]:0").expect("binds");
    SockRef::from(&door).attach_filter(&program(many.iter())).expect("the kernel takes the program");
}
