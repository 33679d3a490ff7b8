use gate_core::HostName;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::extensions::{GeneralName, NameConstraints as ParsedConstraints};

use super::AuthorityError;

/// Verifiers walk the list for every name of every leaf, and browsers cap the work; the catalogue has some hundred.
const DOMAINS_CAP: usize = 512;

/// The domains an authority may vouch for: sorted, and none within another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Constraints {
    domains: Vec<HostName>,
}

impl Constraints {
    pub(super) fn new(domains: &[String], own_name: &HostName) -> Result<Self, AuthorityError> {
        if domains.is_empty() {
            return Err(AuthorityError::NoDomain);
        }
        let mut parsed = vec![own_name.clone()];
        for name in domains {
            parsed.push(parse(name)?);
        }
        Self::of(parsed)
    }

    /// Reads the constraints of a root; anything that is not exactly what [`to_rcgen`](Self::to_rcgen) writes in kind
    /// is refused.
    pub(super) fn from_x509(parsed: &ParsedConstraints<'_>) -> Result<Self, AuthorityError> {
        let permitted = parsed.permitted_subtrees.as_deref().unwrap_or_default();
        let mut domains = Vec::with_capacity(permitted.len().min(DOMAINS_CAP));
        for subtree in permitted {
            match &subtree.base {
                GeneralName::DNSName(name) => domains.push(parse(name)?),
                _ => return Err(AuthorityError::NotOurs("it permits something else than domains")),
            }
        }
        if domains.is_empty() {
            return Err(AuthorityError::NotOurs("its name constraints permit every domain"));
        }
        let excluded = parsed.excluded_subtrees.as_deref().unwrap_or_default();
        for everything in [[0; 8].as_slice(), &[0; 32]] {
            let excludes = |base: &GeneralName<'_>| matches!(base, GeneralName::IPAddress(net) if *net == everything);
            if !excluded.iter().any(|subtree| excludes(&subtree.base)) {
                return Err(AuthorityError::NotOurs("it may vouch for IP addresses"));
            }
        }
        Self::of(domains)
    }

    fn of(mut domains: Vec<HostName>) -> Result<Self, AuthorityError> {
        if domains.len() > DOMAINS_CAP {
            return Err(AuthorityError::TooManyDomains { count: domains.len(), cap: DOMAINS_CAP });
        }
        if let Some(broad) = domains.iter().find(|name| !name.as_str().contains('.')) {
            return Err(AuthorityError::TooBroad { name: broad.to_string() });
        }
        domains.sort();
        domains.dedup();
        let all = domains.clone();
        domains.retain(|name| !all.iter().any(|other| other != name && name.is_within(other.as_str())));
        Ok(Self { domains })
    }

    pub(super) fn permits(&self, name: &HostName) -> bool {
        self.domains.iter().any(|domain| name.is_within(domain.as_str()))
    }

    pub(super) fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(HostName::as_str)
    }

    /// RFC 5280 section 4.2.1.10: a kind of name that no constraint speaks of is *permitted*, so addresses have to be
    /// excluded outright: all of IPv4 and all of IPv6. Mail needs none: the root is for TLS servers only.
    pub(super) fn to_rcgen(&self) -> NameConstraints {
        NameConstraints {
            permitted_subtrees: self.domains().map(|name| GeneralSubtree::DnsName(name.to_owned())).collect(),
            excluded_subtrees: vec![
                GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
                GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
            ],
        }
    }
}

fn parse(name: &str) -> Result<HostName, AuthorityError> {
    HostName::parse(name.as_bytes()).map_err(|source| AuthorityError::Domain { name: name.to_owned(), source })
}
