//! The pack `kb8-providers` as it ships.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use gate_core::{Catalogue, HostName};

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packs/kb8-providers");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn catalogue() -> Catalogue {
    let files = files();
    Catalogue::from_toml(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_file_is_one_vendor_and_every_host_has_one_owner() {
    let catalogue = catalogue();
    assert!(catalogue.vendors().len() > 150, "{}", catalogue.vendors().len());
    let names: Vec<_> = files().into_iter().map(|(name, _)| name).collect();
    let mut owners = HashMap::new();
    for (vendor, file) in catalogue.vendors().iter().zip(names) {
        assert_eq!(format!("{}.toml", vendor.id), file);
        assert!(!vendor.hosts.is_empty(), "{file}");
        for host in &vendor.hosts {
            let earlier = owners.insert(host.name.clone(), file.clone());
            assert_eq!(earlier, None, "{} in {file}", host.name);
            let known = ["official", "code", "community"].contains(&host.confidence.as_str());
            assert!(known, "{file}: {} has the confidence {:?}", host.name, host.confidence);
        }
    }
}

#[test]
fn a_group_is_steered_because_of_a_host_we_are_sure_of() {
    for vendor in catalogue().vendors().iter().filter(|vendor| vendor.steer) {
        let sure = vendor.hosts.iter().any(|host| !host.shared && host.confidence != "community");
        assert!(sure, "{} is steered on hearsay", vendor.id);
    }
}

#[test]
fn hosts_lead_to_their_vendors() {
    let catalogue = catalogue();
    let rows = [
        ("api.openai.com", Some(("openai", true))),
        ("eu.api.openai.com", Some(("openai", true))),
        ("chatgpt.com", Some(("openai", true))),
        ("cdn.oaistatic.com", Some(("openai", true))),
        ("chatgpt-async-webps-prod-eastus-7.webpubsub.azure.com", Some(("openai", true))),
        ("browser-intake-datadoghq.com", Some(("openai", false))),
        ("api.anthropic.com", Some(("anthropic", true))),
        ("claude.ai", Some(("anthropic", true))),
        ("sentry.io", Some(("anthropic", false))),
        ("generativelanguage.googleapis.com", Some(("google", true))),
        ("us-central1-aiplatform.googleapis.com", Some(("google", true))),
        ("gemini.google.com", Some(("google", true))),
        ("waa-pa.clients6.google.com", Some(("google", false))),
        ("bedrock-runtime.eu-west-1.amazonaws.com", Some(("aws-bedrock", true))),
        ("q.eu-west-1.amazonaws.com", Some(("amazon-q", true))),
        ("contoso.openai.azure.com", Some(("azure-ai", true))),
        ("api.githubcopilot.com", Some(("github-copilot", true))),
        ("github.com", Some(("github-copilot", false))),
        ("api2.cursor.sh", Some(("cursor", false))),
        ("substrate.office.com", Some(("microsoft-copilot", false))),
        ("dns.google", Some(("encrypted-dns", false))),
        ("huggingface.co", Some(("huggingface", false))),
        ("router.huggingface.co", Some(("huggingface", true))),
        // What an office uses besides AI.
        ("www.google.com", None),
        ("mail.google.com", None),
        ("storage.googleapis.com", None),
        ("s3.eu-west-1.amazonaws.com", None),
        ("sts.eu-west-1.amazonaws.com", None),
        ("login.microsoftonline.com", None),
        ("contoso.blob.core.windows.net", None),
        ("raw.githubusercontent.com", None),
        ("x.com", None),
        ("www.aliyun.com", None),
    ];
    for (name, expected) in rows {
        let entry = catalogue.lookup(&HostName::parse(name.as_bytes()).unwrap());
        assert_eq!(entry.map(|entry| (entry.vendor.as_str(), entry.steered)), expected, "{name}");
    }
}
