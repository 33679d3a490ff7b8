mod connection;
mod order;
mod prompt;

use std::net::IpAddr;

use gate_core::{
    Action, ConnectionFacts, Entry, Finding, GroupKind, HostName, Judge, KnowledgeBase, PromptFacts, PromptVerdict,
    Reason, UnixMicros, Verdict,
};

use crate::Policy;

/// Three groups as in the virtual office, and everybody else watched.
const GROUPS: &str = "version: 1
groups:
  - {name: inspected, clients: [192.0.2.11], mode: inspect}
  - {name: denied, clients: [192.0.2.12], mode: deny}
  - {name: watched, clients: [192.0.2.0/24], mode: watch}
";

const INSPECTED: &str = "192.0.2.11";
const DENIED: &str = "192.0.2.12";
const WATCHED: &str = "192.0.2.10";

fn policy(rest: &str) -> Policy {
    Policy::from_yaml("test", &format!("{GROUPS}{rest}")).unwrap()
}

fn ip(client: &str) -> IpAddr {
    client.parse().unwrap()
}

fn connection(policy: &Policy, client: &str, vendor: &str, host: &str) -> Verdict {
    let entry = Entry { vendor: vendor.into(), kind: GroupKind::Api, steered: true };
    let host = HostName::parse(host.as_bytes()).unwrap();
    let now = UnixMicros(0);
    policy.connection(&ConnectionFacts { client: ip(client), name: None, host: &host, entry: Some(&entry), now })
}

fn may_watch(policy: &Policy, client: &str, host: &str) -> bool {
    let entry = Entry { vendor: "openai".into(), kind: GroupKind::Api, steered: true };
    let host = HostName::parse(host.as_bytes()).unwrap();
    policy.may_watch(&ConnectionFacts {
        client: ip(client),
        name: None,
        host: &host,
        entry: Some(&entry),
        now: UnixMicros(0),
    })
}

fn prompt(policy: &Policy, client: &str, model: Option<&str>, findings: &[Finding]) -> PromptVerdict {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let now = UnixMicros(0);
    policy.prompt(&PromptFacts { client: ip(client), name: None, host: &host, vendor: "openai", model, findings, now })
}

fn refused(name: &str) -> Verdict {
    Verdict::Refuse(Reason::Policy(name.into()))
}

fn finding(kind: &str, kb: KnowledgeBase, confidence: u8, action: Action) -> Finding {
    Finding {
        rule: format!("{kind}-rule"),
        kind: kind.into(),
        kb,
        start: 0,
        end: 9,
        confidence,
        action,
        why: Vec::new(),
    }
}

fn email() -> Finding {
    finding("email", KnowledgeBase::Personal, 80, Action::Redact)
}

fn api_key() -> Finding {
    finding("api_key", KnowledgeBase::Secrets, 95, Action::Redact)
}

fn private_key() -> Finding {
    finding("private_key", KnowledgeBase::Secrets, 100, Action::Deny)
}
