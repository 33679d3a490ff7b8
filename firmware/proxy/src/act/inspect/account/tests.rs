use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gate_core::{Account, AccountKind, Entry, GroupKind, HostName};
use http::Request;
use http::request::Parts;

use super::super::memory::ValueHash;
use super::{Shown, account_of};

const KEY: [u8; 32] = [7; 32];

fn hash(vendor: &str, kind: AccountKind, value: &str) -> Account {
    account_of(&ValueHash::new(&KEY), vendor, kind, value.as_bytes()).unwrap()
}

fn parts(line: &str, fields: &[(&str, &str)]) -> Parts {
    let (method, target) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn shown(vendor: &str, kind: GroupKind, line: &str, fields: &[(&str, &str)]) -> Shown {
    shown_at("api.acme.example", vendor, kind, line, fields)
}

fn shown_at(host: &str, vendor: &str, kind: GroupKind, line: &str, fields: &[(&str, &str)]) -> Shown {
    let entry = Entry { vendor: vendor.to_owned(), kind, steered: true };
    let host = HostName::parse(host.as_bytes()).unwrap();
    Shown::of(&parts(line, fields), &host, Some(&entry), &ValueHash::new(&KEY))
}

fn token(claims: &str, signature: &str) -> String {
    format!("{}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode("{}"), BASE64_URL_SAFE_NO_PAD.encode(claims))
}

#[test]
fn a_key_is_the_same_account_wherever_it_stands() {
    let (key, post) = (hash("acme", AccountKind::Key, "k-1"), "POST /v1/x");
    for (line, fields) in [
        (post, vec![("authorization", "Bearer k-1")]),
        (post, vec![("authorization", "bearer  k-1 ")]),
        (post, vec![("x-api-key", "k-1")]),
        (post, vec![("api-key", "k-1")]),
        (post, vec![("x-goog-api-key", "k-1"), ("x-api-key", "k-1")]),
        ("POST /v1/x?alt=sse&key=k-1", vec![]),
        ("POST /v1/x?%6Bey=k%2D1", vec![]),
        ("POST /v1/x?API-Key=k-1", vec![]),
        ("POST /v1/x?oauth_token=k-1", vec![]),
        ("POST /v1/x?subscription-key=k-1", vec![]),
        ("POST /v1/x?Ocp-Apim-Subscription-Key=k-1&xi-api-key=k-1", vec![]),
        ("GET /v1/text-to-speech/v/stream-input?authorization=Bearer%20k-1", vec![]),
    ] {
        assert_eq!(shown("acme", GroupKind::Api, line, &fields).accounts, [key], "{line} {fields:?}");
    }
    let two = shown("acme", GroupKind::Api, "POST /v1/x?key=k-2", &[("x-api-key", "k-1")]);
    assert_eq!(two.accounts, [key, hash("acme", AccountKind::Key, "k-2")]);
    assert_ne!(key.hash, hash("other", AccountKind::Key, "k-1").hash, "each vendor has accounts of its own");
    assert_ne!(key.hash, hash("acme", AccountKind::Organization, "k-1").hash);
}

#[test]
fn what_changes_with_every_token_or_signature_does_not_count() {
    let post = "POST /v1/x";
    let bearer = |claims: &str, signature: &str| {
        let value = format!("Bearer {}", token(claims, signature));
        shown("acme", GroupKind::Api, post, &[("authorization", &value)]).accounts
    };
    let anna = bearer(r#"{"iss":"https://id.example","sub":"anna","exp":1}"#, "aa");
    assert_eq!(anna[0].kind, AccountKind::Login);
    assert_eq!(anna, bearer(r#"{"exp":2,"sub":"anna","iss":"https://id.example"}"#, "bb"));
    assert_ne!(anna, bearer(r#"{"iss":"https://id.example","sub":"bob"}"#, "aa"));
    // What could be read in two ways, or names nobody, is a key like any other.
    for claims in [r#"{"iss":"i","sub":"anna","sub":"bob"}"#, r#"{"iss":"i"}"#, "x"] {
        assert_eq!(bearer(claims, "aa")[0].kind, AccountKind::Key, "{claims}");
    }
    let signed = |day: &str, signature: &str| {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=AKIA1/{day}/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature={signature}"
        );
        shown("acme", GroupKind::Api, post, &[("authorization", &value)]).accounts
    };
    assert_eq!(signed("20260101", "aa"), [hash("acme", AccountKind::Key, "AKIA1")]);
    assert_eq!(signed("20260101", "aa"), signed("20260102", "bb"));
    let query = "GET /x?X-Amz-Credential=AKIA1%2F20260101%2Feu-west-1&X-Amz-Signature=aa";
    assert_eq!(shown("acme", GroupKind::Api, query, &[]).accounts, signed("20260101", "aa"));
}

#[test]
fn organisations_tell_where_the_provider_checks_them_and_they_arrive() {
    let fields = [("authorization", "Bearer k"), ("openai-organization", "org-1")];
    let there = shown("openai", GroupKind::Api, "POST /v1/x", &fields);
    assert!(there.organization_tells);
    assert_eq!(there.accounts[1], hash("openai", AccountKind::Organization, "org-1"));
    assert!(!shown("anthropic", GroupKind::Api, "POST /v1/x", &fields).organization_tells, "it is ignored there");
    assert!(!shown("openai", GroupKind::Web, "POST /v1/x", &fields).organization_tells);
    let taken = [fields[0], fields[1], ("connection", "keep-alive, OpenAI-Organization")];
    assert!(!shown("openai", GroupKind::Api, "POST /v1/x", &taken).organization_tells, "it never gets there");
    let socket = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("sec-websocket-protocol", "realtime, openai-insecure-api-key.k, openai-organization.org-1"),
    ];
    assert_eq!(shown("openai", GroupKind::Api, "GET /v1/realtime", &socket).accounts, there.accounts);
    assert!(!shown("openai", GroupKind::Api, "GET /v1/realtime", &socket[..4]).is_silent, "it may say anything");
}

#[test]
fn who_shows_nobody_may_read_but_not_say_anything() {
    let cookies = [("cookie", "sessionKey=x"), ("authorization", "Bearer k-of-the-office")];
    let page = shown("anthropic", GroupKind::Web, "POST /api/chat", &cookies);
    assert_eq!(page, Shown { accounts: vec![], organization_tells: false, is_silent: false }, "cookies decide there");
    assert!(shown("anthropic", GroupKind::Web, "GET /chat", &cookies).is_silent);
    let sign_in = shown_at("auth.openai.com", "openai", GroupKind::Tool, "POST /oauth/token", &[]);
    assert!(sign_in.is_silent, "who signs in is nobody yet");
    assert!(!shown("openai", GroupKind::Api, "POST /v1/x", &[("authorization", "Bearer ")]).is_silent);
    let many: Vec<String> = (0..9).map(|n| format!("k{n}")).collect();
    let many: Vec<_> = many.iter().map(|key| ("x-api-key", key.as_str())).collect();
    let crowd = shown("openai", GroupKind::Api, "GET /v1/models", &many);
    assert!(crowd.accounts.is_empty() && !crowd.is_silent);
}

#[test]
fn at_a_coding_tool_who_shows_nobody_is_nobody_unless_they_sign_in() {
    let silent = |host, line| shown_at(host, "acme", GroupKind::Tool, line, &[("cookie", "a=b")]).is_silent;
    assert!(!silent("acme.example", "POST /chat"), "a page that goes by its cookies");
    assert!(silent("acme.example", "GET /"));
    for host in ["auth.acme.example", "authenticate.acme.example", "login.acme.example"] {
        assert!(silent(host, "POST /token"), "{host}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_no_known_key() {
    let of = |value: &str| shown("acme", GroupKind::Api, "POST /v1/x", &[("authorization", value)]).accounts;
    let known = of("AWS4-HMAC-SHA256 Credential=AKIAOURS/20260101/x, SignedHeaders=host, Signature=00");
    assert_eq!(known, [hash("acme", AccountKind::Key, "AKIAOURS")]);
    for line in [
        "AWS4-HMAC-SHA256 XCredential=AKIAOURS/1, Credential=AKIAMINE/1",
        "AWS4-HMAC-SHA256 Credential=AKIAOURS/1, Credential=AKIAMINE/1",
        "mine AKIAOURS",
    ] {
        assert_ne!(of(line), known, "{line}");
    }
}
