//! Between PID 1 and a program that is not root and may do one thing of root's, or none: this binary again, under the name
//! `jail`. It gives up every other capability, keeps what the one thing takes over the change of user, raises a fence around the files,
//! shuts the ways to the kernel's rules, and becomes the program.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    Scope, path_beneath_rules,
};
use nix::libc;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use crate::lease;
use crate::services::May;

/// The name under which PID 1 starts this binary.
pub(crate) const JAIL: &str = "jail";
const LINK: &str = "/sbin/jail";
/// What takes part in the change of user, and is gone after it.
const PASSING: CapabilitySet = CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::SETPCAP);

/// What is read in here, and started: programs and what they are loaded with, settings, the kernel's tables.
const READ: [&str; 5] = ["/usr", "/etc", "/proc", "/sys", "/run/puck"];
const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];

impl May {
    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::SetTheClock => "set-the-clock",
            Self::SetTheAddress => "set-the-address",
        }
    }

    fn capabilities(self) -> CapabilitySet {
        match self {
            Self::Nothing => CapabilitySet::empty(),
            Self::SetTheClock => CapabilitySet::SYS_TIME,
            // DHCP listens below IP before there is an address, and on port 68 after; then it sets what it was given.
            Self::SetTheAddress => CapabilitySet::NET_RAW | CapabilitySet::NET_BIND_SERVICE | CapabilitySet::NET_ADMIN,
        }
    }

    /// The folders that are written to.
    fn writes(self) -> &'static [&'static str] {
        match self {
            Self::Nothing | Self::SetTheClock => &[],
            Self::SetTheAddress => &[lease::FOLDER],
        }
    }
}

/// The command line that starts a program in here.
pub(crate) fn words(may: May, user: Option<u32>, program: Vec<String>) -> Vec<String> {
    let user = user.unwrap_or(0).to_string();
    [LINK.to_owned(), may.word().to_owned(), user].into_iter().chain(program).collect()
}

/// `jail MAY USER PROGRAM WORD…`; does not return if all goes well.
pub(crate) fn run() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [may, user, program, rest @ ..] = &words[..] else { return ExitCode::from(2) };
    let known = [May::Nothing, May::SetTheClock, May::SetTheAddress].into_iter().find(|known| known.word() == may);
    let (Some(may), Ok(user)) = (known, user.parse()) else { return ExitCode::from(2) };
    if let Err(error) = keep_only(may.capabilities()) {
        eprintln!("jail: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = fence(may) {
        eprintln!("jail: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = shut_netlink() {
        eprintln!("jail: {error}");
        return ExitCode::FAILURE;
    }
    let error = Command::new(program).args(rest).uid(user).gid(user).exec();
    eprintln!("jail: {program}: {error}");
    ExitCode::FAILURE
}

/// From here on there are these capabilities alone, which the next program inherits whoever it is, and those that it starts
/// (capabilities(7), "ambient").
fn keep_only(kept: CapabilitySet) -> rustix::io::Result<()> {
    for capability in CapabilitySet::all().iter().filter(|capability| !(kept | PASSING).contains(*capability)) {
        // One that this kernel does not know is not there either.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let during = kept | PASSING;
    set_capabilities(None, CapabilitySets { effective: during, permitted: during, inheritable: kept })?;
    set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
    for capability in kept.iter() {
        configure_capability_in_ambient_set(capability, true)?;
    }
    for capability in PASSING.iter() {
        remove_capability_from_bounding_set(capability)?;
    }
    set_no_new_privs(true)
}

/// Whoever breaks in finds nothing of the office's: neither `/data` nor what others left in `/run`.
fn fence(may: May) -> Result<(), RulesetError> {
    let version = ABI::V6;
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(version))?
        .scope(Scope::AbstractUnixSocket)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(READ, AccessFs::from_read(version)))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::from_file(version)))?
        .add_rules(path_beneath_rules(may.writes(), AccessFs::from_all(version) & !BitFlags::from(AccessFs::Execute)))?
        .restrict_self()?;
    Ok(())
}

/// Of the kernel's netlink (netlink(7)) only rtnetlink(7) is left: who may set addresses may set the firewall's rules, too,
/// as far as capabilities go. It also has links, neighbours, routing rules and traffic control; of the last the image has
/// no module.
fn shut_netlink() -> Result<(), seccompiler::Error> {
    let is = |place, operator, value: i32| {
        SeccompCondition::new(place, SeccompCmpArgLen::Dword, operator, u64::from(value.unsigned_abs()))
    };
    let (family, protocol) =
        (is(0, SeccompCmpOp::Eq, libc::AF_NETLINK)?, is(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE)?);
    let rules = BTreeMap::from([(libc::SYS_socket, vec![SeccompRule::new(vec![family, protocol])?])]);
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, std::env::consts::ARCH.try_into()?)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&program)
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketType, netlink, socket};

    use super::shut_netlink;

    #[test]
    fn whoever_sets_the_address_cannot_set_the_rules() {
        // A filter belongs to its thread, and ends with it.
        let seen = std::thread::spawn(|| {
            shut_netlink().expect("a filter");
            let asked = [None, Some(netlink::NETFILTER), Some(netlink::SOCK_DIAG)];
            let open = |protocol| socket(AddressFamily::NETLINK, SocketType::RAW, protocol).err();
            (asked.map(open), socket(AddressFamily::INET, SocketType::DGRAM, None).err())
        });
        let seen = seen.join().expect("it lives");
        assert_eq!(seen, ([None, Some(Errno::PERM), Some(Errno::PERM)], None));
    }
}
