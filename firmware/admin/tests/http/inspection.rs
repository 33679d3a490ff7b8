//! The inspection API: its contract, its deadline, its one record for each call.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gate_admin::{Config, Scope};
use gate_core::{Action, Event, Reason, RequestEvent, UnixMicros};
use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Browser, Door};

fn gateway(door: &Door) -> Browser<'_> {
    let (_, secret) = door.accounts.create_token("edge", &[Scope::Inspect], UnixMicros(0)).unwrap();
    let mut gateway = Browser::new(door).with("authorization", format!("Bearer {secret}"));
    gateway.headers.retain(|(name, _)| *name != "x-nanogate");
    gateway
}

/// The deadline is not what these tests are about, and the machine may be busy.
fn patient() -> Config {
    Config { inspect_deadline_ms: 5000, ..Config::default() }
}

fn requests(events: &[Event]) -> Vec<&RequestEvent> {
    let requests = events.iter().filter_map(|event| if let Event::Request(event) = event { Some(event) } else { None });
    requests.collect()
}

#[tokio::test]
async fn a_text_is_judged_as_the_contract_says() {
    let door = Door::open_with(patient()).await;
    let text = "grüße, the key is sk-proj-AAAA, thanks";
    let body =
        json!({"text": text, "client": "192.0.2.11", "provider": "openai", "model": "gpt-5", "direction": "request"});
    let answer = gateway(&door).post("/api/v1/inspect", &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let mut json = answer.json();
    assert!(json["latency_us"].take().as_u64().unwrap() < 5_000_000);
    assert_eq!(
        json,
        json!({
            "decision": "redact",
            "findings": [{"rule": "openai-project-key", "kind": "api_key", "kb": "kb1-secrets", "start": 20, "end": 32,
                "confidence": 95, "action": "redact", "why": ["anchor", "entropy"]}],
            "redacted": "grüße, the key is [REDACTED_API_KEY], thanks",
            "reasons": ["API key pattern detected"],
            "latency_us": null,
        })
    );
    let events = door.records(1).await;
    let [event] = requests(&events)[..] else { panic!("{events:?}") };
    assert_eq!((events.len(), event.decision, event.connection), (1, Action::Redact, None));
    assert_eq!((event.client.to_string().as_str(), event.vendor.as_str()), ("192.0.2.11", "openai"));
    assert_eq!((event.model.as_deref(), event.request_bytes), (Some("gpt-5"), text.len() as u64));
    assert_eq!((event.findings.len(), event.findings[0].count), (1, 1));
    assert!(!format!("{events:?}").contains("sk-proj"), "no record holds what was found");
}

#[tokio::test]
async fn a_request_stays_as_it_was_around_the_finding() {
    let door = Door::open_with(patient()).await;
    let body = r#"{"request": {"model":"gpt-5",  "n":1.0, "messages":[{"content":"sk-proj-AAAA"}]} }"#;
    let answer = gateway(&door).send(http::Method::POST, "/api/v1/inspect", Some(body.to_owned())).await;
    let expected = r#""redacted":{"model":"gpt-5",  "n":1.0, "messages":[{"content":"[REDACTED_API_KEY]"}]},"#;
    assert!(answer.body.contains(expected), "spaces, numbers and order are kept: {}", answer.body);
}

#[tokio::test]
async fn a_late_inspection_is_a_deny_in_time() {
    let door = Door::open().await;
    let started = Instant::now();
    let answer = gateway(&door).post("/api/v1/inspect", &json!({"text": "slow"})).await.json();
    let words = "The inspection did not end within its deadline.";
    assert_eq!((&answer["decision"], &answer["reasons"][0]), (&Value::from("deny"), &Value::from(words)));
    assert!(started.elapsed().as_millis() < 1900, "it did not wait for the scanner");
    let events = door.journals.of("admin");
    assert_eq!((events.len(), &requests(&events)[0].reason), (1, &Some(Reason::ScanBudget)));
}

#[tokio::test]
async fn a_broken_inspection_is_a_deny() {
    let door = Door::open_with(patient()).await;
    let answer = gateway(&door).post("/api/v1/inspect", &json!({"text": "panic"})).await.json();
    let words = "The inspection failed.";
    assert_eq!((&answer["decision"], &answer["reasons"][0]), (&Value::from("deny"), &Value::from(words)));
    let events = door.journals.of("admin");
    assert_eq!((events.len(), &requests(&events)[0].reason), (1, &Some(Reason::Internal)));
}

#[tokio::test]
async fn late_work_does_not_pile_up() {
    let config = Config { inspect_concurrency: 1, inspect_deadline_ms: 100, ..Config::default() };
    let door = Door::open_with(config).await;
    let mut gateway = gateway(&door);
    gateway.post("/api/v1/inspect", &json!({"text": "slow"})).await;
    let waiting = gateway.post("/api/v1/inspect", &json!({"text": "fine"})).await.json();
    assert_eq!(waiting["decision"], "deny", "the one permit is still taken, and waiting counts");
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let later = gateway.post("/api/v1/inspect", &json!({"text": "fine"})).await.json();
    assert_eq!(later["decision"], "allow");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_denied() {
    let door = Door::open_with(patient()).await;
    let mut gateway = gateway(&door);
    door.journals.broken.store(true, Ordering::Relaxed);
    let answer = gateway.post("/api/v1/inspect", &json!({"text": "fine"})).await.json();
    assert_eq!(answer["decision"], "deny");
    let claim = Browser::new(&door).get("/ca/nanogate.pem").await;
    assert_eq!((claim.status, claim.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "journal"));
}

#[tokio::test]
async fn without_the_right_token_nothing_is_read() {
    let door = Door::open().await;
    let (_, metrics) = door.accounts.create_token("prometheus", &[Scope::Metrics], UnixMicros(0)).unwrap();
    let owner = door.owner().await;
    let cookie = owner.cookie.clone();
    let mut callers = [
        (Browser::new(&door), 401),
        (Browser::new(&door).with("authorization", "Bearer ngt_wrong"), 401),
        (Browser::new(&door).with("authorization", "Basic eDp5"), 401),
        (Browser::new(&door).with("authorization", format!("Bearer {metrics}")), 403),
        (Browser { cookie, ..Browser::new(&door) }, 401),
    ];
    for (caller, status) in &mut callers {
        let answer = caller.post("/api/v1/inspect", &json!({"text": "x"})).await;
        assert_eq!(answer.status.as_u16(), *status, "{}", answer.problem());
    }
    let refused = door.commands().iter().filter(|(name, ok, _)| name == "inspect" && !ok).count();
    assert_eq!(refused, 5, "each has its record");
}

#[tokio::test]
async fn a_callers_prose_or_secret_stays_out_of_the_record() {
    let door = Door::open_with(patient()).await;
    let mut gateway = gateway(&door);
    let rows = [
        ("the merger with acme", "please translate", "unknown", None),
        ("sk-proj-AAAA", "sk-proj-AAAA", "unknown", None),
        ("open-ai", "acme/gpt-5:beta", "open-ai", Some("acme/gpt-5:beta")),
    ];
    for (provider, model, ..) in rows {
        let answer = gateway.post("/api/v1/inspect", &json!({"text": "a", "provider": provider, "model": model})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
    let events = door.records(rows.len()).await;
    for (event, (_, _, vendor, model)) in requests(&events).into_iter().zip(rows) {
        assert_eq!((event.vendor.as_str(), event.model.as_deref()), (vendor, model));
    }
    assert_eq!(requests(&events).len(), rows.len());
}

#[tokio::test]
async fn a_body_that_would_be_half_understood_is_refused() {
    let door = Door::open_with(Config { inspect_body_bytes: 2048, ..Config::default() }).await;
    let mut gateway = gateway(&door);
    for (body, status) in [
        (r"{}".to_owned(), 400),
        (r#"{"text":"a","request":{}}"#.to_owned(), 400),
        (r#"{"text":"a","txt":"b"}"#.to_owned(), 400),
        (r#"{"text":1}"#.to_owned(), 400),
        (r#"{"text":"a","direction":"sideways"}"#.to_owned(), 400),
        (r#"{"text":"a"} trailing"#.to_owned(), 400),
        (format!(r#"{{"text":"a","model":"{}"}}"#, "m".repeat(200)), 400),
        (format!(r#"{{"text":"{}"}}"#, "a".repeat(2048)), 413),
    ] {
        let answer = gateway.send(http::Method::POST, "/api/v1/inspect", Some(body.clone())).await;
        assert_eq!(answer.status.as_u16(), status, "{body}");
        answer.problem();
    }
    assert_eq!(door.commands().len(), 8);
    assert!(
        door.commands().iter().all(|(name, ok, actor)| name == "inspect" && !ok && actor.as_deref() == Some("edge"))
    );
}

#[tokio::test]
async fn a_client_that_is_no_address_is_nobody() {
    let door = Door::open_with(patient()).await;
    for client in ["not-an-ip", "192.0.2.12:5555", " 192.0.2.12", ""] {
        let answer = gateway(&door).post("/api/v1/inspect", &json!({"text": "hello", "client": client})).await;
        assert_eq!(answer.status, 400, "{client:?}");
    }
}
