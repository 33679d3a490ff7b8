use gate_core::Catalogue;

use super::{GroupMode, Policy, Rule};

impl Policy {
    /// What is allowed to be written but will not do what it seems to, for `policy check`. With a catalogue, vendors
    /// that are not in it, too.
    pub fn warnings(&self, catalogue: Option<&Catalogue>) -> Vec<String> {
        let mut warnings = Vec::new();
        for rule in &self.rules {
            self.blind(rule, &mut warnings);
            for vendor in rule.vendors.iter().flatten() {
                warnings.extend(catalogue.and_then(|catalogue| out_of_reach(&rule.name, vendor, catalogue)));
            }
        }
        for (index, rule) in self.rules.iter().enumerate() {
            let catch_all = |rule: &&Rule| {
                rule.clients.is_none()
                    && rule.group.is_none()
                    && rule.vendors.is_none()
                    && rule.hosts.is_none()
                    && rule.models.is_none()
            };
            if let Some(earlier) = self.rules[..index].iter().find(catch_all) {
                warnings.push(format!("rule `{}` is never reached: `{}` matches everything", rule.name, earlier.name));
            }
        }
        warnings
    }

    /// Entries of `findings` that can never match, because no rule of the scanner has such an identifier or finds such a
    /// kind. `rules` are the identifier and kind of every rule.
    pub fn finding_warnings(&self, rules: &[(&str, &str)]) -> Vec<String> {
        let mut warnings = Vec::new();
        for (index, entry) in self.findings.iter().enumerate() {
            if let Some(kind) = entry.kind.as_deref().filter(|kind| !rules.iter().any(|(_, known)| known == kind)) {
                warnings.push(format!("findings[{index}]: no rule finds the kind `{kind}`"));
            }
            if let Some(rule) = entry.rule.as_deref().filter(|rule| !rules.iter().any(|(known, _)| known == rule)) {
                warnings.push(format!("findings[{index}]: there is no rule `{rule}`"));
            }
        }
        warnings
    }

    /// A rule about a group whose traffic nobody reads, or which nothing lets through.
    fn blind(&self, rule: &Rule, warnings: &mut Vec<String>) {
        let Some(group) = rule.group.map(|group| &self.groups[group]) else { return };
        if rule.models.is_some() && group.mode == GroupMode::Watch {
            let (rule, group) = (&rule.name, &group.name);
            warnings
                .push(format!("rule `{rule}` names models, but group `{group}` is only watched: no model is known"));
        }
        if !rule.deny && group.mode == GroupMode::Deny {
            let (rule, group) = (&rule.name, &group.name);
            warnings.push(format!("rule `{rule}` allows something to group `{group}`, whose mode denies everything"));
        }
    }
}

/// A vendor whose connections never come here, or only where the puck is the gateway.
fn out_of_reach(rule: &str, vendor: &str, catalogue: &Catalogue) -> Option<String> {
    match catalogue.vendors().iter().find(|one| one.id == vendor) {
        None => Some(format!("rule `{rule}`: no pack knows the vendor `{vendor}`")),
        Some(known) if !known.steer => Some(format!(
            "rule `{rule}`: `{vendor}` is not steered, so the rule holds in gateway and explicit mode only"
        )),
        Some(_) => None,
    }
}
