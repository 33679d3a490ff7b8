//! A denied secret does not end the conversation it was said in.

use std::sync::atomic::Ordering;

use gate_core::Action;

use super::bodies::PEM;
use super::support::{Office, Provider, post, reply};

fn conversation(turns: &[&str]) -> String {
    let turns: Vec<String> = turns
        .iter()
        .enumerate()
        .map(|(n, text)| {
            let role = if n % 2 == 0 { "user" } else { "assistant" };
            format!(r#"{{"role":"{role}","content":"{text}"}}"#)
        })
        .collect();
    format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, turns.join(","))
}

#[tokio::test]
async fn a_secret_denied_once_is_redacted_in_the_history_and_denied_when_sent_again() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let mut client = office.h1().await;
    let mut status = async |turns: &[&str]| {
        client.send(post(false, "/v1/chat/completions", conversation(turns))).await.status.as_u16()
    };
    assert_eq!(status(&["hi", "hello", PEM]).await, 403, "first said");
    assert_eq!(status(&["hi", "hello", PEM]).await, 403, "the same prompt again");
    let later = ["hi", "hello", PEM, "I cannot read that.", "go on without it"];
    assert_eq!(status(&later).await, 200, "in the history");
    assert_eq!(status(&later).await, 200, "the same turn retried");
    assert_eq!(status(&["hi", "hello", PEM, "no", PEM]).await, 403, "said again in a new turn");
    let seen = office.provider.seen.lock();
    let redacted = conversation(&["hi", "hello", "[REDACTED_PRIVATE_KEY]", "I cannot read that.", "go on without it"]);
    assert_eq!((&seen[0].body, &seen[1].body, seen.len()), (&redacted.clone().into(), &redacted.into(), 2));
    let record = &office.journal.requests()[2];
    assert_eq!((record.decision, record.findings[0].action), (Action::Redact, Action::Redact));
}

#[tokio::test]
async fn no_part_of_a_private_key_passes_in_the_history() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let mut client = office.h1().await;
    let mut status = async |turns: &[&str]| {
        client.send(post(false, "/v1/chat/completions", conversation(turns))).await.status.as_u16()
    };
    let commented = PEM.replacen("\\nMIGH", "\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\\n; my, comment\\n", 1);
    assert_eq!(status(&[&commented]).await, 403);
    assert_eq!(status(&[&commented, "no", "go on"]).await, 200);
    let redacted = conversation(&["[REDACTED_PRIVATE_KEY]", "no", "go on"]);
    assert_eq!(office.provider.only().body, redacted);
    // The rest may have been said elsewhere.
    let cut = PEM.split("\\n-----END").next().unwrap();
    assert_eq!(status(&[cut]).await, 403);
    assert_eq!(status(&[cut, "no", "go on"]).await, 403);
}

#[tokio::test]
async fn a_secret_never_denied_gets_no_grace_in_the_history() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let body = conversation(&[PEM, "no", "go on"]);
    office.h1().await.send(post(false, "/v1/chat/completions", body)).await.refusal(403);
}

#[tokio::test]
async fn a_denial_is_forgotten_after_a_day() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let mut client = office.h1().await;
    client.send(post(false, "/v1/chat/completions", conversation(&[PEM]))).await.refusal(403);
    let later = conversation(&[PEM, "no", "go on"]);
    assert_eq!(client.send(post(false, "/v1/chat/completions", later.clone())).await.status.as_u16(), 200);
    office.clock.0.fetch_add(24 * 3600 * 1_000_000, Ordering::SeqCst);
    client.send(post(false, "/v1/chat/completions", later)).await.refusal(403);
}
