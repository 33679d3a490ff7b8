//! How the resolver does, for `nanogate status` and the page: written when it changes, so that nobody has to wait for this
//! process, and flash memory lasts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_dns::{Crowd, Dns, EncryptedDns, Flood, GroupState, KeyOrigin, KeyState, ListState, UpstreamState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::warnings::{Warning, Warnings};
use crate::run_state::{self, DnsGroup, DnsKeys, DnsList, DnsState, DnsUpstream};

/// How often it is looked whether something has changed.
const EVERY: Duration = Duration::from_secs(2);
/// How long it is told of that records were lost.
const TELL_LOSSES: Duration = Duration::from_secs(600);

/// Writes the state and tells what is to be mended, until `stop`. `checks` says whether signatures matter.
pub(super) async fn follow(
    dns: &Dns,
    file: &Path,
    warnings: &Warnings,
    (checks, encrypted_dns): (bool, EncryptedDns),
    stop: &CancellationToken,
) {
    let (mut written, mut losses, mut first) = (None, Losses::default(), true);
    loop {
        let (upstreams, groups, forwards, lists) = (dns.upstreams(), dns.groups(), dns.forwards(), dns.lists());
        warnings.tell("upstreams", upstream_warnings(&upstreams, &groups, &forwards, checks));
        warnings.tell("crowd", dns.crowd().iter().map(crowd_warning));
        warnings.tell("shortage", dns.shortage().iter().map(shortage_warning));
        if !std::mem::take(&mut first) {
            // At the start they are being read.
            warnings.tell("lists", lists.iter().flat_map(list_warnings));
        }
        warnings.tell("hosts", dns.file_faults().iter().map(hosts_warning));
        warnings.tell("journal", losses.warning(dns.counters().records_lost, Instant::now()));
        warnings.tell("mdns", dns.flood().map(flood_warning));
        let state = DnsState {
            upstreams: all_upstreams(&upstreams, &groups, &forwards),
            groups: groups.iter().map(group).collect(),
            lists: lists
                .into_iter()
                .map(|ListState { list, names, foreign_lines, error, .. }| DnsList {
                    list,
                    names,
                    foreign_lines,
                    error,
                })
                .collect(),
            keys: checks.then(|| keys(dns.keys())),
            silent_devices: dns.silent_devices(),
            encrypted_dns: encrypted_dns.as_str().to_owned(),
        };
        if written.as_ref() != Some(&state) {
            let bytes = serde_json::to_vec(&state).map_err(std::io::Error::from);
            match bytes.and_then(|bytes| run_state::replace(file, &bytes, 0o644)) {
                Ok(()) => written = Some(state),
                Err(error) => {
                    tracing::warn!(%error, file = %file.display(), "the resolver's state could not be written");
                }
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Records that the journal did not take.
#[derive(Default)]
struct Losses {
    lost: u64,
    last: Option<Instant>,
}

impl Losses {
    /// What is to be said of `lost` records since the start; it is said for a while after the last of them.
    fn warning(&mut self, lost: u64, now: Instant) -> Option<String> {
        if lost > self.lost {
            (self.lost, self.last) = (lost, Some(now));
        }
        self.last.filter(|last| now.duration_since(*last) < TELL_LOSSES).map(|_| {
            "records of DNS questions are missing from the journal: the disk took none, or they came faster than it takes \
             them; the questions were answered"
                .to_owned()
        })
    }
}

fn all_upstreams(everybodys: &[UpstreamState], groups: &[GroupState], forwards: &[UpstreamState]) -> Vec<DnsUpstream> {
    let offices = forwards.iter().map(|state| upstream(state, Some("the office's zones")));
    let own = groups.iter().flat_map(|group| group.upstreams.iter().map(|state| upstream(state, Some(&group.name))));
    everybodys.iter().map(|state| upstream(state, None)).chain(offices).chain(own).collect()
}

fn group(group: &GroupState) -> DnsGroup {
    DnsGroup {
        name: group.name.clone(),
        clients: group.clients.clone(),
        steering: group.steering,
        silent: group.silent,
        block_lists: group.block_lists.clone(),
    }
}

fn keys(state: KeyState) -> DnsKeys {
    let from = match state.origin {
        KeyOrigin::Settings => "dns.dnssec_anchors".to_owned(),
        KeyOrigin::Given(from) => from,
        KeyOrigin::Builtin => "this program".to_owned(),
    };
    DnsKeys { from, keys: state.keys }
}

fn upstream(state: &UpstreamState, whose: Option<&str>) -> DnsUpstream {
    DnsUpstream {
        upstream: state.upstream.to_string(),
        whose: whose.map(str::to_owned),
        working: is_working(state),
        // One answer that got lost is no news.
        failure: state.failure.clone().filter(|_| !is_working(state)),
        strips_signatures: state.strips_signatures,
        tcp_only: state.tcp_only,
        asks_us: state.asks_us,
        makes_up: state.makes_up,
    }
}

/// Before it was ever asked it counts as working.
fn is_working(state: &UpstreamState) -> bool {
    state.working && !state.asks_us && !(state.answered == 0 && state.failure.is_some())
}

fn upstream_warnings(
    main: &[UpstreamState],
    groups: &[GroupState],
    forwards: &[UpstreamState],
    checks: bool,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if !main.iter().any(is_working) {
        warnings.push("no upstream resolver answers: only names that are kept here can be resolved".to_owned());
    } else if UpstreamState::is_port_53_blocked(main) {
        warnings.push(
            "plain DNS is silent everywhere while encrypted upstreams answer: something on the way out blocks port 53; \
             names are resolved over the encrypted ones"
                .to_owned(),
        );
    }
    for group in groups.iter().filter(|group| !group.upstreams.is_empty() && !group.upstreams.iter().any(is_working)) {
        warnings.push(format!("no upstream resolver of the group {} answers", group.name));
    }
    for state in forwards.iter().filter(|state| !is_working(state) && !state.asks_us) {
        warnings.push(format!("{}, which knows zones of the office, does not answer", state.upstream));
    }
    let groups_own = groups.iter().flat_map(|group| &group.upstreams);
    for state in main.iter().chain(forwards).chain(groups_own) {
        warnings.extend(circle(state));
    }
    let own = || groups.iter().map(|group| group.upstreams.as_slice()).filter(|own| !own.is_empty());
    for servers in std::iter::once(main).chain(own()) {
        warnings.extend(making_up(servers));
        warnings.extend(checks.then(|| stripping(servers)).flatten());
    }
    warnings
}

fn circle(state: &UpstreamState) -> Option<String> {
    let upstream = &state.upstream;
    if state.asks_us {
        return Some(format!(
            "{upstream} asks this device what this device asks it, a loop, so it is left out: it must not use this device as \
             its own DNS server, or another upstream must be named"
        ));
    }
    let zones = state.asks_us_about.join(", ");
    (!zones.is_empty()).then(|| {
        format!(
            "{upstream} asks this device what this device asks it about {zones}, a loop, so it is not asked about that"
        )
    })
}

fn making_up(main: &[UpstreamState]) -> Option<String> {
    let names: Vec<_> = main.iter().filter(|state| state.makes_up).map(|state| state.upstream.to_string()).collect();
    if names.is_empty() {
        return None;
    }
    let rest = main.iter().any(|state| is_working(state) && !state.makes_up);
    let then = if rest { "others are asked instead" } else { "there is no other to ask" };
    let names = names.join(", ");
    Some(format!(
        "{names} has answers for names that do not exist, or denies those that do: a captive portal, or a provider that shows \
         a page of its own; {then}"
    ))
}

fn stripping(main: &[UpstreamState]) -> Option<String> {
    let stripping: Vec<_> = main.iter().filter(|state| state.strips_signatures).collect();
    if stripping.is_empty() {
        return None;
    }
    let names: Vec<_> = stripping.iter().map(|state| state.upstream.to_string()).collect();
    let rest = main.iter().filter(|state| is_working(state)).any(|state| !state.strips_signatures);
    let (names, then) = (names.join(", "), if rest { "it is asked last" } else { "answers cannot be checked" });
    Some(format!("DNSSEC signatures are taken out of its answers by {names}: {then}"))
}

fn hosts_warning((file, error): &(PathBuf, String)) -> String {
    format!(
        "{} cannot be read: {error}; of the hosts that it names only those are known that it named before",
        file.display()
    )
}

/// Who holds most may be another client at each look.
fn crowd_warning(crowd: &Crowd) -> Warning {
    let whose = crowd.client.map_or_else(|| "this device itself has".to_owned(), |client| format!("{client} has"));
    let text = format!(
        "more is asked of upstream resolvers than dns.upstream_concurrency lets be asked at once, so the oldest questions are \
         given up; {whose} most of them"
    );
    Warning::about("crowd", text)
}

fn shortage_warning(shortage: &Crowd) -> Warning {
    let whose = shortage.client.map_or_else(|| "the router".to_owned(), |client| client.to_string());
    let text = format!(
        "more questions wait for upstream resolvers than dns.pending lets wait, so others are answered at once that they \
         cannot be resolved; {whose} has most of them"
    );
    Warning::about("shortage", text)
}

fn flood_warning(flood: Flood) -> Warning {
    match flood {
        Flood::Of(client) => {
            let text = format!(
                "{client} gives itself more names by multicast DNS than one machine may have ({}): the rest of them are \
                 unknown",
                Flood::EACH
            );
            Warning::about("flood of one", text)
        }
        Flood::Everybody => Warning::from(format!(
            "more machines name themselves by multicast DNS than are kept ({}): some are unknown by name",
            Flood::ALL
        )),
    }
}

fn list_warnings(list: &ListState) -> impl Iterator<Item = String> {
    let name = &list.list;
    let awaited = (list.awaited && list.error.is_none()).then(|| {
        format!("the block list {name} is not in force yet: until it has been read, its names are not blocked")
    });
    let (names, left_out) = (list.names, list.left_out);
    let cut = (left_out > 0).then(|| {
        format!(
            "the block list {name} is too long: {names} of its names are in force and {left_out} are not, for there is no \
             memory for more (process.dns.memory_mib)"
        )
    });
    list_fault(list).into_iter().chain(awaited).chain(cut)
}

fn list_fault(list: &ListState) -> Option<String> {
    let error = list.error.as_ref()?;
    let rest = match list.names {
        0 => "nothing of it is in force".to_owned(),
        names => format!("the last good version with {names} names stays in force"),
    };
    let what = if list.list.starts_with("https://") { "could not be fetched" } else { "cannot be read" };
    Some(format!("the block list {} {what}: {error}; {rest}", list.list))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gate_dns::{Crowd, Flood, GroupState, ListState, UpstreamState};
    use tokio::time::Instant;

    use super::{Losses, crowd_warning, flood_warning, list_warnings, shortage_warning, upstream_warnings};

    fn upstream(name: &str, working: bool) -> UpstreamState {
        UpstreamState {
            upstream: name.parse().unwrap(),
            working,
            answered: 9,
            unanswered: 0,
            usual: None,
            failure: (!working).then(|| "silence".to_owned()),
            strips_signatures: false,
            tcp_only: false,
            asks_us: false,
            asks_us_about: Vec::new(),
            makes_up: false,
        }
    }

    fn told(main: &[UpstreamState]) -> Vec<String> {
        upstream_warnings(main, &[], &[], true)
    }

    #[test]
    fn lost_records_are_told_of_for_a_while() {
        let (mut losses, start) = (Losses::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        let told =
            [(0, 0), (2, 1), (2, 600), (2, 601), (3, 900)].map(|(lost, at)| losses.warning(lost, after(at)).is_some());
        assert_eq!(told, [false, true, true, false, true]);
    }

    #[test]
    fn what_is_well_is_not_told() {
        assert!(told(&[upstream("192.0.2.1", true), upstream("192.0.2.2", false)]).is_empty());
        let new = UpstreamState { answered: 0, ..upstream("192.0.2.1", true) };
        assert!(told(&[new]).is_empty(), "nobody has asked yet");
    }

    fn state(list: &str, names: usize) -> ListState {
        let list = list.to_owned();
        ListState { list, names, foreign_lines: 0, left_out: 0, bytes: 0, awaited: false, asked: None, error: None }
    }

    #[test]
    fn what_is_not_blocked_yet_or_not_at_all_is_told() {
        let told = |list: ListState| list_warnings(&list).collect::<Vec<_>>();
        let awaited = told(ListState { awaited: true, ..state("/etc/ads", 0) });
        let words = "the block list /etc/ads is not in force yet: until it has been read, its names are not blocked";
        assert_eq!(awaited, [words]);
        let long = told(ListState { left_out: 9, ..state("/etc/ads", 5_000_000) });
        assert!(long.len() == 1 && long[0].contains("5000000 of its names are in force and 9 are not"), "{long:?}");
    }

    #[test]
    fn who_has_most_is_named_once() {
        let of = |number| Crowd { questions: 1, client: Some([192, 0, 2, number].into()) };
        assert_eq!(crowd_warning(&of(1)), crowd_warning(&of(2)));
        assert_eq!(shortage_warning(&of(1)), shortage_warning(&of(2)));
        assert_ne!(crowd_warning(&of(1)), shortage_warning(&of(1)));
    }

    #[test]
    fn machines_that_name_too_many_hosts_are_one_warning() {
        let of = |client: &str| flood_warning(Flood::Of(client.parse().unwrap()));
        assert_eq!(of("192.0.2.7"), of("192.0.2.8"));
        assert_ne!(of("192.0.2.7"), flood_warning(Flood::Everybody));
    }

    #[test]
    fn a_list_that_is_missing_is_told_with_what_holds_instead() {
        let list = |list: &str, names, error: Option<&str>| {
            let error = error.map(str::to_owned);
            list_warnings(&ListState { error, ..state(list, names) }).next()
        };
        assert_eq!(list("/etc/ads", 7, None), None);
        let told = list("/etc/ads", 7, Some("Permission denied")).unwrap();
        let rest = "the last good version with 7 names stays in force";
        assert_eq!(told, format!("the block list /etc/ads cannot be read: Permission denied; {rest}"));
        let told = list("https://lists.example/ads", 0, Some("status 500")).unwrap();
        assert!(told.ends_with("could not be fetched: status 500; nothing of it is in force"), "{told}");
    }

    #[test]
    fn each_trap_has_a_warning_of_its_own() {
        let (plain, tls) = (upstream("192.0.2.1", false), upstream("tls://192.0.2.2", true));
        assert!(told(&[plain.clone(), tls])[0].contains("blocks port 53"));
        assert!(told(std::slice::from_ref(&plain))[0].contains("no upstream resolver answers"));
        let round = UpstreamState { asks_us: true, ..upstream("192.0.2.3", true) };
        let warnings = told(&[upstream("192.0.2.1", true), round]);
        assert!(warnings.len() == 1 && warnings[0].starts_with("192.0.2.3:53 asks this device"), "{warnings:?}");
        let directory = UpstreamState { asks_us_about: vec!["corp.example".to_owned()], ..upstream("192.0.2.3", true) };
        let warnings = upstream_warnings(&[upstream("192.0.2.1", true)], &[], &[directory], true);
        assert!(warnings.len() == 1 && warnings[0].contains("asks it about corp.example, a loop"), "{warnings:?}");
        let portal = UpstreamState { makes_up: true, ..upstream("192.0.2.5", true) };
        assert!(told(&[portal.clone(), upstream("192.0.2.1", true)])[0].ends_with("others are asked instead"));
        assert!(told(&[portal])[0].ends_with("there is no other to ask"));
        let strips = UpstreamState { strips_signatures: true, ..upstream("192.0.2.4", true) };
        assert!(told(&[strips.clone(), upstream("192.0.2.1", true)])[0].ends_with("by 192.0.2.4:53: it is asked last"));
        assert!(told(std::slice::from_ref(&strips))[0].ends_with("answers cannot be checked"));
        assert!(upstream_warnings(&[strips], &[], &[], false).is_empty(), "nobody checks");
        let group = GroupState {
            name: "guests".to_owned(),
            clients: Vec::new(),
            steering: true,
            silent: false,
            block_lists: None,
            upstreams: vec![plain.clone()],
        };
        let warnings = upstream_warnings(&[upstream("192.0.2.1", true)], &[group], &[plain], true);
        assert_eq!(warnings[0], "no upstream resolver of the group guests answers");
        assert_eq!(warnings[1], "192.0.2.1:53, which knows zones of the office, does not answer");
    }
}
