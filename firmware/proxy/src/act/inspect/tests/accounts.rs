//! Whose account a request uses: told once for each connection, and refused or reported as the policy wants it.

use gate_core::{Account, AccountKind, AccountsEvent, Action, Event, Reason};
use http::HeaderValue;

use super::super::account::account_of;
use super::relay::CLEAN;
use super::support::{Office, Provider, TestJudge, get, post, reply};
use crate::config::Config;

fn of(office: &Office, kind: AccountKind, value: &str) -> Account {
    account_of(&office.shared.inspect.account_key, "openai", kind, value.as_bytes()).unwrap()
}

fn told(office: &Office) -> Vec<AccountsEvent> {
    let only = |event: &Event| match event {
        Event::Accounts(event) => Some(event.clone()),
        _ => None,
    };
    office.journal.events.lock().iter().filter_map(only).collect()
}

/// An office that owns the key `ours`.
async fn office(unknown: Action) -> Office {
    let provider = Provider::http(&["http/1.1", "h2"], |_| {
        let mut answer = reply("{}");
        answer.headers_mut().insert("openai-organization", HeaderValue::from_static("org-1"));
        answer
    });
    let key = super::super::ValueHash::new(&[7; 32]);
    let ours = account_of(&key, "openai", AccountKind::Key, b"ours").unwrap().hash;
    let judge = TestJudge { accounts: Some((vec![ours], unknown)), ..TestJudge::default() };
    Office::with(provider.await, Config::default(), judge)
}

fn by(key: &'static str, h2: bool) -> http::Request<super::support::ClientBody> {
    let mut request = post(h2, "/v1/chat/completions", CLEAN);
    request.headers_mut().insert("authorization", HeaderValue::from_static(key));
    request
}

#[tokio::test]
async fn an_account_is_told_once_for_each_connection_and_never_its_key() {
    let office = office(Action::Alert).await;
    let mut client = office.h1().await;
    for _ in 0..3 {
        assert_eq!(client.send(by("Bearer ours", false)).await.status.as_u16(), 200);
    }
    assert_eq!(client.send(by("Bearer mine-own", false)).await.status.as_u16(), 200);
    let told = told(&office);
    let accounts: Vec<_> = told.iter().map(|event| (event.accounts.clone(), event.known)).collect();
    let answered = of(&office, AccountKind::Answered, "org-1");
    let (ours, mine) = (of(&office, AccountKind::Key, "ours"), of(&office, AccountKind::Key, "mine-own"));
    assert_eq!(accounts, [(vec![ours], true), (vec![answered], true), (vec![mine], false)]);
    let all = format!("{:?}", office.journal.events.lock());
    assert!(!all.contains("mine-own") && !all.contains("org-1"), "{all}");
    let requests = office.journal.requests();
    assert!(requests[..3].iter().all(|request| request.decision == Action::Allow && request.reason.is_none()));
    assert_eq!(requests[3].decision, Action::Alert);
    assert_eq!(requests[3].reason, Some(Reason::Policy("accounts".to_owned())));
}

#[tokio::test]
async fn an_account_that_is_not_the_offices_is_refused_before_anything_leaves() {
    for h2 in [false, true] {
        let office = office(Action::Deny).await;
        let requests = [by("Bearer mine", h2), post(h2, "/v1/chat/completions", CLEAN)];
        let (ours, unnamed) = (by("Bearer ours", h2), get(h2, "/v1/models"));
        let words = "Nano-Gate: This account at the provider is not one of this office's.";
        if h2 {
            let mut client = office.h2().await;
            for request in requests {
                assert_eq!(client.send(request).await.refusal(403), words);
            }
            assert_eq!(client.send(ours).await.status.as_u16(), 200);
            assert_eq!(client.send(unnamed).await.status.as_u16(), 200);
        } else {
            let mut client = office.h1().await;
            for request in requests {
                assert_eq!(client.send(request).await.refusal(403), words);
            }
            assert_eq!(client.send(ours).await.status.as_u16(), 200);
            assert_eq!(client.send(unnamed).await.status.as_u16(), 200);
        }
        assert_eq!(office.provider.seen.lock().len(), 2, "the office's own, and one that says nothing");
        let refused = &office.journal.requests()[..2];
        let expected = Some(Reason::Policy("accounts".to_owned()));
        assert!(refused.iter().all(|one| one.decision == Action::Deny && one.reason == expected), "{refused:?}");
        assert_eq!(told(&office)[0].accounts, [of(&office, AccountKind::Key, "mine")], "who it was is told first");
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_recorded_is_not_used() {
    let office = office(Action::Allow).await;
    let mut client = office.h1().await;
    office.journal.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    client.send(by("Bearer ours", false)).await.refusal(503);
    assert!(office.provider.seen.lock().is_empty());
}
