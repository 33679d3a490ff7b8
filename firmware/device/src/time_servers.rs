//! Whom the time daemon asks: the servers that DHCP named, then fixed ones over NTS (RFC 8915), whose answers nobody on the
//! way can forge. Its file is rendered anew with each address.

use std::fmt::Write;
use std::net::Ipv4Addr;

/// What the daemon reads.
pub(crate) const FILE: &str = "/run/puck/ntp.toml";
/// Servers that publish NTS for everybody: Netnod, the Physikalisch-Technische Bundesanstalt, Cloudflare.
const NTS: [&str; 3] = ["nts.netnod.se", "ptbtime1.ptb.de", "time.cloudflare.com"];
/// Those of them that answer without NTS as well. To a clock that is far behind the others' certificates are not valid yet.
const PLAIN: [&str; 2] = ["ptbtime1.ptb.de", "time.cloudflare.com"];

/// ntpd-rs's configuration (ntp.toml(5)). One server is enough to agree with itself: offices have one, and the clock
/// must come from somewhere. At the start it may be set by any time, forward and back: a server that lied once, and what was
/// saved of the lie, must not be believed for good.
///
/// A clock that is unsure takes the time from whoever tells it, and then asks those who can prove it.
pub(crate) fn render(from_dhcp: &[Ipv4Addr], unsure: bool) -> String {
    let mut text = String::from(
        "[observability]\nlog-level = \"error\"\n[synchronization]\nminimum-agreeing-sources = 1\n\
         startup-step-panic-threshold = { forward = \"inf\", backward = \"inf\" }\n",
    );
    let mut source = |mode: &str, address: &str| {
        let _ = write!(text, "[[source]]\nmode = \"{mode}\"\naddress = \"{address}\"\n");
    };
    for server in from_dhcp {
        source("server", &server.to_string());
    }
    for server in NTS {
        source("nts", server);
    }
    for server in PLAIN.iter().filter(|_| unsure) {
        source("server", server);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{NTS, PLAIN, render};

    #[test]
    fn the_offices_servers_come_first_and_the_fixed_ones_always() {
        let parsed: toml::Table = render(&[[192, 0, 2, 254].into()], false).parse().expect("TOML");
        let sources = parsed["source"].as_array().expect("a list");
        assert_eq!(sources.len(), 1 + NTS.len());
        assert_eq!(sources[0]["address"].as_str(), Some("192.0.2.254"));
        assert!(sources[1..].iter().all(|source| source["mode"].as_str() == Some("nts")));
        assert_eq!(render(&[], false).matches("[[source]]").count(), NTS.len());
    }

    #[test]
    fn only_an_unsure_clock_asks_servers_that_prove_nothing() {
        let plain = |unsure| render(&[], unsure).matches("mode = \"server\"").count();
        assert_eq!((plain(false), plain(true)), (0, PLAIN.len()));
    }
}
