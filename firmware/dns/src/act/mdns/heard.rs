use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode};
use hickory_proto::rr::{DNSClass, RData, Record};
use tokio::time::Instant;

use crate::decide::is_nameable;

/// Most hosts; an office has fewer.
const HOSTS: usize = 1024;
/// Most hosts that one machine names: whoever makes names up leaves room for the others.
const EACH: usize = HOSTS / 16;
/// Most addresses of one host.
const ADDRESSES: usize = 8;
/// Longest lifetime that is believed: names of hosts have 120 seconds (RFC 6762 section 10), and whoever is not heard any more
/// must not keep a name from the machine that has it now.
const TTL_MAX: u32 = 300;
/// Asked for again when so much of the lifetime is over (RFC 6762 section 5.2 says 80, 85, 90 and 95 of 100).
const DUE: f64 = 0.8;
/// Names asked for in one message, so that it fits into one packet.
const QUESTIONS: usize = 16;
/// How long it is told that a bound was met: machines name themselves seldom.
const TOLD: Duration = Duration::from_secs(600);
/// Whoever is there answers within so long, if it was not heard the second before (RFC 6762 section 6).
const ANSWER: Duration = Duration::from_secs(2);
/// An owner that was heard so lately is there: somebody else with its name is another interface of it, or a forger.
const PRESENT: Duration = Duration::from_secs(60);
/// The bit beside the class that says "this is all there is" (RFC 6762 section 10.2).
const FLUSH: u16 = 0x8000;

/// Hosts that named themselves.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// By first label, in lower case.
    hosts: HashMap<String, Host>,
    /// Changes with names and addresses, not with lifetimes.
    version: u64,
    /// The last bound that was met, and when.
    flood: Option<(Instant, Flood)>,
}

/// Hosts named themselves that are left out, for status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flood {
    /// One machine named more than [`Flood::EACH`].
    Of(IpAddr),
    /// All together named more than [`Flood::ALL`].
    Everybody,
}

impl Flood {
    /// Most hosts that one machine names.
    pub const EACH: usize = EACH;
    /// Most hosts that all name together.
    pub const ALL: usize = HOSTS;
}

#[derive(Debug)]
struct Host {
    /// Whose name it is: as long as it answers nobody else can take it.
    owner: IpAddr,
    addresses: Vec<(IpAddr, Instant)>,
    due: Instant,
    /// When its owner was heard last.
    heard: Instant,
    /// When it was asked for since then, the last time and the one before.
    asked: (Option<Instant>, Option<Instant>),
    /// Somebody else says that the name is theirs: the owner's new address, or a forger.
    rival: bool,
}

impl Host {
    /// Whether its owner was asked twice and is not there any more (RFC 6762 section 10.5): one packet gets lost, and whoever
    /// spoke the second before has to keep silent.
    fn is_left(&self, now: Instant) -> bool {
        let (last, before) = self.asked;
        before.is_some() && last.is_some_and(|last| now.saturating_duration_since(last) >= ANSWER)
    }

    /// Whether to ask for it now: it ends soon, or two say that it is theirs.
    fn is_asked_for(&self, now: Instant) -> bool {
        let waits = self.asked.0.is_some_and(|last| now.saturating_duration_since(last) < ANSWER);
        self.due <= now || self.rival && !waits
    }
}

impl Heard {
    /// Takes what a host says of itself: `client` sent the message, and only its own address and those that it names beside
    /// that are believed. `local` tells where hosts of the office may be.
    pub(crate) fn take(&mut self, message: &[u8], client: IpAddr, local: impl Fn(IpAddr) -> bool, now: Instant) {
        let Ok(message) = Message::from_vec(message) else { return };
        let answers = message.metadata.message_type == MessageType::Response;
        if !answers || message.metadata.op_code != OpCode::Query {
            return;
        }
        let records: Vec<_> =
            message.answers.iter().chain(&message.additionals).filter_map(|record| announced(record, &local)).collect();
        let mine: HashSet<&String> =
            records.iter().filter(|(_, ip, _)| *ip == client).map(|(label, ..)| label).collect();
        self.expire(now);
        let mut held: HashMap<IpAddr, usize> = HashMap::new();
        self.hosts.values().for_each(|host| *held.entry(host.owner).or_default() += 1);
        for (label, ip, seconds) in &records {
            if mine.contains(label) {
                self.dispute(label, client, &mut held, now);
            }
            let known = self.hosts.get(label).map(|host| host.owner);
            // A name is taken with the sender's own address; what else the owner says of it counts after that.
            if known.is_some_and(|owner| owner != client) || known.is_none() && !mine.contains(label) {
                continue;
            }
            match seconds {
                0 => self.leave(label, *ip),
                _ if known.is_none() && !self.make_room(client, &mut held, now) => {}
                _ => self.add(label, client, *ip, Duration::from_secs((*seconds).into()), now),
            }
        }
    }

    /// Somebody says that a name is theirs. Where another has it, that one is asked first; it has left if it does not answer.
    fn dispute(&mut self, label: &str, client: IpAddr, held: &mut HashMap<IpAddr, usize>, now: Instant) {
        let Some(host) = self.hosts.get_mut(label).filter(|host| host.owner != client) else { return };
        if !host.is_left(now) {
            // Or it was asked for a moment ago, and has not answered yet.
            host.rival = now.saturating_duration_since(host.heard) >= PRESENT || host.asked.0.is_some();
            return;
        }
        held.entry(host.owner).and_modify(|count| *count -= 1);
        self.hosts.remove(label);
        self.version += 1;
    }

    /// Whether there is room for one more host of `owner`: with all places taken, whoever holds most gives one up for those who
    /// hold fewer. `held` counts the hosts of each.
    fn make_room(&mut self, owner: IpAddr, held: &mut HashMap<IpAddr, usize>, now: Instant) -> bool {
        let own = held.get(&owner).copied().unwrap_or_default();
        if own >= EACH {
            self.flood = Some((now, Flood::Of(owner)));
            return false;
        }
        if self.hosts.len() >= HOSTS {
            self.flood = Some((now, Flood::Everybody));
            let heaviest = held.iter().max_by_key(|(_, count)| **count).filter(|(_, count)| own + 1 < **count);
            let Some(heaviest) = heaviest.map(|(ip, _)| *ip) else { return false };
            let theirs = self.hosts.iter().find(|(_, host)| host.owner == heaviest).map(|(label, _)| label.clone());
            theirs.and_then(|label| self.hosts.remove(&label));
            held.entry(heaviest).and_modify(|count| *count -= 1);
            self.version += 1;
        }
        held.insert(owner, own + 1);
        true
    }

    /// Whether hosts were left out lately.
    pub(super) fn flood(&self, now: Instant) -> Option<Flood> {
        let (at, flood) = self.flood?;
        (now.saturating_duration_since(at) < TOLD).then_some(flood)
    }

    fn add(&mut self, label: &str, owner: IpAddr, ip: IpAddr, lifetime: Duration, now: Instant) {
        let (until, due) = (now + lifetime, now + lifetime.mul_f64(DUE));
        let host = self.hosts.entry(label.to_owned()).or_insert_with(|| Host {
            owner,
            addresses: Vec::new(),
            due,
            heard: now,
            asked: (None, None),
            rival: false,
        });
        (host.due, host.heard, host.asked, host.rival) = (due, now, (None, None), false);
        if let Some((_, end)) = host.addresses.iter_mut().find(|(known, _)| *known == ip) {
            *end = until;
        } else if host.addresses.len() < ADDRESSES {
            host.addresses.push((ip, until));
            self.version += 1;
        }
    }

    /// A host says goodbye (RFC 6762 section 10.1).
    fn leave(&mut self, label: &str, ip: IpAddr) {
        if let Some(host) = self.hosts.get_mut(label) {
            host.addresses.retain(|(known, _)| *known != ip);
            if host.addresses.is_empty() {
                self.hosts.remove(label);
            }
            self.version += 1;
        }
    }

    fn expire(&mut self, now: Instant) {
        let count = |hosts: &HashMap<String, Host>| hosts.values().map(|host| host.addresses.len()).sum::<usize>();
        let before = count(&self.hosts);
        for host in self.hosts.values_mut() {
            host.addresses.retain(|(_, until)| *until > now);
        }
        self.hosts.retain(|_, host| !host.addresses.is_empty());
        if count(&self.hosts) != before {
            self.version += 1;
        }
    }

    /// Some names that end soon, each once for each lifetime that is told; and some that two say are theirs: twice for the owner
    /// to answer, and once for the other one when that has not.
    pub(super) fn due(&mut self, now: Instant) -> HashSet<String> {
        self.expire(now);
        let due = self.hosts.iter_mut().filter(|(_, host)| host.is_asked_for(now)).take(QUESTIONS);
        due.map(|(label, host)| {
            host.rival &= !host.is_left(now);
            host.due = host.addresses.iter().map(|(_, until)| *until).max().unwrap_or(now);
            // When both questions stayed without an answer the third one changes nothing of that.
            if !host.is_left(now) {
                host.asked = (Some(now), host.asked.0);
            }
            label.clone()
        })
        .collect()
    }

    /// Every name with the address that it was heard from and all its addresses, and the version of all that.
    pub(crate) fn names(&mut self, now: Instant) -> (u64, Vec<(String, IpAddr, Vec<IpAddr>)>) {
        self.expire(now);
        let addresses = |host: &Host| host.addresses.iter().map(|(ip, _)| *ip).collect();
        let names = self.hosts.iter().map(|(label, host)| (label.clone(), host.owner, addresses(host)));
        (self.version, names.collect())
    }
}

/// The host's first label, an address of it and the lifetime of that, if a record says so.
fn announced(record: &Record, local: impl Fn(IpAddr) -> bool) -> Option<(String, IpAddr, u32)> {
    let ip = match &record.data {
        RData::A(a) => IpAddr::V4(a.0),
        RData::AAAA(aaaa) => IpAddr::V6(aaaa.0),
        _ => return None,
    };
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let usable = local(ip) && !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified() && !link_local;
    let class = u16::from(record.dns_class) & !FLUSH;
    let mut labels = record.name.iter();
    let (label, parent, end) = (labels.next()?, labels.next()?, labels.next());
    let label = std::str::from_utf8(label).ok()?.to_ascii_lowercase();
    let is_host = parent.eq_ignore_ascii_case(b"local") && end.is_none() && is_nameable(&label);
    (usable && is_host && class == u16::from(DNSClass::IN)).then(|| (label, ip, record.ttl.min(TTL_MAX)))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use hickory_proto::op::{Message, MessageType, OpCode};
    use hickory_proto::rr::rdata::{A, AAAA};
    use hickory_proto::rr::{Name, RData, Record};
    use tokio::time::Instant;

    use super::{EACH, Flood, HOSTS, Heard, TOLD, TTL_MAX};
    use crate::act::mdns::LOOK;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn announcement(records: &[(&str, &str, u32)]) -> Vec<u8> {
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        for (name, address, ttl) in records {
            let data = match ip(address) {
                IpAddr::V4(ip) => RData::A(A(ip)),
                IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
            };
            message.add_answer(Record::from_rdata(Name::from_ascii(name).unwrap(), *ttl, data));
        }
        message.to_vec().unwrap()
    }

    fn local(ip: IpAddr) -> bool {
        matches!(ip, IpAddr::V4(ip) if ip.octets()[..3] == [192, 0, 2]) || ip.to_string().starts_with("2001:db8:")
    }

    fn names(heard: &mut Heard, now: Instant) -> Vec<String> {
        let mut names: Vec<_> = heard.names(now).1.iter().map(|(label, _, ips)| format!("{label} {ips:?}")).collect();
        names.sort();
        names
    }

    #[test]
    fn a_host_names_itself_and_nobody_else() {
        let (mut heard, now) = (Heard::default(), Instant::now());
        let says = |heard: &mut Heard, client: &str, records: &[(&str, &str, u32)]| {
            heard.take(&announcement(records), ip(client), local, now);
        };
        says(&mut heard, "192.0.2.7", &[("Printer.local.", "192.0.2.7", 120), ("printer.local.", "2001:db8::7", 120)]);
        // Another's name, another's address, names that are none of a host, and addresses of elsewhere.
        says(&mut heard, "192.0.2.66", &[("printer.local.", "192.0.2.66", 120)]);
        says(&mut heard, "192.0.2.66", &[("bank.local.", "192.0.2.9", 120)]);
        says(&mut heard, "192.0.2.66", &[("www.bank.local.", "192.0.2.66", 120), ("bank.example.", "192.0.2.66", 120)]);
        says(&mut heard, "192.0.2.66", &[("wpad.local.", "192.0.2.66", 120)]);
        says(&mut heard, "198.51.100.1", &[("far.local.", "198.51.100.1", 120)]);
        says(&mut heard, "192.0.2.66", &[("far.local.", "198.51.100.1", 120)]);
        assert_eq!(names(&mut heard, now), ["printer [192.0.2.7, 2001:db8::7]"]);
        says(&mut heard, "192.0.2.7", &[("printer.local.", "192.0.2.7", 0), ("printer.local.", "2001:db8::7", 0)]);
        says(&mut heard, "192.0.2.66", &[("printer.local.", "192.0.2.66", 120)]);
        assert_eq!(names(&mut heard, now), ["printer [192.0.2.66]"], "once it is free anybody may have it");
    }

    #[test]
    fn questions_are_no_announcements() {
        let (mut heard, now) = (Heard::default(), Instant::now());
        let mut bytes = announcement(&[("printer.local.", "192.0.2.7", 120)]);
        bytes[2] &= 0x7f;
        heard.take(&bytes, ip("192.0.2.7"), local, now);
        heard.take(b"nonsense", ip("192.0.2.7"), local, now);
        assert_eq!(names(&mut heard, now), Vec::<String>::new());
    }

    #[test]
    fn names_are_asked_for_once_before_they_end() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let bytes = announcement(&[("printer.local.", "192.0.2.7", 120)]);
        heard.take(&bytes, ip("192.0.2.7"), local, start);
        let first = heard.names(start).0;
        assert!(heard.due(at(95)).is_empty());
        assert_eq!(heard.due(at(96)).len(), 1);
        assert!(heard.due(at(97)).is_empty());
        heard.take(&bytes, ip("192.0.2.7"), local, at(98));
        assert_eq!(heard.names(at(200)).0, first, "nothing has changed but the lifetime");
        assert!(heard.names(at(218)).1.is_empty());
        assert_ne!(heard.names(at(218)).0, first);
    }

    #[test]
    fn no_machine_takes_the_room_of_the_others() {
        let (mut heard, now) = (Heard::default(), Instant::now());
        let name = |heard: &mut Heard, number: usize, client: &str| {
            heard.take(&announcement(&[(&format!("h{number}.local."), client, 4_000_000)]), ip(client), local, now);
        };
        (0..EACH).for_each(|number| name(&mut heard, number, "192.0.2.7"));
        assert_eq!((heard.hosts.len(), heard.flood(now)), (EACH, None));
        name(&mut heard, EACH, "192.0.2.7");
        assert_eq!((heard.hosts.len(), heard.flood(now)), (EACH, Some(Flood::Of(ip("192.0.2.7")))));
        assert_eq!(heard.flood(now + TOLD), None);
        // As many machines as it takes to fill the table leave a place for one more all the same.
        for client in 100..116 {
            let client = format!("192.0.2.{client}");
            (0..EACH).for_each(|_| {
                let next = heard.version as usize + 10_000;
                name(&mut heard, next, &client);
            });
        }
        assert_eq!((heard.hosts.len(), heard.flood(now)), (HOSTS, Some(Flood::Everybody)));
        name(&mut heard, 1, "192.0.2.8");
        heard.take(&announcement(&[("beta.local.", "192.0.2.8", 120)]), ip("192.0.2.8"), local, now);
        let names = names(&mut heard, now);
        assert_eq!(names.len(), HOSTS);
        assert!(names.contains(&"beta [192.0.2.8]".to_owned()), "a new machine is known");
        assert!(heard.names(now + Duration::from_secs(TTL_MAX.into())).1.is_empty());
    }

    #[test]
    fn a_name_is_kept_for_as_long_as_its_machine_is_heard() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let says = |heard: &mut Heard, client: &str, now| {
            heard.take(&announcement(&[("intranet.local.", client, 4500)]), ip(client), local, now);
        };
        says(&mut heard, "192.0.2.66", start);
        says(&mut heard, "192.0.2.7", at(299));
        assert_eq!(names(&mut heard, at(299)), ["intranet [192.0.2.66]"]);
        says(&mut heard, "192.0.2.7", at(300));
        assert_eq!(names(&mut heard, at(300)), ["intranet [192.0.2.7]"]);
    }
    #[test]
    fn a_machine_that_moves_takes_its_name_with_it() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let says = |heard: &mut Heard, client: &str, now| {
            heard.take(&announcement(&[("laptop.local.", client, 300)]), ip(client), local, now);
        };
        let asks = |heard: &mut Heard, now| !heard.due(now).is_empty();
        says(&mut heard, "192.0.2.211", start);
        says(&mut heard, "192.0.2.212", at(59));
        assert!(!asks(&mut heard, at(60)), "its owner is there: this is its other interface");
        says(&mut heard, "192.0.2.212", at(70));
        assert!(asks(&mut heard, at(70)) && !asks(&mut heard, at(71)), "the owner has its time");
        says(&mut heard, "192.0.2.212", at(73));
        assert_eq!(names(&mut heard, at(73)), ["laptop [192.0.2.211]"], "a packet may have been lost");
        assert!(asks(&mut heard, at(75)));
        says(&mut heard, "192.0.2.212", at(75));
        assert_eq!(names(&mut heard, at(75)), ["laptop [192.0.2.211]"]);
        assert!(asks(&mut heard, at(80)) && !asks(&mut heard, at(85)), "once more, for the other one");
        says(&mut heard, "192.0.2.212", at(80));
        assert_eq!(names(&mut heard, at(80)), ["laptop [192.0.2.212]"]);
    }

    #[test]
    fn a_name_that_is_told_for_a_short_time_moves_before_it_ends() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let says = |heard: &mut Heard, client: &str, now| {
            heard.take(&announcement(&[("phone.local.", client, 60)]), ip(client), local, now);
        };
        says(&mut heard, "192.0.2.211", start);
        // From here on only the new address answers, and nobody announces anything.
        for tick in 1..=24 {
            let now = start + tick * LOOK;
            if !heard.due(now).is_empty() {
                says(&mut heard, "192.0.2.212", now);
            }
        }
        assert_eq!(names(&mut heard, at(60)), ["phone [192.0.2.212]"]);
    }

    #[test]
    fn whoever_answers_keeps_its_name() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let says = |heard: &mut Heard, client: &str, now| {
            heard.take(&announcement(&[("nas.local.", client, 300)]), ip(client), local, now);
        };
        says(&mut heard, "192.0.2.7", start);
        let mut asked = 0;
        // The owner misses every second question, and a forger claims the name all the time.
        for second in 1..1000 {
            says(&mut heard, "192.0.2.66", at(second));
            if second % 5 == 0 && !heard.due(at(second)).is_empty() {
                asked += 1;
                if asked % 2 == 0 {
                    says(&mut heard, "192.0.2.7", at(second));
                }
            }
            assert_eq!(names(&mut heard, at(second)), ["nas [192.0.2.7]"], "{second}");
        }
        assert!(asked < 40, "it is asked for {asked} times");
    }
}
