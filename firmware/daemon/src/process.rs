//! What every process does before it touches the network's bytes: it gives up everything it does not need.

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User};
use thiserror::Error;

use crate::config::ProcessConfig;

/// A spliced connection holds two sockets and, while bytes move, two pipes: this is enough for the proxy's default of
/// 2048 connections.
const OPEN_FILES: u64 = 16_384;

/// Privileges that could not be given up; the worker must not run then.
#[derive(Debug, Error)]
pub(crate) enum ConfineError {
    #[error("there is no user `{0}`, which a process should run as")]
    NoUser(String),
    #[error("cannot {step}: {source}")]
    System { step: &'static str, source: nix::Error },
    #[error("cannot drop capabilities: {0}")]
    Capabilities(#[from] caps::errors::CapsError),
}

/// What the supervisor does that needs more than its user: it gives folders to its workers, looks into those, ends who does
/// nothing, opens the low ports, and starts workers that then become other users. The rules of the kernel are one worker's.
const SUPERVISOR: [Capability; 10] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
];

/// Gives up root and every other capability, for the supervisor and all that it starts. Called before any thread is started.
pub(crate) fn confine_supervisor(user: Option<&str>) -> Result<(), ConfineError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let keep: CapsHashSet = SUPERVISOR.iter().copied().filter(|capability| held.contains(capability)).collect();
    bound(&held, &keep)?;
    if let Some(user) = user {
        become_user(user, &keep)?;
    }
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    // Who is not root loses them all at the start of a program, but for the ambient ones (capabilities(7)); a worker needs
    // them to become its own user.
    caps::set(None, CapSet::Inheritable, &keep)?;
    caps::set(None, CapSet::Ambient, &keep)?;
    nix::sys::prctl::set_no_new_privs().map_err(|source| ConfineError::System { step: "set no_new_privs", source })
}

/// Whatever is started from here on gets no more than this, as far as that may be said.
fn bound(held: &CapsHashSet, keep: &CapsHashSet) -> Result<(), ConfineError> {
    if held.contains(&Capability::CAP_SETPCAP) {
        for capability in caps::all() {
            if !keep.contains(&capability) && caps::has_cap(None, CapSet::Bounding, capability)? {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    Ok(())
}

/// Gives up user, capabilities and memory beyond the cap. Called before any thread is started, because capabilities belong
/// to threads.
pub(crate) fn confine(config: &ProcessConfig, keep: &[Capability]) -> Result<(), ConfineError> {
    let held = caps::read(None, CapSet::Permitted)?;
    let keep: CapsHashSet = keep.iter().copied().filter(|capability| held.contains(capability)).collect();
    bound(&held, &keep)?;
    if let Some(user) = &config.user {
        become_user(user, &keep)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    caps::set(None, CapSet::Effective, &keep)?;
    caps::set(None, CapSet::Permitted, &keep)?;
    nix::sys::prctl::set_no_new_privs().map_err(|source| ConfineError::System { step: "set no_new_privs", source })?;
    cap_resources(config)
}

/// Whether this process holds the capability. A kernel that does not say counts as no.
pub(crate) fn may(capability: Capability) -> bool {
    caps::has_cap(None, CapSet::Effective, capability).unwrap_or(false)
}

fn cap_resources(config: &ProcessConfig) -> Result<(), ConfineError> {
    // RLIMIT_DATA counts private writable memory, heap and mapped alike (getrlimit(2)); past it an allocation fails, the
    // process aborts and the supervisor starts it again.
    let cap = config.memory_mib * 1024 * 1024;
    setrlimit(Resource::RLIMIT_DATA, cap, cap)
        .map_err(|source| ConfineError::System { step: "cap the memory", source })?;
    let files = |source| ConfineError::System { step: "raise the number of open files", source };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(files)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(OPEN_FILES), hard).map_err(files)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)
        .map_err(|source| ConfineError::System { step: "forbid core dumps, which would hold prompts", source })
}

fn become_user(user: &str, keep: &CapsHashSet) -> Result<(), ConfineError> {
    let system = |step| move |source| ConfineError::System { step, source };
    let (uid, gid) = ids(user)?;
    caps::securebits::set_keepcaps(!keep.is_empty())?;
    nix::unistd::setgroups(&[gid]).map_err(system("set the groups"))?;
    nix::unistd::setresgid(gid, gid, gid).map_err(system("set the group"))?;
    nix::unistd::setresuid(uid, uid, uid).map_err(system("set the user"))
}

/// The numbers of a user given by name, or by number where the image has no such name.
pub(crate) fn ids(user: &str) -> Result<(Uid, Gid), ConfineError> {
    if let Ok(number) = user.parse::<u32>() {
        return Ok((Uid::from_raw(number), Gid::from_raw(number)));
    }
    let found = User::from_name(user).map_err(|source| ConfineError::System { step: "look up a user", source })?;
    found.map(|found| (found.uid, found.gid)).ok_or_else(|| ConfineError::NoUser(user.to_owned()))
}

/// The user a process gets when the daemon may change users and the configuration names none: `name` if the machine
/// has it, else a number that no distribution hands out. None where there is nobody else to become: without root, and in
/// a user namespace that has only one user.
pub(crate) fn default_user(name: &str, number: u32) -> Option<String> {
    if !may(Capability::CAP_SETUID) {
        return None;
    }
    if matches!(User::from_name(name), Ok(Some(_))) {
        return Some(name.to_owned());
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").ok()?;
    let mapped = map.lines().any(|line| {
        let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        matches!(fields[..], [first, _, count] if (first..first + count).contains(&u64::from(number)))
    });
    mapped.then(|| number.to_string())
}
