//! Server cookies (RFC 7873) in the form that all servers share (RFC 9018): a client that knows its own can tell a true
//! answer from one that somebody else sent in our name.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::parse::Cookie;

/// Version 1 and three reserved bytes (RFC 9018 section 4).
const VERSION: [u8; 4] = [1, 0, 0, 0];
/// A client gets a new cookie after half an hour (section 4.3)…
const RENEW: u32 = 1800;
/// … and one that is as little early as clocks may differ is good.
const EARLIEST: u32 = 300;

/// Makes the cookies of one life of the process: whoever has one of an earlier life is given another.
pub(super) struct Cookies {
    secret: [u8; 16],
}

impl Cookies {
    /// Without randomness there are none.
    pub(super) fn new() -> Option<Self> {
        let mut secret = [0; 16];
        getrandom::fill(&mut secret).ok()?;
        Some(Self { secret })
    }

    /// The cookie that goes back to `client` at `now` (seconds since 1970, of which the lower 32 bits count): its own while
    /// that is good, else a new one. A bad one is no reason to refuse: its owner may have moved, or we were restarted.
    pub(super) fn answer(&self, cookie: Cookie, client: IpAddr, now: u32) -> Cookie {
        let kept = cookie.server.filter(|server| self.is_young(cookie.client, server, client, now));
        let server = kept.unwrap_or_else(|| self.server(cookie.client, client, now));
        Cookie { server: Some(server), ..cookie }
    }

    fn is_young(&self, cookie: [u8; 8], server: &[u8; 16], client: IpAddr, now: u32) -> bool {
        let made = u32::from_be_bytes([server[4], server[5], server[6], server[7]]);
        // Serial arithmetic (RFC 1982): the 32 bits run over in 2106.
        let age = now.wrapping_sub(made);
        let is_young = age < RENEW || age.wrapping_neg() <= EARLIEST;
        is_young && self.server(cookie, client, made) == *server
    }

    fn server(&self, cookie: [u8; 8], client: IpAddr, made: u32) -> [u8; 16] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&cookie);
        bytes[8..12].copy_from_slice(&VERSION);
        bytes[12..16].copy_from_slice(&made.to_be_bytes());
        let length = match client {
            IpAddr::V4(ip) => {
                bytes[16..20].copy_from_slice(&ip.octets());
                20
            }
            IpAddr::V6(ip) => {
                bytes[16..].copy_from_slice(&ip.octets());
                32
            }
        };
        let hash = SipHasher24::new_with_key(&self.secret).hash(&bytes[..length]);
        let mut server = [0; 16];
        server[..8].copy_from_slice(&bytes[8..16]);
        server[8..].copy_from_slice(&hash.to_le_bytes());
        server
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Cookies;
    use crate::parse::Cookie;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let bytes: Vec<_> = (0..N).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect();
        bytes.try_into().unwrap()
    }

    #[test]
    fn cookies_are_those_of_the_standards_examples() {
        // RFC 9018 appendix A.1 and A.4.
        let rows = [
            (
                "e5e973e5a6b2a43f48e7dc849e37bfcf",
                "2464c4abcf10c957",
                "198.51.100.100",
                1_559_731_985,
                "010000005cf79f111f8130c3eee29480",
            ),
            (
                "445536bcd2513298075a5d379663c962",
                "22681ab97d52c298",
                "2001:db8:220:1:59de:d0f4:8769:82b8",
                1_559_741_961,
                "010000005cf7c609a6bb79d16625507a",
            ),
        ];
        for (secret, client, ip, now, server) in rows {
            let cookies = Cookies { secret: hex(secret) };
            let cookie = Cookie { client: hex(client), server: None };
            assert_eq!(cookies.answer(cookie, ip.parse().unwrap(), now).server, Some(hex(server)), "{ip}");
        }
    }

    #[test]
    fn a_good_cookie_comes_back_and_an_old_forged_or_moved_one_is_replaced() {
        let cookies = Cookies { secret: [7; 16] };
        let [ip, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        for now in [1_000_000, 100, u32::MAX - 100] {
            let given = cookies.answer(Cookie { client: [1; 8], server: None }, ip, now);
            for (later, stays) in [(0, true), (1799, true), (1800, false), (7200, false)] {
                let again = cookies.answer(given, ip, now.wrapping_add(later));
                assert_eq!(again == given, stays, "{now} + {later}");
            }
            assert_eq!(cookies.answer(given, ip, now.wrapping_sub(300)), given, "clocks differ");
            assert_ne!(cookies.answer(given, ip, now.wrapping_sub(301)), given);
            assert_ne!(cookies.answer(given, other, now), given);
            let forged = Cookie {
                server: given.server.map(|mut server| {
                    server[15] ^= 1;
                    server
                }),
                ..given
            };
            assert_eq!(cookies.answer(forged, ip, now), given);
        }
    }
}
