//! The files that the file of settings names.

use std::path::Path;

use gate_dns::List;

use super::{Config, ConfigError, line_of};

impl Config {
    /// Looks whether the files are there that the resolver is to read, for `nanogate check` with the file that this was read
    /// from. The daemon starts without them, says so and reads them when they come; files of leases come with the first
    /// lease. A list with an address is the network's matter.
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
}
