//! The policy as text.

use http::{Method, StatusCode};
use serde_json::json;

use crate::support::Door;

#[tokio::test]
async fn a_policy_is_replaced_by_who_has_read_it() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    let first = owner.get("/api/v1/policy").await.json();
    assert_eq!((&first["text"], &first["file"]), (&json!(""), &json!(null)));
    let mut put = async |text: &str, revision: &serde_json::Value| {
        let body = json!({"text": text, "revision": revision}).to_string();
        owner.send(Method::PUT, "/api/v1/policy", Some(body)).await
    };
    let wrong = put("wrong", &first["revision"]).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::UNPROCESSABLE_ENTITY, "wrong-policy"));
    let saved = put("version: 1", &first["revision"]).await;
    assert_eq!((saved.status, &saved.json()["warnings"]), (StatusCode::OK, &json!(["nobody is in group a"])));
    let late = put("version: 2", &first["revision"]).await;
    assert_eq!((late.status, late.problem().as_str()), (StatusCode::CONFLICT, "changed"));
    let long = put(&"x".repeat(600 << 10), &first["revision"]).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(put("elsewhere", &saved.json()["revision"]).await.status, StatusCode::OK);
    let now = owner.get("/api/v1/policy").await.json();
    assert_eq!((&now["text"], &now["file"]), (&json!("elsewhere"), &json!("/etc/policy.yaml")));
    let body = json!({"text": "version: 1", "revision": now["revision"]}).to_string();
    let elsewhere = owner.send(Method::PUT, "/api/v1/policy", Some(body)).await;
    assert_eq!((elsewhere.status, elsewhere.problem().as_str()), (StatusCode::CONFLICT, "elsewhere"));
    let ended = door.commands().into_iter().filter(|(name, ..)| name == "policy_replace");
    assert_eq!(ended.map(|(_, ok, _)| ok).collect::<Vec<_>>(), [false, true, false, false, true, false]);
}
