//! The fence around a worker: whatever breaks into one finds few files, few doors and few calls of the kernel. Around all
//! of them and the supervisor stands a wider one: it reads everything, because the owner's files may lie anywhere, but
//! writes below the data folder alone, and starts no other program than its own.
//!
//! ```text
//!   landlock   files: what it reads, and its own folders; TCP: no new port to listen on, and none to dial for who never does
//!   seccomp    no other program, no other process's memory, no mounts, modules, clocks, keys; ordinary sockets only
//! ```
//!
//! A kernel without landlock leaves users, capabilities and seccomp in force, and the log says so.

mod calls;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gate_dns::List;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use thiserror::Error;

use crate::cli::ProcessName;
use crate::config::Config;
use crate::provision;

/// Rights of later versions are asked for once they were tried; an older kernel gives what it has.
const VERSION: ABI = ABI::V6;

/// What any program reads: the C library's own files, the kernel's tables, randomness.
const EVERYBODY: [&str; 7] = ["/etc", "/usr", "/lib", "/proc", "/sys", "/dev/null", "/dev/urandom"];

/// This program, and the folders of what the kernel loads it with.
const PROGRAMS: [&str; 4] = ["/proc/self/exe", "/lib", "/lib64", "/usr/lib"];

/// Why there is no fence; the worker must not run then.
#[derive(Debug, Error)]
pub(crate) enum FenceError {
    #[error("landlock: {0}")]
    Files(#[from] RulesetError),
    #[error("seccomp: {0}")]
    Calls(#[from] seccompiler::Error),
}

/// What a worker may still reach.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    dials: bool,
}

/// Raises the fence around the calling thread and all that it starts; nothing takes it down again.
pub(crate) fn raise(config: &Config, name: ProcessName) -> Result<(), FenceError> {
    let status = files(&reach(config, name))?;
    match status {
        RulesetStatus::FullyEnforced => tracing::debug!(process = name.as_str(), "landlock is in force"),
        RulesetStatus::PartiallyEnforced => tracing::info!("landlock is in force as far as this kernel knows it"),
        RulesetStatus::NotEnforced => tracing::warn!("this kernel has no landlock: files are guarded by users alone"),
    }
    calls::forbid()?;
    Ok(())
}

/// Raises the wider fence around the supervisor and all that it starts. Called before any thread is started: a fence
/// belongs to threads.
pub(crate) fn raise_around_all(config: &Config) -> Result<(), FenceError> {
    let console = config.console_socket().parent().map(Path::to_owned);
    let write: Vec<PathBuf> = [config.data.clone()].into_iter().chain(console).collect();
    match outer(&write)? {
        RulesetStatus::NotEnforced => {
            tracing::warn!("this kernel has no landlock: the supervisor writes where its user may");
        }
        status => tracing::debug!(?status, "the supervisor's landlock"),
    }
    calls::forbid_but_programs()?;
    Ok(())
}

/// Everything is read, `write` is written to, and nothing is executed but this program and what loads it. Doors are the
/// workers' own: one of them dials.
fn outer(write: &[PathBuf]) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .scope(Scope::AbstractUnixSocket)?
        .scope(Scope::Signal)?
        .create()?
        .add_rules(path_beneath_rules(["/"], read))?
        .add_rules(path_beneath_rules(PROGRAMS, AccessFs::from_read(VERSION)))?
        .add_rules(path_beneath_rules(["/dev/null"], read | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(write, AccessFs::from_all(VERSION) & !BitFlags::from(AccessFs::Execute)))?
        .restrict_self()?;
    Ok(status.ruleset)
}

fn reach(config: &Config, name: ProcessName) -> Reach {
    let data = &config.data;
    let chain = provision::chain_dir(data, name.as_str());
    let mut reach = Reach {
        read: EVERYBODY.iter().map(PathBuf::from).chain(["ca", "packs", "state"].map(|part| data.join(part))).collect(),
        write: vec![chain],
        dials: false,
    };
    match name {
        ProcessName::Dns => {
            reach.write.push(data.join("state/dns"));
            reach.read.extend(dns_folders(&config.dns));
            reach.dials = true;
        }
        ProcessName::Proxy => {
            reach.write.push(provision::proxy_state_dir(data));
            reach.dials = true;
        }
        ProcessName::Admin => {
            reach.read.push(data.join("journal"));
            reach.write.push(provision::admin_state_dir(data));
        }
        ProcessName::Steer => {}
    }
    reach
}

/// The folders of the owner's files that the resolver reads; whole folders, because a file that is replaced is another one.
pub(crate) fn dns_folders(dns: &gate_dns::Config) -> BTreeSet<PathBuf> {
    let own = dns.groups.iter().filter_map(|group| group.block_lists.as_ref()).flatten();
    let lists = dns.block_lists.iter().chain(own).filter_map(|list| match list {
        List::File(file) => Some(file),
        List::Url(_) => None,
    });
    let files = dns.hosts_files.iter().chain(&dns.leases_files).chain(lists);
    files.filter_map(|file| file.parent()).map(Path::to_owned).collect()
}

fn files(reach: &Reach) -> Result<RulesetStatus, RulesetError> {
    let listen = AccessNet::BindTcp;
    let doors = if reach.dials { listen.into() } else { listen | AccessNet::ConnectTcp };
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(doors)?
        .scope(Scope::AbstractUnixSocket)?
        .create()?
        // What is not there cannot be opened either.
        .add_rules(path_beneath_rules(&reach.read, AccessFs::from_read(VERSION)))?
        .add_rules(path_beneath_rules(&reach.write, AccessFs::from_all(VERSION)))?
        .restrict_self()?;
    Ok(status.ruleset)
}

#[cfg(test)]
mod tests;
