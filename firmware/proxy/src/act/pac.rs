//! The file by which browsers and systems find the CONNECT proxy by themselves (proxy auto-configuration): names of AI
//! providers go through it, everything else goes its own way.

use std::fmt::Write as _;

use gate_core::Catalogue;

/// Says which way a name goes. A name that is refused is refused by the proxy: there is no other way for it.
const CHOOSE: &str = r#"
function has(table, name) { return Object.prototype.hasOwnProperty.call(table, name); }
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\.$/, "");
  if (has(names, host)) return names[host] ? proxy : "DIRECT";
  for (var at = host.indexOf("."); at >= 0; at = host.indexOf(".", at + 1))
    if (has(below, host.substring(at + 1))) return proxy;
  for (var i = 0; i < globs.length; i++)
    if (shExpMatch(host, globs[i])) return proxy;
  return "DIRECT";
}
"#;

/// The script for whoever reaches the proxy as `host`, a parsed name or an address as URLs write it. Patterns of the catalogue
/// are names with `*` in them, so nothing in it needs escaping.
pub(crate) fn script(catalogue: &Catalogue, host: &str, port: u16) -> String {
    let (mut names, mut below, mut globs) = (String::new(), String::new(), String::new());
    for (name, steered) in catalogue.patterns() {
        // Writing into a string does not fail.
        let _ = match name.strip_prefix("*.") {
            // A name may lie below a pattern and be nobody's to steer.
            _ if !name.contains('*') => writeln!(names, "  \"{name}\": {},", u8::from(steered)),
            _ if !steered => Ok(()),
            Some(parent) if !parent.contains('*') => writeln!(below, "  \"{parent}\": 1,"),
            _ => writeln!(globs, "  \"{name}\","),
        };
    }
    // The last comma goes: engines that read such files are of any age.
    let list = |text: &str| text.trim_end().trim_end_matches(',').to_owned();
    let [names, below, globs] = [names, below, globs].map(|text| list(&text));
    format!(
        "var proxy = \"PROXY {host}:{port}\";\nvar names = {{\n{names}\n}};\nvar below = {{\n{below}\n}};\n\
         var globs = [\n{globs}\n];\n{CHOOSE}"
    )
}

#[cfg(test)]
mod tests {
    use gate_core::Catalogue;

    use super::script;

    const ACME: &str = r#"
        id = "acme"
        name = "Acme AI"
        steer = true
        host = [
            { name = "api.acme.example", kind = "api", confidence = "official" },
            { name = "*.chat.acme.example", kind = "web", confidence = "official" },
            { name = "run.*.acme.example", kind = "api", confidence = "official" },
            { name = "cdn.chat.acme.example", kind = "other", confidence = "community", shared = true },
        ]
    "#;

    #[test]
    fn steered_names_alone_are_sent_to_the_proxy() {
        let text = script(&Catalogue::from_toml([("acme.toml", ACME)]).unwrap(), "192.0.2.53", 8080);
        assert!(text.starts_with("var proxy = \"PROXY 192.0.2.53:8080\";\n"), "{text}");
        assert!(
            text.contains("var names = {\n  \"api.acme.example\": 1,\n  \"cdn.chat.acme.example\": 0\n};"),
            "{text}"
        );
        assert!(text.contains("var below = {\n  \"chat.acme.example\": 1\n};"), "{text}");
        assert!(text.contains("var globs = [\n  \"run.*.acme.example\"\n];"), "{text}");
        assert!(text.contains("names[host] ? proxy : \"DIRECT\""), "{text}");
    }
}
