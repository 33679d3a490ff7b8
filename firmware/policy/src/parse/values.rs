use std::fmt;
use std::net::IpAddr;

use gate_core::HostName;
use ipnet::IpNet;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

use super::WordError;

/// Addresses and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Clients(Vec<Network>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network(IpNet);

/// `api.openai.com`, or `*.openai.com` for everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    name: HostName,
    below: bool,
}

/// A model's name in which `*` stands for any characters; case does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelPattern(String);

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one of them holds an address in its canonical form.
    pub(crate) fn hold(&self, client: IpAddr) -> bool {
        self.0.iter().any(|network| network.0.contains(&client))
    }
}

impl Network {
    fn parse(word: &str) -> Result<Self, WordError> {
        let bad = || WordError::Network(word.to_owned());
        let net: IpNet = match word.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().into(),
            Err(_) => word.parse().map_err(|_| bad())?,
        };
        // 192.0.2.7/24 may mean the network or the address; nobody should have to guess.
        if net.trunc() != net {
            return Err(WordError::HostBits(word.to_owned(), net.trunc().to_string()));
        }
        // Clients are compared as IPv4 where they are, so a mapped network could never match.
        match net {
            IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some() => Err(bad()),
            net => Ok(Self(net)),
        }
    }
}

impl HostPattern {
    fn parse(word: &str) -> Result<Self, WordError> {
        let (name, below) = word.strip_prefix("*.").map_or((word, false), |rest| (rest, true));
        match HostName::parse(name.as_bytes()) {
            Ok(name) => Ok(Self { name, below }),
            Err(source) => Err(WordError::Host { name: word.to_owned(), source }),
        }
    }

    pub(crate) fn matches(&self, host: &HostName) -> bool {
        if self.below { host.is_within(self.name.as_str()) && *host != self.name } else { *host == self.name }
    }
}

impl ModelPattern {
    fn parse(word: &str) -> Result<Self, WordError> {
        let good = (1..=128).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic());
        if good { Ok(Self(word.to_ascii_lowercase())) } else { Err(WordError::Model(word.to_owned())) }
    }

    /// Whether the pieces between the stars come in order, the first at the start and the last at the end. Taking each
    /// at its first place is enough, and linear.
    pub(crate) fn matches(&self, model: &str) -> bool {
        let model = model.to_ascii_lowercase();
        let Some((first, rest)) = self.0.split_once('*') else { return model == self.0 };
        let Some(mut left) = model.strip_prefix(first) else { return false };
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            match left.find(piece) {
                Some(at) => left = &left[at + piece.len()..],
                None => return false,
            }
        }
        left.ends_with(last)
    }
}

/// Parses a word inside the visitor, where an error still gets the line of the word itself.
struct Word<T>(fn(&str) -> Result<T, WordError>);

impl<T> Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a word")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<T, E> {
        self.0(word).map_err(E::custom)
    }
}

macro_rules! from_word {
    ($($word:ty),*) => {$(
        impl<'de> Deserialize<'de> for $word {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Word(Self::parse))
            }
        }
    )*};
}

from_word!(Network, HostPattern, ModelPattern);

#[cfg(test)]
mod tests {
    use gate_core::HostName;

    use super::{HostPattern, ModelPattern, Network};

    #[test]
    fn networks_hold_what_they_say() {
        for (word, client, held) in [
            ("192.0.2.10", "192.0.2.10", true),
            ("192.0.2.10", "192.0.2.11", false),
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8:1::/64", "2001:db8:1::10", true),
            ("2001:db8:1::/64", "2001:db8:2::10", false),
            ("::ffff:192.0.2.10", "192.0.2.10", true),
        ] {
            assert_eq!(
                Network::parse(word).unwrap().0.contains(&client.parse::<std::net::IpAddr>().unwrap()),
                held,
                "{word}"
            );
        }
    }

    #[test]
    fn words_that_are_no_networks_are_refused() {
        for word in ["", "192.0.2", "192.0.2.0/33", "office", "192.0.2.0/24 ", "::ffff:192.0.2.0/120"] {
            assert!(
                Network::parse(word).unwrap_err().to_string().contains("neither an address nor a network"),
                "{word}"
            );
        }
        assert!(Network::parse("192.0.2.7/24").unwrap_err().to_string().contains("write 192.0.2.0/24"));
    }

    #[test]
    fn host_patterns_respect_label_borders() {
        for (word, host, matched) in [
            ("api.openai.com", "api.openai.com", true),
            ("API.openai.com.", "api.openai.com", true),
            ("api.openai.com", "x.api.openai.com", false),
            ("*.openai.com", "api.openai.com", true),
            ("*.openai.com", "a.b.openai.com", true),
            ("*.openai.com", "openai.com", false),
            ("*.openai.com", "notopenai.com", false),
        ] {
            let host = HostName::parse(host.as_bytes()).unwrap();
            assert_eq!(HostPattern::parse(word).unwrap().matches(&host), matched, "{word} {host}");
        }
        for word in ["", "*", "*.", "a.*.com", "192.0.2.1", "a b.com"] {
            assert!(HostPattern::parse(word).is_err(), "{word}");
        }
    }

    #[test]
    fn model_patterns_match_whole_names() {
        for (word, model, matched) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "GPT-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("gpt-4o*", "gpt-4o", true),
            ("*-mini", "gpt-4o-mini", true),
            ("*-mini", "gpt-4o-mini-2024", false),
            ("claude-*-sonnet-*", "claude-3-5-sonnet-20241022", true),
            ("claude-*-sonnet-*", "claude-3-5-haiku-20241022", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "aab", false),
            ("*", "", true),
            ("*", "anything at all", true),
            ("**x**", "axb", true),
        ] {
            assert_eq!(ModelPattern::parse(word).unwrap().matches(model), matched, "{word} {model}");
        }
        for word in ["", "a b", "ä", &"x".repeat(129)] {
            assert!(ModelPattern::parse(word).is_err(), "{word}");
        }
    }
}
