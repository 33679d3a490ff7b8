use gate_core::{Action, KnowledgeBase};

use super::{DENIED, INSPECTED, WATCHED, api_key, email, finding, policy, private_key, prompt};
use crate::Policy;

#[test]
fn without_entries_findings_keep_their_rules_actions() {
    let findings = [email(), private_key(), api_key()];
    let verdict = prompt(&Policy::default(), INSPECTED, None, &findings);
    assert_eq!(verdict.action, Action::Deny);
    assert_eq!(verdict.per_finding, [Action::Redact, Action::Deny, Action::Redact]);
    assert_eq!(verdict.reasons, ["private key detected"], "only what decided is a reason");
}

#[test]
fn a_clean_prompt_is_allowed_without_a_word() {
    let verdict = prompt(&policy(""), INSPECTED, Some("gpt-4o"), &[]);
    assert_eq!((verdict.action, verdict.per_finding, verdict.reasons), (Action::Allow, vec![], vec![]));
    let allowed = finding("url", KnowledgeBase::Personal, 50, Action::Allow);
    assert_eq!(prompt(&policy(""), INSPECTED, None, &[allowed]).reasons, Vec::<String>::new());
}

#[test]
fn reasons_are_words_once_each() {
    let findings = [email(), api_key(), email(), finding("custom_thing", KnowledgeBase::Property, 9, Action::Redact)];
    let verdict = prompt(&Policy::default(), INSPECTED, None, &findings);
    let words = ["API key pattern detected", "custom thing detected", "e-mail address detected"];
    assert_eq!((verdict.action, verdict.reasons), (Action::Redact, words.map(str::to_owned).to_vec()));
}

#[test]
fn the_first_entry_that_matches_a_finding_counts() {
    let policy = policy(
        "findings:
  - {rule: email-rule, group: inspected, action: alert}
  - {kind: email, action: deny}
  - {kb: kb1-secrets, min_confidence: 96, action: deny}
  - {kind: api_key, kb: kb2-personal, action: allow}
",
    );
    let action = |client, finding| prompt(&policy, client, None, &[finding]).action;
    assert_eq!(action(INSPECTED, email()), Action::Alert);
    assert_eq!(action(WATCHED, email()), Action::Deny);
    assert_eq!(action(INSPECTED, api_key()), Action::Redact, "95 is less than 96, and it is no personal data");
    assert_eq!(action(INSPECTED, finding("api_key", KnowledgeBase::Secrets, 96, Action::Redact)), Action::Deny);
    assert_eq!(action(INSPECTED, finding("api_key", KnowledgeBase::Personal, 1, Action::Deny)), Action::Allow);
}

#[test]
fn an_entry_may_loosen_as_well_as_tighten() {
    let policy = policy("findings: [{kind: private_key, action: alert}]\n");
    let verdict = prompt(&policy, INSPECTED, None, &[private_key()]);
    assert_eq!((verdict.action, verdict.reasons), (Action::Alert, vec!["private key detected".to_owned()]));
}

#[test]
fn models_are_judged_here() {
    let policy = policy(
        "rules:
  - {name: good models, models: [gpt-4o*], action: allow}
  - {name: no others, vendors: [openai], action: deny}
",
    );
    let refusal = "the policy's rule \"no others\" refuses it";
    for (model, action) in [
        (Some("gpt-4o-mini"), Action::Allow),
        (Some("GPT-4o"), Action::Allow),
        (Some("o1"), Action::Deny),
        (None, Action::Deny),
    ] {
        let verdict = prompt(&policy, INSPECTED, model, &[]);
        assert_eq!(verdict.action, action, "{model:?}");
        assert_eq!(verdict.reasons, if action == Action::Deny { vec![refusal.to_owned()] } else { vec![] });
    }
}

#[test]
fn a_refusal_leaves_each_findings_own_action_and_comes_first() {
    let policy = policy("rules: [{name: no, action: deny}]\n");
    let verdict = prompt(&policy, INSPECTED, None, &[email(), private_key()]);
    assert_eq!((verdict.action, verdict.per_finding), (Action::Deny, vec![Action::Redact, Action::Deny]));
    assert_eq!(verdict.reasons, ["the policy's rule \"no\" refuses it", "private key detected"]);
}

#[test]
fn a_connection_older_than_the_denial_of_its_client_gets_no_further() {
    let verdict = prompt(&policy(""), DENIED, Some("gpt-4o"), &[]);
    assert_eq!(verdict.action, Action::Deny);
    assert_eq!(verdict.reasons, ["the policy's rule \"denied\" refuses it"]);
}
