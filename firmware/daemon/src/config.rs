//! The configuration file: read once, converted into typed values once, every error with file, line and key.

mod files;
mod place;
mod waiting;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use gate_core::HostName;
use gate_dns::EncryptedDns;
use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

use crate::cli::ProcessName;
use crate::process::default_user;
use crate::provision;
use crate::worker::{PolicyFile, rule_set};

use self::place::{key_on, line_of};
pub(crate) use self::waiting::waiting;

/// Above every range that distributions, systemd and subordinate ids use (systemd's UIDS-GIDS), below the sign bit.
const FIRST_USER: u32 = 0x7f4e_4700;

/// Everything `nanogate run` needs; documented key by key in `nanogate.example.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Folder for journal, keys and state.
    pub(crate) data: PathBuf,
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The office's DNS domain: the admin page is `nanogate.<domain>`.
    #[serde(default = "default_domain")]
    pub(crate) domain: String,
    /// The policy file; without one the policy is what the page keeps, and until it does every client is watched and nothing
    /// denied.
    pub(crate) policy: Option<PathBuf>,
    pub(crate) identity: Identity,
    #[serde(default)]
    pub(crate) ca: CaConfig,
    #[serde(default)]
    pub(crate) dns: gate_dns::Config,
    #[serde(default)]
    pub(crate) proxy: gate_proxy::Config,
    #[serde(default)]
    pub(crate) admin: gate_admin::Config,
    #[serde(default)]
    pub(crate) steer: gate_steer::Config,
    #[serde(default)]
    pub(crate) journal: gate_audit::JournalConfig,
    #[serde(default)]
    pub(crate) scan: Scan,
    #[serde(default)]
    pub(crate) packs: Packs,
    #[serde(default)]
    pub(crate) process: Processes,
    #[serde(default)]
    pub(crate) console: ConsoleConfig,
    #[serde(default)]
    pub(crate) log: Log,
}

/// The office's certificate authority.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CaConfig {
    /// The file with what its key is sealed with, 16 bytes at least; without one it is made in the data folder.
    pub(crate) seal_key: Option<PathBuf>,
}

/// Where the running daemon takes orders.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsoleConfig {
    /// The socket's path; without one it is in the data folder.
    pub(crate) socket: Option<PathBuf>,
}

/// How traffic arrives (HOUSE.md, "Three ways to stand in the network"). The explicit proxy runs beside either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Dns,
    Gateway,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Gateway => "gateway",
        }
    }
}

/// Who the puck is on the LAN.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    /// The puck's own addresses on the LAN; steered names resolve to them.
    pub(crate) addresses: Vec<IpAddr>,
    /// Subnets of the LAN, whose hosts are served beside those of `dns.local_subnets`. Empty: each address's own /24 or
    /// /64.
    #[serde(default)]
    pub(crate) lan: Vec<IpNet>,
    /// The name by which multicast DNS finds it.
    #[serde(default = "local_name")]
    pub(crate) local_name: String,
}

fn local_name() -> String {
    "nanogate.local".to_owned()
}

/// The office's own words.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Scan {
    /// Names of projects and products that must not leave, each with what to do about it.
    pub(crate) code_words: Vec<gate_scrub::OfficeWord>,
}

/// The packs of rules that an owner installs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Packs {
    /// PEM files of the public keys that may sign packs. With none no pack can be installed.
    pub(crate) trust: Vec<PathBuf>,
}

/// User and memory of each process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Processes {
    pub(crate) dns: ProcessConfig,
    pub(crate) proxy: ProcessConfig,
    pub(crate) admin: ProcessConfig,
    pub(crate) steer: ProcessConfig,
    pub(crate) supervisor: SupervisorConfig,
}

/// User of the process that starts the others.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SupervisorConfig {
    /// Name or number. Without it: `nanogate` or a number of its own when the daemon is root, else the user that started it.
    pub(crate) user: Option<String>,
}

/// User and memory of one process.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProcessConfig {
    /// Name or number. Without it: `nanogate-<process>` or a number of its own when the daemon is root, else the user
    /// that started the daemon.
    pub(crate) user: Option<String>,
    /// Cap on private memory in MiB; 0 takes the process's own default.
    pub(crate) memory_mib: u64,
}

/// No process comes up with less,
const LEAST_MEMORY_MIB: u64 = 16;

/// nor stays up on every machine: each has this much, whatever the owner says.
const LEAST_GIVEN_MIB: u64 = 32;

/// tracing takes any word for the name of a target; a misspelt level would silence the log.
fn is_log_filter(filter: &str) -> bool {
    let level = |word: &str| word.parse::<tracing::level_filters::LevelFilter>().is_ok();
    let known = |directive: &str| match directive.rsplit_once('=') {
        Some((target, word)) => !target.is_empty() && level(word),
        None => level(directive),
    };
    filter.split(',').all(|directive| known(directive.trim()))
}

impl Processes {
    fn all(&self) -> [(&'static str, &ProcessConfig); 4] {
        [
            ("process.dns", &self.dns),
            ("process.proxy", &self.proxy),
            ("process.admin", &self.admin),
            ("process.steer", &self.steer),
        ]
    }

    /// The process's settings, its default user and memory cap filled in.
    pub(crate) fn of(&self, name: ProcessName) -> ProcessConfig {
        let (chosen, memory_mib, number) = match name {
            ProcessName::Dns => (&self.dns, 128, 1),
            ProcessName::Proxy => (&self.proxy, 512, 2),
            ProcessName::Admin => (&self.admin, 160, 3),
            ProcessName::Steer => (&self.steer, 48, 4),
        };
        let memory_mib = if chosen.memory_mib == 0 { memory_mib } else { chosen.memory_mib.max(LEAST_GIVEN_MIB) };
        let name = format!("nanogate-{}", name.as_str());
        let user = chosen.user.clone().or_else(|| default_user(&name, FIRST_USER + number));
        ProcessConfig { user, memory_mib }
    }

    /// The user of the process that starts the others.
    pub(crate) fn supervisors_user(&self) -> Option<String> {
        self.supervisor.user.clone().or_else(|| default_user("nanogate", FIRST_USER))
    }
}

/// Where the log goes is fixed (standard error); how is not.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

fn default_domain() -> String {
    "lan".to_owned()
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum ConfigError {
    #[error("{file}: {source}")]
    Read { file: String, source: std::io::Error },
    #[error("{file}:{line}: {message}")]
    Syntax { file: String, line: usize, message: String },
    #[error("{file}:{line}: {message}")]
    Value { file: String, line: usize, message: String },
}

/// What is wrong with a value. The message begins with the full name of its key.
struct Wrong {
    message: String,
    /// Which of the values that stand under the key it is, where there may be several.
    value: Option<String>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, value: None }
    }
}

/// Whether two texts are one name, however they are spelled.
fn is_same_name(text: &str, name: &str) -> bool {
    text == name || text.strip_suffix('.').unwrap_or(text).eq_ignore_ascii_case(name)
}

impl Config {
    /// Reads, parses and cross-checks a file.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        Self::of_text(file, &Self::read(file)?)
    }

    /// The text of a file.
    pub(crate) fn read(file: &Path) -> Result<String, ConfigError> {
        std::fs::read_to_string(file).map_err(|source| ConfigError::Read { file: file.display().to_string(), source })
    }

    /// Parses and cross-checks the text of a file, which may have another one by now.
    pub(crate) fn of_text(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let name = file.display().to_string();
        let mut config = Self::parse(&name, text)?;
        // Paths in the file are relative to the file, wherever the daemon is started; whole, because a fence needs the folder
        // of each and a bare name has none.
        let whole = std::path::absolute(file).map_err(|source| ConfigError::Read { file: name, source })?;
        let base = whole.parent().unwrap_or(Path::new("/"));
        config.data = base.join(&config.data);
        config.policy = config.policy.map(|policy| base.join(policy));
        config.packs.trust = config.packs.trust.iter().map(|key| base.join(key)).collect();
        for file in config.dns.hosts_files.iter_mut().chain(&mut config.dns.leases_files) {
            *file = base.join(&*file);
        }
        let own = config.dns.groups.iter_mut().filter_map(|group| group.block_lists.as_mut()).flatten();
        for list in config.dns.block_lists.iter_mut().chain(own) {
            if let gate_dns::List::File(file) = list {
                *file = base.join(&*file);
            }
        }
        config.dns.clock_unsure = config.dns.clock_unsure.map(|file| base.join(file));
        config.proxy.extra_roots = config.proxy.extra_roots.map(|roots| base.join(roots));
        config.proxy.client_roots = config.proxy.client_roots.map(|roots| base.join(roots));
        config.console.socket = config.console.socket.map(|socket| base.join(socket));
        config.ca.seal_key = config.ca.seal_key.map(|file| base.join(file));
        Ok(config)
    }

    fn parse(file: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let key = key_on(text, line).map_or_else(String::new, |key| format!("{key}: "));
            ConfigError::Syntax { file: file.to_owned(), line, message: format!("{key}{}", error.message()) }
        })?;
        config.cross_check().map_err(|Wrong { message, value }| {
            let key = message.split([' ', ':']).next().unwrap_or_default();
            let line = line_of(text, key, |text| value.as_deref().is_some_and(|value| is_same_name(text, value)));
            ConfigError::Value { file: file.to_owned(), line, message }
        })?;
        Ok(config)
    }

    /// What the types cannot say. Every message begins with the full name of its key.
    fn cross_check(&self) -> Result<(), Wrong> {
        if self.identity.addresses.is_empty() || self.identity.addresses.len() > 16 {
            return Err("identity.addresses must name 1 to 16 addresses of the puck".to_owned().into());
        }
        if let Some(address) = self.identity.addresses.iter().find(|address| address.is_unspecified()) {
            return Err(format!("identity.addresses: {address} is no address that clients could connect to").into());
        }
        if let Err(error) = self.own_name() {
            return Err(format!("domain: {error}").into());
        }
        if !is_log_filter(&self.log.level) {
            return Err(format!("log.level: `{}` is no level, nor a list of `target=level`", self.log.level).into());
        }
        for (key, process) in self.process.all() {
            if !matches!(process.memory_mib, 0 | LEAST_MEMORY_MIB..=1_048_576) {
                return Err(format!("{key}.memory_mib must be 0 or at least {LEAST_MEMORY_MIB}").into());
            }
            if let Some(user) = &process.user
                && let Err(error) = crate::process::ids(user)
            {
                return Err(format!("{key}.user: {error}").into());
            }
        }
        let worded = |error: &dyn std::fmt::Display| error.to_string();
        self.dns.check(&self.identity.addresses).map_err(|error| {
            let value = error.value().map(str::to_owned);
            Wrong { message: worded(&error), value }
        })?;
        let memory = self.process.of(ProcessName::Dns).memory_mib << 20;
        if self.dns.cache_bytes as u64 > memory / 2 {
            return Err(format!(
                "dns.cache_bytes must be at most {}, half of process.dns.memory_mib: past that memory the process ends, and the \
                 rest of it is for block lists and questions on their way",
                memory / 2
            )
            .into());
        }
        if !self.identity.local_name.ends_with(".local") || self.own_names().is_err() {
            return Err(format!("identity.local_name: {:?} is no name in .local", self.identity.local_name).into());
        }
        if let Some(subnet) = self.identity.lan.iter().find(|subnet| gate_dns::is_too_wide(subnet)) {
            let message = format!("identity.lan: {subnet} is wider than any office, so strangers would be served");
            return Err(Wrong { message, value: Some(subnet.to_string()) });
        }
        self.proxy.validate().map_err(|error| worded(&error))?;
        self.admin.check().map_err(|error| worded(&error))?;
        self.journal.check().map_err(|error| worded(&error))?;
        if self.steer.enabled {
            rule_set(self, BTreeSet::new()).map_err(|error| worded(&error))?;
        }
        Ok(())
    }

    /// What becomes of questions for public resolvers: who captures what is asked of others wants none around this one.
    pub(crate) fn encrypted_dns(&self) -> EncryptedDns {
        let captures = self.mode == Mode::Gateway && self.steer.enabled && self.steer.capture_dns;
        let default = if captures { EncryptedDns::Refuse } else { EncryptedDns::Report };
        self.dns.encrypted_dns.unwrap_or(default)
    }

    /// What can be meant so, and hardly is.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let captures = self.steer.enabled && self.steer.capture_dns;
        let half = self.mode == Mode::Gateway && self.encrypted_dns() == EncryptedDns::Refuse && !captures;
        let plain = half.then(|| {
            "dns.encrypted_dns refuses encrypted questions to other resolvers, and plain ones to them (port 53) pass: \
             steer.capture_dns is false"
                .to_owned()
        });
        plain.into_iter().chain(self.dns.warnings(&self.local_subnets()))
    }

    /// The console's socket.
    pub(crate) fn console_socket(&self) -> PathBuf {
        self.console.socket.clone().unwrap_or_else(|| self.data.join("state/console.sock"))
    }

    /// `nanogate.<domain>`.
    pub(crate) fn own_name(&self) -> Result<HostName, gate_core::HostError> {
        HostName::parse(format!("nanogate.{}", self.domain).as_bytes())
    }

    /// Every name of the puck's own: the one in the office's domain, and the one by which multicast DNS finds it before
    /// anybody has changed anything.
    pub(crate) fn own_names(&self) -> Result<Vec<HostName>, gate_core::HostError> {
        let mut names = vec![self.own_name()?];
        let local = HostName::parse(self.identity.local_name.as_bytes())?;
        if !names.contains(&local) {
            names.push(local);
        }
        Ok(names)
    }

    /// The subnets of the puck's own interfaces, as far as the file says.
    pub(crate) fn own_subnets(&self) -> Vec<IpNet> {
        if !self.identity.lan.is_empty() {
            return self.identity.lan.clone();
        }
        let subnet = |address: &IpAddr| {
            let prefix = if address.is_ipv4() { 24 } else { 64 };
            IpNet::new(*address, prefix).expect("24 and 64 are prefix lengths of their families").trunc()
        };
        self.identity.addresses.iter().map(subnet).collect()
    }

    /// The policy as its owner keeps it: in a file of their own, or else on the page.
    pub(crate) fn policy_file(&self) -> PolicyFile {
        match &self.policy {
            Some(file) => PolicyFile { path: file.clone(), plain: false },
            None => PolicyFile { path: provision::page_policy(&self.data), plain: true },
        }
    }

    /// The subnets whose hosts are served, by DNS and everything else alike.
    pub(crate) fn local_subnets(&self) -> Vec<IpNet> {
        let mut subnets = self.dns.local_subnets.clone();
        subnets.extend(self.own_subnets());
        subnets
    }
}

#[cfg(test)]
mod tests;
