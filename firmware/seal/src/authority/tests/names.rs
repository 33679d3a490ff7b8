//! Which domains an authority takes, and what it refuses to be built from.

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, GeneralSubtree, IsCa, KeyPair, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519,
};

use super::{Authority, AuthorityError, NOW, authority, host};

fn generate(domains: &[&str]) -> Result<Authority, AuthorityError> {
    let domains: Vec<String> = domains.iter().map(|domain| (*domain).to_owned()).collect();
    Authority::generate("Example Office", &domains, &host("puck.lan"), NOW)
}

#[test]
fn domains_are_sorted_and_none_lies_within_another() {
    let authority = generate(&["openai.com", "API.openai.com", "mistral.ai", "openai.com."]).unwrap();
    assert_eq!(authority.permitted_domains().collect::<Vec<_>>(), ["mistral.ai", "openai.com", "puck.lan"]);
}

#[test]
fn permits_respects_label_borders() {
    let authority = authority();
    for (name, permitted) in [
        ("openai.com", true),
        ("a.b.openai.com", true),
        ("nanogate.example.org", true),
        ("example.org", false),
        ("notopenai.com", false),
        ("openai.com.evil.example", false),
        ("com", false),
    ] {
        assert_eq!(authority.permits(&host(name)), permitted, "{name}");
    }
}

#[test]
fn bad_domains_are_named() {
    for (domains, said) in [
        (&["com"][..], "`com` is a whole top-level domain; the authority may not vouch for that much"),
        (&["open ai.com"], "`open ai.com` is not a domain name: the name holds a byte that no host name has"),
        (&["*.openai.com"], "`*.openai.com` is not a domain name: the name holds a byte that no host name has"),
        (&["192.0.2.1"], "`192.0.2.1` is not a domain name: an IP address is not a host name"),
        (&[], "an authority for no domain is of no use"),
    ] {
        assert_eq!(generate(domains).unwrap_err().to_string(), said);
    }
}

#[test]
fn the_number_of_domains_is_capped() {
    let domains: Vec<String> = (0..512).map(|n| format!("vendor{n}.example")).collect();
    let names: Vec<&str> = domains.iter().map(String::as_str).collect();
    // One place is the puck's own.
    assert!(generate(&names[..511]).is_ok());
    assert!(matches!(generate(&names), Err(AuthorityError::TooManyDomains { count: 513, cap: 512 })));
}

/// A self-signed root with the given constraints, as somebody else might drop it into the keys folder.
fn foreign_root(ca: IsCa, constraints: Option<NameConstraints>) -> (String, String) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = ca;
    params.name_constraints = constraints;
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn roots_that_could_vouch_for_anything_are_refused() {
    let ca = || IsCa::Ca(BasicConstraints::Constrained(0));
    let dns = |name: &str| NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName(name.to_owned())],
        excluded_subtrees: vec![],
    };
    let no_ip = |permitted: Vec<GeneralSubtree>| NameConstraints {
        permitted_subtrees: permitted,
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    };
    for (ca, constraints, why) in [
        (ca(), None, "no name constraints"),
        (ca(), Some(dns("openai.com")), "it may vouch for IP addresses"),
        (ca(), Some(no_ip(vec![GeneralSubtree::DnsName("com".into())])), "`com` is a whole top-level domain"),
        (ca(), Some(no_ip(vec![])), "permit every domain"),
        (ca(), Some(no_ip(vec![GeneralSubtree::Rfc822Name("a.example".into())])), "something else than domains"),
        (IsCa::Ca(BasicConstraints::Unconstrained), Some(dns("openai.com")), "further authorities"),
        (IsCa::ExplicitNoCa, None, "it may not sign"),
        (IsCa::NoCa, None, "no basic constraints"),
    ] {
        let (cert, key) = foreign_root(ca, constraints);
        let error = Authority::from_pem(&cert, &key).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_key_of_another_root_is_refused() {
    let (one, two) = (authority(), authority());
    let error = Authority::from_pem(&one.cert_pem(), &two.to_pem().unwrap().1).unwrap_err();
    assert!(matches!(error, AuthorityError::KeyMismatch));
}

#[test]
fn files_that_hold_something_else_are_refused_without_an_echo() {
    let (cert, key) = authority().to_pem().unwrap();
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap().serialize_pem();
    assert!(matches!(Authority::from_pem("", &key), Err(AuthorityError::CertificatePem)));
    assert!(matches!(Authority::from_pem(&key, &key), Err(AuthorityError::CertificatePem)));
    for bad in ["", &cert, &ed25519, "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"] {
        let error = Authority::from_pem(&cert, bad).unwrap_err();
        assert!(matches!(error, AuthorityError::KeyPem));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let broken = cert.replacen('M', "N", 1);
    assert!(Authority::from_pem(&broken, &key).is_err());
}
