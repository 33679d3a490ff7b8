//! Who the AI providers are: the data of `kb8-providers` as a value that answers "whose name is this?".

mod glob;
mod price;

use std::collections::HashMap;
use std::net::IpAddr;

use serde::Deserialize;
use thiserror::Error;

pub use self::price::{Price, Prices};

use self::glob::Glob;
use crate::{Cost, Currency, HostName, Usage};

/// All vendors with their names; immutable once built.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    vendors: Vec<Vendor>,
    /// Pattern without its `*.` to where it stands; wildcard and exact names apart because both may exist.
    exact: HashMap<String, Entry>,
    below: HashMap<String, Entry>,
    /// By the plain labels after the last `*`.
    globs: HashMap<String, Vec<(Glob, Entry)>>,
    /// Where public resolvers answer encrypted questions, and the identifier of the list that says so.
    resolvers: HashMap<IpAddr, String>,
}

/// One vendor's group: it is steered whole or not at all, because browsers guard pages of public addresses that call
/// local ones (HOUSE.md, "Facts that bite in dns mode").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Such as `openai`; unique.
    pub id: String,
    /// The name people know.
    pub name: String,
    /// Whether the group is steered; false: it is only watched in DNS.
    pub steer: bool,
    #[serde(default, rename = "host")]
    pub hosts: Vec<HostPattern>,
    /// Addresses at which nothing but public resolvers answers; clients use them without asking for a name.
    #[serde(default)]
    pub resolvers: Vec<IpAddr>,
    /// What its models cost, as far as that is published.
    #[serde(default)]
    pub prices: Vec<Prices>,
}

impl Vendor {
    fn steers(&self, host: &HostPattern) -> bool {
        self.steer && !host.shared && !host.kind.leads_around()
    }
}

/// One name of a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPattern {
    /// `api.openai.com`, `*.openai.azure.com` for everything below, or `bedrock-runtime.*.amazonaws.com` with a `*` for
    /// one or more bytes of one label.
    pub name: String,
    pub kind: GroupKind,
    /// Serves others than AI too: never steered.
    #[serde(default)]
    pub shared: bool,
    /// How sure we are of it: `official`, `code` or `community`.
    pub confidence: String,
}

/// What a name serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    Api,
    Web,
    Tool,
    Telemetry,
    Other,
    /// No AI: a tunnel that would lead a device around this one. Never steered, only noticed.
    Bypass,
    /// No AI: a public resolver that takes encrypted questions, which lead around this one. Never steered; noticed, and
    /// refused where the owner wants that.
    Resolver,
}

impl GroupKind {
    /// Whether a name of this kind would lead a device around this one.
    pub fn leads_around(self) -> bool {
        matches!(self, Self::Bypass | Self::Resolver)
    }
}

/// The answer to "whose name is this?".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub vendor: String,
    pub kind: GroupKind,
    /// Whether DNS answers this name with the puck's own address.
    pub steered: bool,
}

/// Why a pack of providers cannot be used.
#[derive(Debug, Error)]
pub enum CatalogueError {
    #[error("{file}: {source}")]
    Toml { file: String, source: Box<toml::de::Error> },
    #[error("{file}: `{name}` is not a host name")]
    Host { file: String, name: String },
    #[error("{file}: `{name}` already belongs to `{vendor}`")]
    Duplicate { file: String, name: String, vendor: String },
    #[error("{file}: prices in {currency} beside others")]
    Currencies { file: String, currency: Currency },
}

impl Catalogue {
    /// Builds the catalogue from `(file name, TOML text)` pairs, one vendor each.
    pub fn from_toml<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (file, text) in files {
            let vendor: Vendor = toml::from_str(text)
                .map_err(|source| CatalogueError::Toml { file: file.to_owned(), source: Box::new(source) })?;
            catalogue.add(file, vendor)?;
        }
        Ok(catalogue)
    }

    fn add(&mut self, file: &str, vendor: Vendor) -> Result<(), CatalogueError> {
        for host in &vendor.hosts {
            let entry = Entry { vendor: vendor.id.clone(), kind: host.kind, steered: vendor.steers(host) };
            let earlier = self
                .insert(&host.name, entry)
                .ok_or_else(|| CatalogueError::Host { file: file.to_owned(), name: host.name.clone() })?;
            if let Some(earlier) = earlier {
                return Err(CatalogueError::Duplicate {
                    file: file.to_owned(),
                    name: host.name.clone(),
                    vendor: earlier.vendor,
                });
            }
        }
        let resolvers = vendor.resolvers.iter().map(|address| (address.to_canonical(), vendor.id.clone()));
        self.resolvers.extend(resolvers);
        let mut currencies = vendor.prices.iter().map(|prices| prices.currency);
        let first = currencies.next();
        if let Some(currency) = currencies.find(|other| Some(*other) != first) {
            return Err(CatalogueError::Currencies { file: file.to_owned(), currency });
        }
        self.vendors.push(vendor);
        Ok(())
    }

    /// Files one pattern: `None` when it is none, else the entry that already owned it.
    fn insert(&mut self, pattern: &str, entry: Entry) -> Option<Option<Entry>> {
        let (table, name) = match pattern.strip_prefix("*.") {
            Some(rest) if !rest.contains('*') => (&mut self.below, rest),
            _ if pattern.contains('*') => return self.insert_glob(pattern, entry),
            _ => (&mut self.exact, pattern),
        };
        is_canonical(name).then(|| table.insert(name.to_owned(), entry))
    }

    fn insert_glob(&mut self, pattern: &str, entry: Entry) -> Option<Option<Entry>> {
        let glob = Glob::parse(pattern).filter(|_| is_canonical(&pattern.replace('*', "x")))?;
        let filed = self.globs.entry(glob.parent().to_owned()).or_default();
        if let Some((_, earlier)) = filed.iter().find(|(other, _)| *other == glob) {
            return Some(Some(earlier.clone()));
        }
        filed.push((glob, entry));
        Some(None)
    }

    /// The entry of a name: an exact one wins, then one with a `*` inside a label, then the wildcard with the most
    /// labels.
    pub fn lookup(&self, host: &HostName) -> Option<&Entry> {
        let name = host.as_str();
        self.exact
            .get(name)
            .or_else(|| self.lookup_glob(name))
            .or_else(|| parents(name).find_map(|p| self.below.get(p)))
    }

    fn lookup_glob(&self, name: &str) -> Option<&Entry> {
        let filed = parents(name).filter_map(|parent| self.globs.get(parent)).flatten();
        filed.filter(|(glob, _)| glob.matches(name)).map(|(_, entry)| entry).next()
    }

    /// Every vendor, in file order.
    pub fn vendors(&self) -> &[Vendor] {
        &self.vendors
    }

    /// What this use of a vendor's model costs; `None` where nothing is known of it.
    pub fn cost(&self, vendor: &str, model: &str, usage: &Usage) -> Option<Cost> {
        let vendor = self.vendors.iter().find(|known| known.id == vendor)?;
        vendor.prices.iter().find_map(|prices| prices.cost(model, usage))
    }

    /// Every name as its vendor's file writes it, with its `*` if it has one, and whether it is steered; in file order.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, bool)> {
        let all = self.vendors.iter().flat_map(|vendor| vendor.hosts.iter().map(move |host| (vendor, host)));
        all.map(|(vendor, host)| (host.name.as_str(), vendor.steers(host)))
    }

    /// Where public resolvers answer encrypted questions.
    pub fn resolvers(&self) -> impl Iterator<Item = IpAddr> {
        self.resolvers.keys().copied()
    }

    /// The identifier of the list that has a public resolver at this address.
    pub fn resolver_at(&self, address: IpAddr) -> Option<&str> {
        self.resolvers.get(&address).map(String::as_str)
    }

    /// Every exact name that is steered, for the map of addresses that gateway mode redirects.
    pub fn steered_names(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.exact.iter().filter(|(_, entry)| entry.steered).map(|(name, entry)| (name.as_str(), entry))
    }
}

/// `b.c` and `c` for `a.b.c`.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.'), |(_, rest)| rest.split_once('.')).map(|(_, parent)| parent)
}

fn is_canonical(name: &str) -> bool {
    HostName::parse(name.as_bytes()).is_ok_and(|parsed| parsed.as_str() == name)
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, CatalogueError};
    use crate::{HostName, Usage};

    const ACME: &str = r#"
        id = "acme"
        name = "Acme AI"
        steer = true
        host = [
            { name = "api.acme.example", kind = "api", confidence = "official" },
            { name = "*.acme.example", kind = "web", confidence = "community" },
            { name = "cdn.acme.example", kind = "other", confidence = "community", shared = true },
        ]
    "#;

    fn steered(catalogue: &Catalogue, name: &str) -> Option<bool> {
        catalogue.lookup(&HostName::parse(name.as_bytes()).unwrap()).map(|entry| entry.steered)
    }

    #[test]
    fn exact_names_win_over_wildcards_and_shared_ones_never_steer() {
        let catalogue = Catalogue::from_toml([("acme.toml", ACME)]).unwrap();
        assert_eq!(steered(&catalogue, "api.acme.example"), Some(true));
        assert_eq!(steered(&catalogue, "deep.chat.acme.example"), Some(true));
        assert_eq!(steered(&catalogue, "cdn.acme.example"), Some(false));
        assert_eq!(steered(&catalogue, "acme.example"), None);
        assert_eq!(steered(&catalogue, "notacme.example"), None);
    }

    #[test]
    fn a_region_inside_a_name_is_a_star() {
        let text = ACME.replace(
            "host = [",
            r#"host = [ { name = "run.*.acme.example", kind = "api", confidence = "code", shared = true },"#,
        );
        let catalogue = Catalogue::from_toml([("acme.toml", &*text)]).unwrap();
        assert_eq!(steered(&catalogue, "run.eu-1.acme.example"), Some(false), "the glob wins over the wildcard");
        assert_eq!(steered(&catalogue, "run.a.b.acme.example"), Some(true), "which takes everything else");
        let twice = text
            .replace("\"acme\"", "\"other\"")
            .replace("api.acme", "x.acme")
            .replace("*.acme.example\", kind = \"web\"", "*.b.acme.example\", kind = \"web\"");
        let error = Catalogue::from_toml([("a.toml", &*text), ("b.toml", &*twice)]).unwrap_err();
        assert_eq!(error.to_string(), "b.toml: `run.*.acme.example` already belongs to `acme`");
        let error =
            Catalogue::from_toml([("a.toml", &*text.replace("run.*.acme.example", "run.*.example"))]).unwrap_err();
        assert_eq!(error.to_string(), "a.toml: `run.*.example` is not a host name");
    }

    #[test]
    fn a_name_has_one_owner() {
        let other = ACME.replace("\"acme\"", "\"other\"");
        let error = Catalogue::from_toml([("a.toml", ACME), ("b.toml", &other)]).unwrap_err();
        assert!(matches!(error, CatalogueError::Duplicate { file, .. } if file == "b.toml"));
    }

    #[test]
    fn resolvers_are_known_by_name_and_by_address_and_never_steered() {
        let text = ACME.replace("steer = true", "steer = true\nresolvers = [\"192.0.2.8\", \"::ffff:192.0.2.9\"]");
        let catalogue = Catalogue::from_toml([("a.toml", &*text.replace("\"api\"", "\"resolver\""))]).unwrap();
        assert_eq!(steered(&catalogue, "api.acme.example"), Some(false));
        let at = ["192.0.2.8", "192.0.2.9", "192.0.2.10"].map(|ip| catalogue.resolver_at(ip.parse().unwrap()));
        assert_eq!((at, catalogue.resolvers().count()), ([Some("acme"), Some("acme"), None], 2));
    }

    #[test]
    fn a_vendor_has_prices_in_one_currency() {
        let prices = |currency: &str| {
            let models = r#"[{ model = "a", input = "1", output = "2" }]"#;
            format!(
                "[[prices]]\nas_of = \"2026-11-05\"\nsource = \"x\"\ncurrency = \"{currency}\"\nmodels = {models}\n"
            )
        };
        let dollars = format!("{ACME}{}", prices("USD"));
        let catalogue = Catalogue::from_toml([("a.toml", &*dollars)]).unwrap();
        let usage = Usage { input: 3, output: 1, ..Usage::default() };
        let cost = |vendor, model| catalogue.cost(vendor, model, &usage).map(|cost| cost.micros);
        assert_eq!((cost("acme", "a"), cost("acme", "b"), cost("other", "a")), (Some(5), None, None));
        let both = dollars + &prices("EUR");
        let error = Catalogue::from_toml([("a.toml", &*both)]).unwrap_err();
        assert_eq!(error.to_string(), "a.toml: prices in EUR beside others");
    }

    #[test]
    fn a_bad_name_or_key_is_named() {
        let error = Catalogue::from_toml([("a.toml", &*ACME.replace("api.acme", "API.acme"))]).unwrap_err();
        assert_eq!(error.to_string(), "a.toml: `API.acme.example` is not a host name");
        let error = Catalogue::from_toml([("a.toml", &*ACME.replace("steer =", "stear ="))]).unwrap_err();
        assert!(error.to_string().contains("stear"), "{error}");
    }
}
