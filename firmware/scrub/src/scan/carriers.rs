//! The surroundings that keys stand in, and the demand that every byte of a key is found in each of them.

use gate_core::{Action, KnowledgeBase};
use serde::Deserialize;

use super::tests::scan;
use crate::{BUILTIN, BodyKind};

#[derive(Deserialize)]
struct File {
    kb: KnowledgeBase,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
}

/// What of a rule decides in which surroundings its values are to be found.
#[derive(Deserialize)]
struct Rule {
    id: String,
    kind: String,
    action: Action,
    #[serde(default)]
    anchors: Vec<String>,
    #[serde(default)]
    assigned: bool,
    lead: Option<String>,
    within: Option<usize>,
    #[serde(default)]
    checks: Vec<String>,
    #[serde(default)]
    context_required: bool,
    #[serde(rename = "match")]
    matches: Vec<toml::Value>,
}

impl Rule {
    fn values(&self) -> impl Iterator<Item = &str> {
        self.matches.iter().filter_map(|example| example.get("value")?.as_str())
    }

    /// Whether the value alone says that it is a key or a token.
    fn is_evident(&self) -> bool {
        let alone = self.lead.is_none() && self.within.is_none() && !self.context_required;
        alone && matches!(self.kind.as_str(), "api_key" | "token")
    }
}

fn secrets() -> Vec<Rule> {
    let rules = BUILTIN.iter().filter(|(path, _)| path.contains("/kb1-secrets/")).flat_map(|(_, text)| {
        let file: File = toml::from_str(text).unwrap();
        assert_eq!(file.kb, KnowledgeBase::Secrets);
        file.rules
    });
    rules.collect()
}

/// Surroundings for a value that needs none, which stands at `§`.
const EVIDENT: [&str; 24] = [
    "§",
    "KEY=§",
    "export ACME_TOKEN=\"§\"",
    "x_§",
    "it is §.",
    "it is §, thanks",
    "it is §!\n",
    "`§`",
    "**§**",
    "_§_",
    "(§)",
    "<§>",
    "['§']",
    "\"key\": \"§\",",
    "\\\"key\\\": \\\"§\\\"",
    "line\\n§\\nline",
    "key: §\nnext: 1",
    "key: |\n  §\n",
    "| key | § |",
    "Authorization: Bearer §",
    "curl -H 'x-api-key: §' https://api.example.org",
    "const key='§';",
    "-Dkey=§ -Dother=1",
    "> §\r\n",
];

/// Surroundings in a URL, for values that need no escapes there.
const IN_URL: [&str; 3] = [
    "https://api.example.org/v1?key=§&x=1",
    "https://api.example.org/v1?x=1&token=§",
    "https://me:§@git.example.org/x",
];

/// Surroundings in which a value is assigned to the name `¤`.
const ASSIGNED: [&str; 20] = [
    "¤_api_key=§",
    "export ¤_TOKEN=\"§\"",
    "¤-secret: '§'",
    "\"¤_key\": \"§\",",
    "\\\"¤_key\\\": \\\"§\\\"",
    "{\"¤\": {\"url\": \"https://x.example\", \"apiKey\": \"§\"}}",
    "¤:\n  token: §\n",
    "¤_key: |\n  §\n",
    "[¤]\nsecret_key = §\n",
    "- name: ¤_KEY\n  value: \"§\"",
    "our ¤ key is §.",
    "the ¤ token for the shop is §, thanks",
    "I pasted my ¤ secret (§) there",
    "set `¤_token` to `§`",
    "¤ auth token → §",
    "| ¤_key | § |",
    "curl -H '¤-key: §' https://api.example.org",
    "os.environ['¤_KEY'] = '§'",
    "<add key=\"¤_key\" value=\"§\"/>",
    "https://api.example.org/?¤_token=§&x=1",
];

/// The rules whose values are not found to the last byte, and where.
fn uncovered(rule: &Rule, carrier: &str, values: &[&str]) -> Vec<String> {
    let is_uncovered = |value: &&str| {
        let text = carrier.replace('§', value);
        let start = carrier.find('§').unwrap();
        let mut open = vec![true; value.len()];
        for finding in scan(BodyKind::Text, text.as_bytes()) {
            let range = finding.start.max(start)..finding.end.min(start + value.len());
            if finding.kb == KnowledgeBase::Secrets && !range.is_empty() {
                open[range.start - start..range.end - start].fill(false);
            }
        }
        open.contains(&true)
    };
    values.iter().copied().filter(is_uncovered).map(|value| format!("{}: {value} in {carrier:?}", rule.id)).collect()
}

#[test]
fn a_key_with_a_form_of_its_own_is_found_in_all_surroundings() {
    let plain = |value: &&str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~:!*".contains(&byte));
    let (mut missed, mut tried) = (Vec::new(), 0);
    for rule in secrets().iter().filter(|rule| rule.is_evident()) {
        let values: Vec<&str> = rule.values().collect();
        tried += values.len();
        EVIDENT.iter().for_each(|carrier| missed.extend(uncovered(rule, carrier, &values)));
        let in_url: Vec<&str> = values.into_iter().filter(plain).collect();
        IN_URL.iter().for_each(|carrier| missed.extend(uncovered(rule, carrier, &in_url)));
    }
    assert!(missed.is_empty(), "{} of {tried} values: {missed:#?}", missed.len());
    assert!(tried > 400, "{tried}");
}

#[test]
fn a_key_is_found_wherever_it_is_assigned_to_its_vendors_name() {
    let (mut missed, mut tried) = (Vec::new(), 0);
    for rule in secrets().iter().filter(|rule| rule.assigned) {
        let values: Vec<&str> = rule.values().collect();
        // Anchors that stand for several stand beside shorter ones, or in front of certain letters only.
        for anchor in rule.anchors.iter().filter(|anchor| !anchor.contains('{')) {
            let name = anchor.trim_end_matches(['_', '-']);
            // A joint that belongs to the anchor stands between the name and what follows it.
            let short = name.len() < anchor.len();
            for carrier in ASSIGNED.iter().filter(|carrier| !short || carrier.contains("¤_") || carrier.contains("¤-"))
            {
                let joint = if short { anchor.chars().last().unwrap() } else { '_' };
                let carrier = carrier.replace("¤_", &format!("¤{joint}")).replace('¤', name);
                let carrier = if short { carrier.replace(&format!("{name}-"), anchor) } else { carrier };
                tried += 1;
                missed.extend(uncovered(rule, &carrier, &values));
            }
        }
    }
    assert!(missed.is_empty(), "{} in {tried} surroundings: {missed:#?}", missed.len());
    assert!(tried > 1000, "{tried}");
}

#[test]
fn a_wrong_check_digit_is_no_such_token() {
    let names = ["crc32_base62", "crc32_hex", "crc32_hex_body", "crc32_hex_reversed", "crc32_base36"];
    let mut tried = 0;
    for rule in secrets().iter().filter(|rule| rule.checks.iter().any(|check| names.contains(&check.as_str()))) {
        assert_eq!(rule.action, Action::Deny, "{}", rule.id);
        for value in rule.values() {
            let last = if value.ends_with('0') { '1' } else { '0' };
            let wrong = format!("TOKEN={}{last}", &value[..value.len() - 1]);
            let found = scan(BodyKind::Text, wrong.as_bytes());
            assert!(found.iter().all(|finding| finding.rule != rule.id), "{wrong}");
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried}");
}
