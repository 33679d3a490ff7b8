//! What a changed file of settings says that only counts from the next start.

use toml::{Table, Value};

/// The one key that is followed while the daemon runs.
const FOLLOWED: [&str; 2] = ["dns", "groups"];

/// The keys that have one value in the text that the daemon started with and another, or none, in the text of now. Texts that
/// cannot be read have none.
pub(crate) fn waiting(then: &str, now: &str) -> Vec<String> {
    let (Ok(mut then), Ok(mut now)) = (then.parse::<Table>(), now.parse::<Table>()) else { return Vec::new() };
    for table in [&mut then, &mut now] {
        let [section, key] = FOLLOWED;
        if let Some(Value::Table(section)) = table.get_mut(section) {
            section.remove(key);
        }
    }
    let mut keys = Vec::new();
    compare("", &then, &now, &mut keys);
    keys
}

fn compare(above: &str, then: &Table, now: &Table, keys: &mut Vec<String>) {
    let empty = Table::new();
    for key in then.keys().chain(now.keys().filter(|key| !then.contains_key(*key))) {
        let name = format!("{above}{key}");
        match (then.get(key), now.get(key)) {
            (then, now) if then == now => {}
            (Some(Value::Table(then)), Some(Value::Table(now))) => compare(&format!("{name}."), then, now, keys),
            (Some(Value::Table(one)), None) | (None, Some(Value::Table(one))) => {
                compare(&format!("{name}."), one, &empty, keys);
            }
            _ => keys.push(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::waiting;

    #[test]
    fn keys_that_have_changed_are_named_with_their_sections() {
        let then = "mode = 'dns'\n[dns]\nupstreams = ['192.0.2.1']\ngroups = []\n[log]\nlevel = 'info'\n";
        let same = "mode = \"dns\" # as before\n[log]\nlevel = 'info'\n[dns]\ngroups = [{ name = 'a' }]\nupstreams = ['192.0.2.1']\n";
        assert!(waiting(then, same).is_empty());
        let other = "mode = 'dns'\n[dns]\nupstreams = ['192.0.2.2']\ndnssec = 'off'\n[process.dns]\nmemory_mib = 128\n";
        assert_eq!(waiting(then, other), ["dns.upstreams", "dns.dnssec", "log.level", "process.dns.memory_mib"]);
        assert!(waiting(then, "[dns\n").is_empty());
    }
}
