//! Who names whom.

use std::path::Path;
use std::sync::Arc;

use gate_core::HostName;

use super::{Names, Place};
use crate::config::Forward;
use crate::parse::{Query, kind};

const LAN: Place<'_> = Place { domain: "lan", forwards: &[], own_names: &[] };

/// A hosts file.
fn hosts_file(names: &mut Names, text: &str, domain: &str) {
    names.add_hosts(&Arc::from(Path::new("/hosts")), text, domain);
}

/// A file of leases, read at 1000; what of it is left out.
fn leases_file(names: &mut Names, text: &str, office: Place<'_>) -> Vec<String> {
    names.add_leases(&[(Arc::from(Path::new("/leases")), text.into())], office, 1000)
}

fn hosts(names: &Names) -> Vec<String> {
    let mut hosts: Vec<_> = names.pointers.iter().map(|(ip, (host, _))| format!("{host} {ip}")).collect();
    hosts.sort();
    hosts
}

#[test]
fn reads_hosts_as_they_are_written() {
    let mut names = Names::default();
    hosts_file(
        &mut names,
        "# office\n192.168.7.9 nas NAS.other.example # disk\nfd00::9\tnas\n bad line\n\n1.2.3 x\n",
        "lan",
    );
    assert_eq!(hosts(&names), ["nas.lan 192.168.7.9", "nas.lan fd00::9"]);
    assert_eq!(names.len(), 2, "nas.lan and nas.other.example");
}

#[test]
fn what_a_host_calls_itself_comes_after_what_the_office_calls_it() {
    let mut names = Names::default();
    hosts_file(&mut names, "192.168.7.9 nas", "lan");
    let guest = "192.168.7.66".parse().unwrap();
    names.add_announced("nas", guest, &[guest], LAN);
    let printer = ["192.168.7.30", "fd00::30"].map(|ip| ip.parse().unwrap());
    names.add_announced("printer", printer[0], &printer, LAN);
    let expected =
        ["nas.lan 192.168.7.9", "nas.local 192.168.7.66", "printer.lan 192.168.7.30", "printer.lan fd00::30"];
    assert_eq!(hosts(&names), expected);
    assert_eq!(names.len(), 4, "printer.local leads to it too");
}

#[test]
fn a_lease_names_itself_only_inside_the_domain() {
    let mut names = Names::default();
    let text = "2000 aa:bb:cc:dd:ee:ff 192.168.7.20 laptop 01:aa\n\
                2000 aa:bb:cc:dd:ee:fe 192.168.7.21 api.openai.com *\n\
                2000 aa:bb:cc:dd:ee:fd 192.168.7.22 wpad *\n\
                2000 aa:bb:cc:dd:ee:fc 192.168.7.23 * *\n\
                999 aa:bb:cc:dd:ee:fb 192.168.7.24 gone *\n\
                0 aa:bb:cc:dd:ee:fa 192.168.7.25 printer *\n\
                duid 00:01:00:01\n";
    assert!(leases_file(&mut names, text, LAN).is_empty());
    assert_eq!(hosts(&names), ["api.lan 192.168.7.21", "laptop.lan 192.168.7.20", "printer.lan 192.168.7.25"]);
}

#[test]
fn no_machine_names_itself_inside_a_zone_of_the_offices_servers() {
    let zones = ["corp.example", "7.168.192.in-addr.arpa"].map(|zone| HostName::parse(zone.as_bytes()).unwrap());
    let forwards = [Forward { zones: zones.map(Into::into).to_vec(), upstreams: Vec::new() }];
    let office = Place { domain: "corp.example", forwards: &forwards, own_names: &[] };
    let mut names = Names::default();
    hosts_file(&mut names, "192.168.7.9 nas", "corp.example");
    let lease = "0 aa:bb:cc:dd:ee:ff 192.168.7.66 dc1 *\n0 aa:bb:cc:dd:ee:fe 192.168.8.66 dc2 *\n";
    leases_file(&mut names, lease, office);
    let addresses = ["192.168.7.66", "192.168.8.66", "fd00::66"].map(|ip| ip.parse().unwrap());
    names.add_announced("dc1", addresses[0], &addresses, office);
    // Another machine's IPv4 address does not lead back to whoever claims it.
    let expected = ["dc1.local fd00::66", "nas.corp.example 192.168.7.9"];
    assert_eq!(hosts(&names), expected, "neither forth nor back; the owner's own file may");
    assert_eq!(names.len(), 2, "nas.corp.example and dc1.local");
    let local = [Forward { zones: vec![HostName::parse(b"local").unwrap().into()], upstreams: Vec::new() }];
    let mut names = Names::default();
    names.add_announced("dc1", addresses[0], &addresses, Place { domain: "lan", forwards: &local, own_names: &[] });
    assert_eq!(names.len(), 1, "dc1.lan");
}

/// What is answered to a question, or the code where it is none of ours.
fn told(names: &Names, name: &str, kind: u16) -> Option<Vec<String>> {
    let name = crate::parse::Name::of_text(name);
    let mut bytes = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    bytes.extend_from_slice(name.folded());
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    let query = Query::read(&bytes).ok().unwrap();
    let data = names.answer(&query)?.data;
    Some(data.iter().map(|data| format!("{data:?}")).collect())
}

#[test]
fn a_file_keeps_its_names_from_leases_and_both_from_announcements() {
    let mut names = Names::default();
    let own_names = [HostName::parse(b"puck.lan").unwrap()];
    let office = Place { own_names: &own_names, ..LAN };
    hosts_file(&mut names, "192.168.7.30 printer\n192.168.7.31 nas nas.local\nfd00::31 nas\n", "lan");
    let text = "4000 aa:bb:cc:dd:ee:01 192.168.7.43 printer *\n4000 aa:bb:cc:dd:ee:02 192.168.7.31 nas *\n\
                4000 aa:bb:cc:dd:ee:03 192.168.7.44 puck *\n4000 aa:bb:cc:dd:ee:04 192.168.7.45 laptop *\n";
    let left_out = leases_file(&mut names, text, office);
    let expected = [
        "192.168.7.43 calls itself printer, which the hosts file /hosts already names; a lease in /leases",
        "192.168.7.44 calls itself puck, which this device already names; a lease in /leases",
    ];
    assert_eq!(left_out, expected, "a lease of the very machine is no news");
    let guest = ["192.168.7.66".parse().unwrap()];
    for label in ["printer", "nas", "laptop", "puck"] {
        names.add_announced(label, guest[0], &guest, office);
    }
    assert_eq!(told(&names, "printer.lan", kind::A).unwrap(), ["Address(192.168.7.30)"]);
    assert_eq!(told(&names, "nas.lan", kind::A).unwrap(), ["Address(192.168.7.31)"]);
    assert_eq!(told(&names, "nas.local", kind::A).unwrap(), ["Address(192.168.7.31)"], "also by its other name");
    assert_eq!(told(&names, "laptop.lan", kind::A).unwrap(), ["Address(192.168.7.45)"]);
    assert_eq!(told(&names, "puck.lan", kind::A), None);
    let expected = [
        "laptop.lan 192.168.7.45",
        "nas.lan 192.168.7.31",
        "nas.lan fd00::31",
        "printer.lan 192.168.7.30",
        "printer.local 192.168.7.66",
    ];
    assert_eq!(hosts(&names), expected, "nor does anything lead back to a name of another's");
}

#[test]
fn of_two_leases_of_one_name_the_newer_one_has_it() {
    let mut names = Names::default();
    let text = "5000 aa:bb:cc:dd:ee:01 192.168.7.40 laptop 01:aa\n4000 aa:bb:cc:dd:ee:02 192.168.7.41 Laptop 01:bb\n\
                duid 00:01\n3000 77 fd00::40 laptop 00:aa\n2000 78 fd00::41 laptop 00:aa\n2500 79 fd00::42 laptop 00:bb\n";
    let left_out = leases_file(&mut names, text, LAN);
    assert_eq!(told(&names, "laptop.lan", kind::A).unwrap(), ["Address(192.168.7.40)"]);
    assert_eq!(told(&names, "laptop.lan", kind::AAAA).unwrap(), ["Address(fd00::40)", "Address(fd00::41)"]);
    let expected = [
        "192.168.7.41 calls itself laptop, as 192.168.7.40 does with a newer lease",
        "fd00::42 calls itself laptop, as fd00::40 does with a newer lease",
    ];
    assert_eq!(left_out, expected);
    let files = [("/a", "2000 aa:bb:cc:dd:ee:01 192.168.7.50 x *\n"), ("/b", "0 aa:bb:cc:dd:ee:02 192.168.7.51 x *\n")];
    let mut names = Names::default();
    let left_out = names.add_leases(&files.map(|(file, text)| (Arc::from(Path::new(file)), text.into())), LAN, 1000);
    assert_eq!(left_out.len(), 1);
    assert_eq!(told(&names, "x.lan", kind::A).unwrap(), ["Address(192.168.7.51)"], "of several files as well");
}

#[test]
fn the_machine_that_a_hosts_file_lies_on_is_no_host_of_the_office() {
    let mut names = Names::default();
    let text = "127.0.0.1 localhost localhost.localdomain\n127.0.1.1 server.lan server\n::1 localhost ip6-localhost ip6-loopback\n\
                fe00::0 ip6-localnet\nff02::1 ip6-allnodes\n255.255.255.255 broadcasthost\n192.168.7.9 localhost nas\n\
                127.0.0.1 ads.example\n0.0.0.0 spy.example\n";
    hosts_file(&mut names, text, "lan");
    assert_eq!(hosts(&names), ["nas.lan 192.168.7.9"]);
    for name in ["localhost", "localhost.lan", "server", "server.lan", "ip6-localhost.lan", "ip6-allnodes.lan"] {
        assert_eq!(told(&names, name, kind::A), None, "{name}");
        assert_eq!(told(&names, name, kind::AAAA), None, "{name}");
    }
    assert_eq!(told(&names, "1.0.0.127.in-addr.arpa", kind::PTR), None);
    assert_eq!(told(&names, "ads.example", kind::A).unwrap(), ["Address(127.0.0.1)"], "who blocks names so goes on so");
    assert_eq!(told(&names, "spy.example", kind::A).unwrap(), ["Address(0.0.0.0)"]);
    let mut names = Names::default();
    leases_file(&mut names, "0 aa:bb:cc:dd:ee:01 192.168.7.40 localhost *\n", LAN);
    let guest = "192.168.7.66".parse().unwrap();
    names.add_announced("ip6-localhost", guest, &[guest], LAN);
    assert_eq!(told(&names, "localhost.lan", kind::A), None);
}

#[test]
fn hosts_of_files_answer_without_the_domain_too() {
    let mut names = Names::default();
    hosts_file(&mut names, "192.168.7.30 Printer nas.lan\n192.168.7.31 dev\n", "lan");
    leases_file(&mut names, "0 aa:bb:cc:dd:ee:01 192.168.7.40 laptop *\n", LAN);
    assert_eq!(told(&names, "printer", kind::A).unwrap(), ["Address(192.168.7.30)"]);
    assert_eq!(told(&names, "printer", kind::AAAA).unwrap(), Vec::<String>::new());
    assert_eq!(told(&names, "nas", kind::A), None, "it was written with its domain");
    assert_eq!(told(&names, "laptop", kind::A), None, "a guest has no name beside those of the internet's zones");
    for kind in [kind::NS, kind::DS, kind::SOA] {
        assert_eq!(told(&names, "dev", kind), None, "which is a zone of the internet as well");
    }
}
