//! The inspection API's port: the same judgement as the proxy's, over the same rules and policy.

use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_admin::{Content, Direction, InspectAnswer, InspectRequest, Inspector as InspectorPort};
use gate_core::{Action, Catalogue, Clock, HostName, Reason, SystemClock};
use gate_policy::Policy;
use gate_proxy::{Inspector, Judged, Prompt, Switch, ValueHash};
use gate_scrub::{Limits, Scanner};
use serde_json::value::RawValue;
use tokio::sync::watch;

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
    /// None before the supervisor said anything.
    switch: watch::Receiver<Option<Switch>>,
}

impl Inspection {
    pub(super) fn new(
        policy: Arc<ArcSwap<Policy>>,
        rules: Arc<OnDemand>,
        config: &Config,
        switch: watch::Receiver<Option<Switch>>,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            policy,
            rules,
            inspector: Inspector::new(ValueHash::random(), config.admin.inspect_body_bytes, config.proxy.max_ratio),
            catalogue: worker::catalogue()?,
            own_name: config.own_name().map_err(CommandError::input)?,
            switch,
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

    fn judge(&self, rules: &Scanner, request: &InspectRequest, vendor: &str) -> Judged {
        let (content_type, body) = match &request.content {
            Content::Text(text) => ("text/plain; charset=utf-8", text.as_bytes()),
            Content::Request(json) => ("application/json", json.get().as_bytes()),
        };
        let prompt = Prompt {
            client: request.client,
            name: None,
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
            model: request.model.as_deref(),
            is_answer: request.direction == Direction::Response,
            now: SystemClock.now(),
        };
        let policy = self.policy.load();
        // The body is in memory already and capped by the API.
        self.inspector.judge(&**policy, rules, &prompt, &mut |_| true)
    }
}

impl InspectorPort for Inspection {
    fn inspect(&self, request: &InspectRequest) -> InspectAnswer {
        // Who is not told whether anything may pass lets nothing pass, as the proxy does.
        if self.switch.borrow().unwrap_or(Switch::Frozen) == Switch::Frozen {
            return refused("all AI traffic is stopped (freeze)", Reason::Policy("freeze".to_owned()));
        }
        let vendor = match request.provider.as_deref().map(|name| self.vendor_of(name)) {
            None => NO_VENDOR,
            Some(Some(vendor)) => vendor,
            // A rule against a vendor must not be passed by misspelling it.
            Some(None) => return refused("the provider is not in the catalogue", Reason::NotInCatalogue),
        };
        let Some(rules) = self.rules.get() else {
            return refused("the rules could not be loaded", Reason::Internal);
        };
        let judged = self.judge(&rules, request, vendor);
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
        attachments: Vec::new(),
        more_attachments: 0,
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
    InspectAnswer {
        decision,
        findings: judged.findings,
        redacted,
        reasons,
        reason,
        counts: judged.counts,
        attachments: judged.attachments,
        more_attachments: judged.more_attachments,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arc_swap::ArcSwap;
    use gate_admin::{Content, Direction, InspectRequest, Inspector};
    use gate_core::Action;
    use gate_policy::Policy;
    use gate_proxy::Switch;
    use serde_json::value::RawValue;
    use tokio::sync::watch;

    use super::Inspection;
    use crate::config::Config;
    use crate::worker::on_demand::OnDemand;

    fn inspection(rule: &str) -> (Inspection, watch::Sender<Option<Switch>>) {
        let policy = Policy::from_yaml("p.yaml", &format!("version: 1\nrules:\n  - {rule}\n")).unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("nanogate.example.toml");
        let config = Config::load(&example).unwrap();
        let rules = Arc::new(OnDemand::new(&config, None));
        let (turn, switch) = watch::channel(Some(Switch::Normal));
        let policy = Arc::new(ArcSwap::from_pointee(policy));
        (Inspection::new(policy, rules, &config, switch).unwrap(), turn)
    }

    fn request(provider: Option<&str>) -> InspectRequest {
        InspectRequest {
            content: Content::Text("hello".to_owned()),
            client: "192.0.2.11".parse().unwrap(),
            provider: provider.map(str::to_owned),
            model: None,
            direction: Direction::Request,
        }
    }

    #[test]
    fn the_model_and_the_direction_that_a_caller_states_are_judged_by() {
        let (inspection, _turn) = inspection("{name: no, models: [gpt-5], action: deny}");
        inspection.prepare();
        let decide = |content: &str, model: Option<&str>, direction| {
            let content = RawValue::from_string(content.to_owned()).unwrap();
            let model = model.map(str::to_owned);
            let request = InspectRequest { content: Content::Request(content), model, direction, ..request(None) };
            inspection.inspect(&request).decision
        };
        let (asked, answered) = (Direction::Request, Direction::Response);
        let rows = [
            ("{}", None, asked, Action::Allow),
            ("{}", Some("gpt-5"), asked, Action::Deny),
            ("{}", Some("gpt-5"), answered, Action::Deny),
            (r#"{"model":"gpt-4o"}"#, Some("gpt-5"), asked, Action::Deny),
            (r#"{"model":"gpt-5"}"#, Some("gpt-4o"), asked, Action::Deny),
            (r#"{"model":"gpt-5"}"#, None, answered, Action::Allow),
            (r#"{"choices":[],"choices":[],"model":"a","model":"b"}"#, None, answered, Action::Allow),
            (r#"{"model":"a","model":"b"}"#, None, asked, Action::Deny),
        ];
        for (content, model, direction, expected) in rows {
            assert_eq!(decide(content, model, direction), expected, "{content} {model:?} {direction:?}");
        }
    }

    #[test]
    fn a_frozen_puck_denies_whatever_it_is_asked() {
        let (inspection, turn) = inspection("{name: no, models: [gpt-5], action: deny}");
        inspection.prepare();
        let rows = [
            (None, Action::Deny),
            (Some(Switch::Frozen), Action::Deny),
            (Some(Switch::Normal), Action::Allow),
            (Some(Switch::Bypassed), Action::Allow),
        ];
        for (switch, expected) in rows {
            turn.send_replace(switch);
            assert_eq!(inspection.inspect(&request(None)).decision, expected, "{switch:?}");
        }
    }

    #[test]
    fn a_rule_against_a_vendor_is_not_passed_by_another_spelling() {
        let (inspection, _turn) = inspection("{name: no, vendors: [deepseek], action: deny}");
        let decide = |provider: Option<&str>| inspection.inspect(&request(provider)).decision;
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
