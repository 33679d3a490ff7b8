//! Claim, sign-in, sessions, and what a foreign page may not do.

use std::sync::atomic::Ordering;

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Browser, Door, PASSWORD};

#[tokio::test]
async fn the_first_sign_in_claims_and_every_later_one_needs_the_password() {
    let door = Door::open().await;
    assert_eq!(
        Browser::new(&door).get("/api/v1/session").await.json(),
        json!({"claimed": false, "signed_in": false, "button": false})
    );
    let early = Browser::new(&door).post("/api/v1/sign-in", &json!({"password": PASSWORD})).await;
    assert_eq!((early.status, early.problem().as_str()), (StatusCode::CONFLICT, "not-claimed"));

    let mut owner = door.owner().await;
    assert_eq!(owner.get("/api/v1/session").await.json(), json!({"claimed": true, "signed_in": true, "button": false}));
    assert_eq!(owner.get("/api/v1/status").await.status, StatusCode::OK);
    assert_eq!(owner.post("/api/v1/sign-out", &json!({})).await.status, StatusCode::NO_CONTENT);
    assert!(owner.cookie.is_none());

    let mut again = Browser::new(&door);
    assert_eq!(again.get("/api/v1/status").await.status, StatusCode::UNAUTHORIZED);
    let signed_in = again.post("/api/v1/sign-in", &json!({"password": PASSWORD})).await;
    assert_eq!(signed_in.status, StatusCode::NO_CONTENT);
    assert_eq!(again.get("/api/v1/status").await.status, StatusCode::OK);

    let owner = Some("owner".to_owned());
    let recorded = [
        ("sign_in", false, None),
        ("claim", true, owner.clone()),
        ("sign_out", true, owner.clone()),
        ("sign_in", true, owner),
    ];
    assert_eq!(door.commands(), recorded.map(|(name, ok, actor)| (name.to_owned(), ok, actor)));
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
    let door = Door::open().await;
    let code = door.accounts.renew_claim().unwrap().unwrap().to_string();
    let answer = Browser::new(&door).post("/api/v1/claim", &json!({"code": code, "password": PASSWORD})).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-nanogate="), "{cookie}");
    for word in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
}

#[tokio::test]
async fn a_signed_out_cookie_opens_nothing_any_more() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    let stolen = owner.cookie.clone();
    owner.post("/api/v1/sign-out", &json!({})).await;
    owner.cookie = stolen;
    assert_eq!(owner.get("/api/v1/overview").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_dead_or_wrong_code_and_a_weak_password_claim_nothing() {
    let door = Door::open().await;
    let code = door.accounts.renew_claim().unwrap().unwrap().to_string();
    let mut browser = Browser::new(&door);
    let wrong = browser.post("/api/v1/claim", &json!({"code": "AAAA-AAAA-AAAA", "password": PASSWORD})).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::FORBIDDEN, "wrong-code"));
    let weak = browser.post("/api/v1/claim", &json!({"code": code, "password": "elevenchars"})).await;
    assert_eq!((weak.status, weak.problem().as_str()), (StatusCode::BAD_REQUEST, "weak-password"));
    assert!(!door.accounts.claimed().unwrap());
    assert_eq!(browser.post("/api/v1/claim", &json!({"code": code, "password": PASSWORD})).await.status, 204);
    let late = browser.post("/api/v1/claim", &json!({"code": code, "password": PASSWORD})).await;
    assert_eq!((late.status, late.problem().as_str()), (StatusCode::CONFLICT, "already-claimed"));
}

#[tokio::test]
async fn a_puck_without_its_card_says_so_and_lets_nobody_in() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    owner.post("/api/v1/sign-out", &json!({})).await;
    door.journals.broken.store(true, Ordering::Relaxed);
    let told = Browser::new(&door).get("/api/v1/session").await.json();
    assert_eq!((&told["claimed"], &told["trouble"]), (&json!(true), &json!("the card is gone")));
    let refused = Browser::new(&door).post("/api/v1/sign-in", &json!({"password": PASSWORD})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "journal"));
    door.journals.broken.store(false, Ordering::Relaxed);
    assert_eq!(Browser::new(&door).get("/api/v1/session").await.json().get("trouble"), None);
}

#[tokio::test]
async fn a_press_of_the_button_stands_for_the_code_once_and_not_for_long() {
    let door = Door::open().await;
    door.accounts.renew_claim().unwrap();
    let (mut browser, claim) = (Browser::new(&door), json!({"password": PASSWORD}));
    assert_eq!(browser.post("/api/v1/claim", &claim).await.problem(), "wrong-code", "nobody pressed it");
    door.button.send_replace(true);
    assert_eq!(browser.get("/api/v1/session").await.json()["button"], true);
    let wrong = browser.post("/api/v1/claim", &json!({"code": "AAAA-AAAA-AAAA", "password": PASSWORD})).await;
    assert_eq!(wrong.problem(), "wrong-code", "a code that is typed must be right");
    assert_eq!(browser.post("/api/v1/claim", &json!({"password": "elevenchars"})).await.problem(), "weak-password");
    door.button.send_replace(false);
    // Three tries were made; the fourth has to wait, as any other guess.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_eq!(browser.post("/api/v1/claim", &claim).await.problem(), "wrong-code", "it was too long ago");
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    door.button.send_replace(true);
    assert_eq!(browser.post("/api/v1/claim", &claim).await.status, StatusCode::NO_CONTENT);
    assert_eq!(browser.get("/api/v1/session").await.json()["button"], false);
    let late = Browser::new(&door).post("/api/v1/claim", &claim).await;
    assert_eq!((late.status, late.problem().as_str()), (StatusCode::CONFLICT, "already-claimed"));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_every_guess_is_recorded() {
    let door = Door::open().await;
    door.owner().await;
    let mut guesser = Browser::new(&door);
    for _ in 0..3 {
        let wrong = guesser.post("/api/v1/sign-in", &json!({"password": "not this one"})).await;
        assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::FORBIDDEN, "wrong-password"));
    }
    let slowed = guesser.post("/api/v1/sign-in", &json!({"password": PASSWORD})).await;
    assert_eq!((slowed.status, slowed.problem().as_str()), (StatusCode::TOO_MANY_REQUESTS, "rate-limited"));
    assert_eq!(slowed.headers["retry-after"], "1");
    let failed = door.commands().iter().filter(|(name, ok, _)| name == "sign_in" && !ok).count();
    assert_eq!(failed, 4);
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let right = guesser.post("/api/v1/sign-in", &json!({"password": PASSWORD})).await;
    assert_eq!(right.status, StatusCode::NO_CONTENT, "who knows the password only has to wait");
}

#[tokio::test]
async fn nobody_fills_the_journal_by_asking() {
    let config = gate_admin::Config { commands_per_minute: 5, ..Default::default() };
    let door = Door::open_with(config).await;
    let mut browser = Browser::new(&door);
    let mut refused = 0;
    for _ in 0..20 {
        refused += u32::from(browser.get("/ca/nanogate.pem").await.status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!((refused, door.commands().len()), (15, 5));
}

#[tokio::test]
async fn another_sites_page_can_do_nothing_with_our_cookie() {
    let door = Door::open().await;
    let owner = door.owner().await;
    let cookie = owner.cookie.clone();
    let ours = || Browser { cookie: cookie.clone(), ..Browser::new(&door) };
    let mut pages = [
        Browser { headers: Vec::new(), ..ours() },
        ours().with("origin", "https://evil.example"),
        ours().with("origin", "http://localhost"),
        ours().with("origin", "null"),
        ours().with("sec-fetch-site", "cross-site"),
        ours().with("sec-fetch-site", "same-site"),
    ];
    for page in &mut pages {
        for (method, path) in [
            (Method::POST, "/api/v1/tokens"),
            (Method::DELETE, "/api/v1/tokens/x"),
            (Method::DELETE, "/api/v1/fallbacks/0b1c2d3e4f506172"),
            (Method::PUT, "/api/v1/policy"),
            (Method::POST, "/api/v1/sign-out"),
        ] {
            let answer = page.send(method, path, Some(r#"{"name":"x","scopes":["inspect"]}"#.to_owned())).await;
            assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::FORBIDDEN, "cross-site"), "{path}");
        }
    }
    let mut page = ours().with("origin", "https://localhost").with("sec-fetch-site", "same-origin");
    let made = page.post("/api/v1/tokens", &json!({"name": "x", "scopes": ["inspect"]})).await;
    assert_eq!(made.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_name_rebound_to_our_address_is_refused() {
    let door = Door::open().await;
    for (host, status) in [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("nanogate.office.example", 200),
        ("NanoGate.office.example:8443", 200),
        ("127.0.0.1:8443", 200),
        ("[::1]:8443", 200),
        ("", 421),
    ] {
        let answer = Browser::new(&door).with("host", host).get("/healthz").await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn tokens_are_made_listed_and_ended() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    let made = owner.post("/api/v1/tokens", &json!({"name": "edge", "scopes": ["inspect"]})).await.json();
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("ngt_"));
    let listed = owner.get("/api/v1/tokens").await;
    assert_eq!(listed.json()["tokens"][0]["name"], "edge");
    assert!(!listed.body.contains(&secret), "a secret is shown once");
    let id = made["id"].as_str().unwrap();
    assert_eq!(owner.send(Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await.status, 204);
    assert_eq!(owner.send(Method::DELETE, &format!("/api/v1/tokens/{id}"), None).await.status, 404);
    let ended = Browser::new(&door).with("authorization", format!("Bearer {secret}"));
    let mut ended = ended;
    assert_eq!(ended.post("/api/v1/inspect", &json!({"text": "x"})).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn fall_backs_are_listed_and_revoked_with_a_record_each() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    let listed = owner.get("/api/v1/fallbacks").await.json();
    assert_eq!(listed["fallbacks"][0]["runtime"], "python");
    assert_eq!(listed["fallbacks"][0]["cause"], json!({"alert": 48}));
    for (id, status) in [("nobody", 404), ("later", 503), ("0b1c2d3e4f506172", 204), ("0b1c2d3e4f506172", 404)] {
        let answer = owner.send(Method::DELETE, &format!("/api/v1/fallbacks/{id}"), None).await;
        assert_eq!(answer.status.as_u16(), status, "{id}");
    }
    assert_eq!(owner.get("/api/v1/fallbacks").await.json()["fallbacks"], json!([]));
    let ended = door.commands().into_iter().filter(|(name, ..)| name == "fallback_revoke");
    assert_eq!(ended.map(|(_, ok, _)| ok).collect::<Vec<_>>(), [false, false, true, false]);
}
