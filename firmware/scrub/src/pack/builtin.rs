//! The rules of this project, compiled into the binary so that a puck without packs still protects.

/// What the paths of [`BUILTIN`] begin with.
pub(super) const BUILTIN_ROOT: &str = "firmware/packs/";

macro_rules! source {
    ($path:literal) => {
        (concat!("firmware/packs/", $path), include_str!(concat!("../../../packs/", $path)))
    };
}

/// `(path, TOML)` of the pack's name, of the public values, of DNSSEC's keys and of every file of `kb1-secrets` to `kb7-attacks`, for
/// [`Pack::compile`](super::Pack::compile).
pub const BUILTIN: &[(&str, &str)] = &[
    source!("pack.toml"),
    source!("allow.toml"),
    source!("dnssec.toml"),
    source!("kb1-secrets/ai.toml"),
    source!("kb1-secrets/ai_platforms.toml"),
    source!("kb1-secrets/ai_tools.toml"),
    source!("kb1-secrets/analytics.toml"),
    source!("kb1-secrets/aws.toml"),
    source!("kb1-secrets/azure.toml"),
    source!("kb1-secrets/build.toml"),
    source!("kb1-secrets/cloud.toml"),
    source!("kb1-secrets/code_checks.toml"),
    source!("kb1-secrets/commands.toml"),
    source!("kb1-secrets/databases.toml"),
    source!("kb1-secrets/design.toml"),
    source!("kb1-secrets/devices.toml"),
    source!("kb1-secrets/edge.toml"),
    source!("kb1-secrets/files.toml"),
    source!("kb1-secrets/google.toml"),
    source!("kb1-secrets/hashes.toml"),
    source!("kb1-secrets/hosting.toml"),
    source!("kb1-secrets/keys.toml"),
    source!("kb1-secrets/keys_raw.toml"),
    source!("kb1-secrets/mail.toml"),
    source!("kb1-secrets/messaging.toml"),
    source!("kb1-secrets/monitoring.toml"),
    source!("kb1-secrets/office.toml"),
    source!("kb1-secrets/packages.toml"),
    source!("kb1-secrets/passwords.toml"),
    source!("kb1-secrets/payments.toml"),
    source!("kb1-secrets/private_keys.toml"),
    source!("kb1-secrets/shops.toml"),
    source!("kb1-secrets/social.toml"),
    source!("kb1-secrets/source_hosts.toml"),
    source!("kb1-secrets/speech.toml"),
    source!("kb1-secrets/vaults.toml"),
    source!("kb1-secrets/wallets.toml"),
    source!("kb1-secrets/web.toml"),
    source!("kb2-personal/addresses.toml"),
    source!("kb2-personal/contact.toml"),
    source!("kb2-personal/devices.toml"),
    source!("kb2-personal/documents.toml"),
    source!("kb2-personal/ids_africa_middle_east.toml"),
    source!("kb2-personal/ids_asia.toml"),
    source!("kb2-personal/ids_british_isles.toml"),
    source!("kb2-personal/ids_central_europe.toml"),
    source!("kb2-personal/ids_eastern_europe.toml"),
    source!("kb2-personal/ids_india.toml"),
    source!("kb2-personal/ids_latin_america.toml"),
    source!("kb2-personal/ids_north_america.toml"),
    source!("kb2-personal/ids_north_europe.toml"),
    source!("kb2-personal/ids_oceania.toml"),
    source!("kb2-personal/ids_southern_europe.toml"),
    source!("kb2-personal/ids_western_europe.toml"),
    source!("kb2-personal/names.toml"),
    source!("kb3-payment/accounts.toml"),
    source!("kb3-payment/cards.toml"),
    source!("kb3-payment/crypto.toml"),
    source!("kb4-property/markings.toml"),
    source!("kb5-health/care.toml"),
    source!("kb5-health/ids.toml"),
    source!("kb6-legal/legal.toml"),
    source!("kb6-legal/proceedings.toml"),
    source!("kb7-attacks/attacks.toml"),
];

/// The attack model of `kb7-attacks`, for [`AttackModel::from_bytes`](crate::AttackModel::from_bytes).
pub const BUILTIN_MODEL: &[u8] = include_bytes!("../../../packs/kb7-attacks/model.bin");
