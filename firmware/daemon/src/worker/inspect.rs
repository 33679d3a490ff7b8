//! The inspection API's port: the same judgement as the proxy's, over the same rules and policy.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_admin::{Content, InspectAnswer, InspectRequest, Inspector as InspectorPort};
use gate_core::{Action, Catalogue, Clock, HostName, Reason, SystemClock};
use gate_policy::Policy;
use gate_proxy::{Inspector, Judged, Prompt, ValueHash};
use gate_scrub::{Limits, Scanner};
use serde_json::value::RawValue;

use crate::config::Config;
use crate::worker::on_demand::OnDemand;
use crate::{CommandError, worker};

/// What a caller that names no provider is judged as.
const NO_VENDOR: &str = "";

/// Judges what gateways ask about.
pub(super) struct Inspection {
    policy: Arc<ArcSwap<Policy>>,
    rules: Arc<OnDemand>,
    inspector: Inspector,
    catalogue: Catalogue,
    own_name: HostName,
}

impl Inspection {
    pub(super) fn new(
        policy: Arc<ArcSwap<Policy>>,
        rules: Arc<OnDemand>,
        config: &Config,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            policy,
            rules,
            inspector: Inspector::new(ValueHash::random(), config.admin.inspect_body_bytes, config.proxy.max_ratio),
            catalogue: worker::catalogue()?,
            own_name: config.own_name().map_err(CommandError::input)?,
        })
    }

    /// A host of the provider, so that rules by host and the provider's own shapes apply.
    fn host_of(&self, vendor: &str) -> HostName {
        let found = self.catalogue.vendors().iter().find(|known| known.id == vendor);
        let api = found.and_then(|known| {
            known.hosts.iter().find_map(|host| HostName::parse(host.name.as_bytes()).ok().filter(|_| !host.shared))
        });
        api.unwrap_or_else(|| self.own_name.clone())
    }

    /// The vendor by its identifier in any case, or by one of its hosts.
    fn vendor_of(&self, name: &str) -> Option<&str> {
        let by_id = self.catalogue.vendors().iter().find(|known| known.id.eq_ignore_ascii_case(name));
        let by_host = || HostName::parse(name.as_bytes()).ok().and_then(|host| self.catalogue.lookup(&host));
        by_id.map(|known| known.id.as_str()).or_else(|| by_host().map(|entry| entry.vendor.as_str()))
    }

    fn judge(&self, rules: &Scanner, client: IpAddr, vendor: &str, content_type: &str, body: &[u8]) -> Judged {
        let prompt = Prompt {
            client,
            host: &self.host_of(vendor),
            vendor,
            target: "/",
            fields: &[],
            content_type: Some(content_type),
            content_encoding: None,
            signed: false,
            body,
            trailers: None,
            // Nobody here sees the answer.
            reversible: false,
            now: SystemClock.now(),
        };
        let policy = self.policy.load();
        // The body is in memory already and capped by the API.
        self.inspector.judge(&**policy, rules, &prompt, &mut |_| true)
    }
}

impl InspectorPort for Inspection {
    fn inspect(&self, request: &InspectRequest) -> InspectAnswer {
        let vendor = match request.provider.as_deref().map(|name| self.vendor_of(name)) {
            None => NO_VENDOR,
            Some(Some(vendor)) => vendor,
            // A rule against a vendor must not be passed by misspelling it.
            Some(None) => return refused("the provider is not in the catalogue", Reason::NotInCatalogue),
        };
        let Some(rules) = self.rules.get() else {
            return refused("the rules could not be loaded", Reason::Internal);
        };
        let (content_type, body) = match &request.content {
            Content::Text(text) => ("text/plain; charset=utf-8", text.as_bytes()),
            Content::Request(json) => ("application/json", json.get().as_bytes()),
        };
        let judged = self.judge(&rules, request.client, vendor, content_type, body);
        answer(judged, &request.content)
    }

    fn is_ready(&self) -> bool {
        self.rules.get().is_some()
    }

    fn prepare(&self) {
        self.rules.prepare();
    }

    fn is_clean(&self, word: &str) -> bool {
        let scan = |rules: Arc<Scanner>| rules.text(word.as_bytes(), &Limits::default());
        self.rules.get().is_some_and(|rules| scan(rules).is_ok_and(|found| found.is_empty()))
    }
}

fn refused(why: &str, reason: Reason) -> InspectAnswer {
    InspectAnswer {
        decision: Action::Deny,
        findings: Vec::new(),
        redacted: None,
        reasons: vec![why.to_owned()],
        counts: Vec::new(),
        reason: Some(reason),
    }
}

fn answer(judged: Judged, content: &Content) -> InspectAnswer {
    let redacted = judged.edited.and_then(|edited| String::from_utf8(edited).ok()).and_then(|edited| match content {
        Content::Text(_) => Some(Content::Text(edited)),
        Content::Request(_) => RawValue::from_string(edited).ok().map(Content::Request),
    });
    let mut reasons = judged.reasons;
    let reason = judged.refusal.map(|refusal| refusal.reason).or(judged.unread);
    if reasons.is_empty() {
        reasons.extend(reason.as_ref().map(ToString::to_string));
    }
    // An edit that is not whole again must not pass for one.
    let decision = if judged.action == Action::Redact && redacted.is_none() { Action::Deny } else { judged.action };
    InspectAnswer { decision, findings: judged.findings, redacted, reasons, reason, counts: judged.counts }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use gate_admin::{Content, Direction, InspectRequest, Inspector};
    use gate_core::Action;
    use gate_policy::Policy;

    use super::Inspection;
    use crate::config::Config;
    use crate::worker::on_demand::OnDemand;

    #[test]
    fn a_rule_against_a_vendor_is_not_passed_by_another_spelling() {
        let rule = "version: 1\nrules:\n  - {name: no, vendors: [deepseek], action: deny}\n";
        let policy = Policy::from_yaml("p.yaml", rule).unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("nanogate.example.toml");
        let config = Config::load(&example).unwrap();
        let rules = Arc::new(OnDemand::new(&config));
        let inspection = Inspection::new(Arc::new(ArcSwap::from_pointee(policy)), rules, &config).unwrap();
        let decide = |provider: Option<&str>| {
            let request = InspectRequest {
                content: Content::Text("hello".to_owned()),
                client: "192.0.2.11".parse().unwrap(),
                provider: provider.map(str::to_owned),
                model: None,
                direction: Direction::Request,
            };
            inspection.inspect(&request).decision
        };
        assert!(!inspection.is_ready());
        assert_eq!(decide(Some("openai")), Action::Deny, "there are no rules yet");
        inspection.prepare();
        for denied in ["deepseek", "DeepSeek", "api.deepseek.com", "nosuch", ""] {
            assert_eq!(decide(Some(denied)), Action::Deny, "{denied:?}");
        }
        assert_eq!(decide(Some("openai")), Action::Allow);
        assert_eq!(decide(None), Action::Allow);
    }
}
