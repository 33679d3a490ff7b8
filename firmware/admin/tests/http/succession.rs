//! The successor of the certificate authority takes over.

use gate_core::{AdminEvent, Event};
use http::StatusCode;
use serde_json::json;

use crate::support::ports::SUCCESSOR;
use crate::support::{Browser, Door};

#[tokio::test]
async fn who_is_signed_in_lets_the_successor_take_over_that_the_page_shows() {
    let door = Door::open().await;
    let path = "/api/v1/ca/activate";
    let mut anybody = Browser::new(&door);
    let view = anybody.get("/api/v1/ca").await.json();
    assert_eq!((&view["next"]["fingerprint_sha256"], &view["locked"]), (&json!(SUCCESSOR), &json!(false)));
    let right = json!({ "fingerprint_sha256": SUCCESSOR });
    assert_eq!(anybody.post(path, &right).await.status, StatusCode::UNAUTHORIZED);
    let mut owner = door.owner().await;
    let wrong = owner.post(path, &json!({ "fingerprint_sha256": view["fingerprint_sha256"] })).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (StatusCode::CONFLICT, "changed"));
    assert_eq!(owner.post(path, &json!({ "all": true })).await.status, StatusCode::BAD_REQUEST);
    owner.headers.clear();
    assert_eq!(owner.post(path, &right).await.status, StatusCode::FORBIDDEN, "another site's page");
    assert!(door.journals.of("supervisor").is_empty());
    owner.headers.push(("x-nanogate", "1".to_owned()));
    assert_eq!(owner.post(path, &right).await.status, StatusCode::ACCEPTED);
    let [Event::Admin(AdminEvent { detail, .. })] = &door.journals.of("supervisor")[..] else { panic!("asked once") };
    assert_eq!(detail.as_deref(), Some(SUCCESSOR));
    let ended = door.commands().into_iter().filter(|(name, ..)| name == "ca_activate_ask");
    assert_eq!(ended.map(|(_, ok, _)| ok).collect::<Vec<_>>(), [false, false, false, false, true]);
}
