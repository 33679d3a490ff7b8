//! The files that the file of settings names.

use std::path::{Path, PathBuf};

use gate_dns::List;
use toml::de::DeTable;

use super::{Config, ConfigError, line_of};

impl Config {
    /// Looks whether the files are there that the resolver is to read, for `nanogate check` with the file that this was
    /// read from. The daemon starts without them, says so and reads them when they come; files of leases come with the
    /// first lease. A list with an address is the network's matter.
    pub(crate) fn check_files(&self, file: &Path) -> Result<(), ConfigError> {
        let lists = self.dns.block_lists.iter().map(|list| ("dns.block_lists", list));
        let own = self.dns.groups.iter().flat_map(|group| group.block_lists.iter().flatten());
        let lists = lists.chain(own.map(|list| ("dns.groups", list))).filter_map(|(key, list)| match list {
            List::File(path) => Some((key, path)),
            List::Url(_) => None,
        });
        let hosts = self.dns.hosts_files.iter().map(|path| ("dns.hosts_files", path));
        for (key, path) in hosts.chain(lists) {
            let why = match std::fs::metadata(path) {
                Ok(meta) if meta.is_file() => continue,
                Ok(_) => "it is no file".to_owned(),
                Err(error) => error.to_string(),
            };
            let base = file.parent().unwrap_or(Path::new(""));
            let line = line_of(&Self::read(file)?, key, |text| base.join(text) == *path);
            let message = format!("{key}: {}: {why}", path.display());
            return Err(ConfigError::Value { file: file.display().to_string(), line, message });
        }
        Ok(())
    }

    /// Where the daemon keeps what it writes, with all settings if the file is good. A file that has become wrong since
    /// the daemon read it still says where the daemon is to be asked, as long as that key can be read.
    pub(crate) fn find(file: &Path) -> Result<(PathBuf, Result<Self, ConfigError>), ConfigError> {
        let error = match Self::load(file) {
            Ok(config) => return Ok((config.data.clone(), Ok(config))),
            Err(error) => error,
        };
        let text = Self::read(file)?;
        let (root, _) = DeTable::parse_recoverable(&text);
        match root.get_ref().get("data").and_then(|data| data.get_ref().as_str()) {
            Some(data) => Ok((file.parent().unwrap_or(Path::new("")).join(data), Err(error))),
            None => Err(error),
        }
    }
}
