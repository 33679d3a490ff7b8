use super::*;

fn read(text: &str) -> Result<Config, String> {
    let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
    config.validate().map(|()| config).map_err(|error| error.to_string())
}

#[test]
fn an_empty_table_is_the_default_and_valid() {
    assert_eq!(read(""), Ok(Config::default()));
}

#[test]
fn every_key_is_read() {
    let config = read(
        r#"
        listen = ["127.0.0.1:0", "[::1]:8443"]
        extra_roots = "roots.pem"
        allow_ranges = ["203.0.113.0/24", "fd00::/8"]
        drain_seconds = 0
        "#,
    )
    .unwrap();
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.extra_roots, Some("roots.pem".into()));
    assert_eq!(config.allow_ranges[1].to_string(), "fd00::/8");
    assert_eq!(config.drain_seconds, 0);
}

#[test]
fn mistakes_name_their_key() {
    let rows = [
        ("lissten = []", "lissten"),
        ("allow_ranges = [\"203.0.113.0/240\"]", "allow_ranges"),
        ("listen = [\"localhost\"]", "listen"),
        ("hello_max_bytes = 65537", "proxy.hello_max_bytes must be between 1024 and 65536, not 65537"),
        ("hello_max_records = 65", "proxy.hello_max_records must be between 1 and 64, not 65"),
        ("drain_seconds = 5", "proxy.drain_seconds must be between 0 and 4, not 5"),
        ("max_connections = 0", "proxy.max_connections must be between 1 and 1000000, not 0"),
        ("upstream_port = 0", "proxy.upstream_port must be between 1 and 65535, not 0"),
        ("placeholder_hours = 169", "proxy.placeholder_hours must be between 1 and 168, not 169"),
        ("placeholders_per_client = 0", "proxy.placeholders_per_client must be between 1 and 65536, not 0"),
        ("idle_seconds = 0", "proxy.idle_seconds must be between 1 and 86400, not 0"),
        ("ech_public_names = [\"not a host\"]", "proxy.ech_public_names: `not a host` is not a host name"),
        (
            "body_budget_bytes = 67108863",
            "proxy.body_budget_bytes (67108863) is smaller than twice proxy.body_cap_bytes (33554432)",
        ),
    ];
    for (text, expected) in rows {
        let error = read(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
