//! If the authority's key were stolen: names and addresses outside its constraints, and everything it was not made for.

use std::net::IpAddr;

use super::{Authority, HOUR, IssueError, LeafRequest, NOW, UnixMicros, accepted, authority, host, openssl, webpki};
use crate::{LEAF_MAX_DAYS, issue_self_signed};

#[test]
fn names_outside_are_refused_here_and_by_both_verifiers() {
    let authority = authority();
    for name in ["bank.example", "notopenai.com", "example.org"] {
        let names = [host(name)];
        let error = authority.issue(LeafRequest { dns_names: &names, now: NOW, days: 7 }).unwrap_err();
        assert!(matches!(error, IssueError::Outside { name: outside } if outside == names[0]));
        // The same leaf made with the key alone, as a thief would.
        let stolen = authority.sign(&names, &[], NOW, 7).unwrap();
        let rustls = webpki(authority.cert_der(), &stolen.chain_der[0], name, NOW).unwrap_err();
        assert!(rustls.to_string().contains("NameConstraintViolation"), "{rustls}");
        let openssl = openssl(authority.cert_der(), &stolen.chain_der[0], name, NOW);
        let said = String::from_utf8_lossy(&openssl.stderr);
        assert!(!openssl.status.success() && said.contains("permitted subtree violation"), "{said}");
    }
}

#[test]
fn one_name_outside_spoils_the_others() {
    let authority = authority();
    let names = [host("api.openai.com"), host("bank.example")];
    assert!(authority.issue(LeafRequest { dns_names: &names, now: NOW, days: 7 }).is_err());
    let stolen = authority.sign(&names, &[], NOW, 7).unwrap();
    assert!(!accepted(authority.cert_der(), &stolen.chain_der[0], "api.openai.com", NOW));
}

#[test]
fn addresses_are_refused_by_both_verifiers() {
    let authority = authority();
    for address in ["192.0.2.53", "2001:db8:1::53"] {
        let ip: IpAddr = address.parse().unwrap();
        let stolen = authority.sign(&[host("api.openai.com")], &[ip], NOW, 7).unwrap();
        assert!(!accepted(authority.cert_der(), &stolen.chain_der[0], address, NOW), "{address}");
        assert!(!accepted(authority.cert_der(), &stolen.chain_der[0], "api.openai.com", NOW), "{address}");
    }
}

#[test]
fn a_leaf_cannot_sign_another() {
    let authority = authority();
    let names = [host("api.openai.com")];
    let leaf = authority.issue(LeafRequest { dns_names: &names, now: NOW, days: 7 }).unwrap();
    let output = openssl(&leaf.chain_der[0], &leaf.chain_der[0], "api.openai.com", NOW);
    assert!(!output.status.success(), "a leaf is no anchor");
    let key = super::pem("PRIVATE KEY", leaf.key_der.secret_pkcs8_der());
    let cert = super::pem("CERTIFICATE", &leaf.chain_der[0]);
    assert!(Authority::from_pem(&cert, &key).is_err());
}

#[test]
fn a_leaf_has_a_name_a_life_and_a_cap() {
    let authority = authority();
    let one = [host("openai.com")];
    let issue = |dns_names, days| authority.issue(LeafRequest { dns_names, now: NOW, days });
    assert!(matches!(issue(&[], 7), Err(IssueError::NoName)));
    assert!(matches!(issue(&one, 0), Err(IssueError::Days { .. })));
    assert!(matches!(issue(&one, LEAF_MAX_DAYS + 1), Err(IssueError::Days { days: 8, cap: 7 })));
    let many: Vec<_> = (0..65).map(|n| host(&format!("n{n}.openai.com"))).collect();
    assert!(issue(&many[..64], 7).is_ok());
    assert!(matches!(issue(&many, 7), Err(IssueError::TooManyNames { count: 65, cap: 64 })));
}

#[test]
fn the_page_s_identity_serves_addresses_and_is_no_authority() {
    let ips: [IpAddr; 3] = ["192.0.2.53", "2001:db8:1::53", "::ffff:192.0.2.54"].map(|ip| ip.parse().unwrap());
    let page = issue_self_signed(&[host("puck.lan")], &ips, NOW).unwrap();
    let cert = &page.chain_der[0];
    for name in ["puck.lan", "192.0.2.53", "2001:db8:1::53", "192.0.2.54"] {
        assert!(openssl(cert, cert, name, NOW).status.success(), "{name}");
    }
    assert!(!openssl(cert, cert, "192.0.2.99", NOW).status.success());
    assert_eq!(page.not_after, UnixMicros(NOW.0 + 397 * 24 * HOUR));
    assert!(super::text(cert).contains("CA:FALSE"));
    assert!(matches!(issue_self_signed(&[], &[], NOW), Err(IssueError::NoName)));
    assert!(matches!(issue_self_signed(&[], &ips, UnixMicros(u64::MAX)), Err(IssueError::Time(_))));
}
