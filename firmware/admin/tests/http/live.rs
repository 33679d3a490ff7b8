//! Overview, records, the live stream, metrics.

use std::time::Duration;

use gate_admin::{Config, Scope};
use gate_core::{AdminEvent, ConnectionEvent, Event, Mode, UnixMicros};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use crate::support::ports::now;
use crate::support::{Browser, Door};

fn connection(client: &str, mode: Mode) -> Event {
    Event::Connection(ConnectionEvent {
        id: 1,
        client: client.parse().unwrap(),
        dst: None,
        host: Some("api.openai.com".to_owned()),
        vendor: Some("openai".to_owned()),
        mode,
        reason: None,
        alpn: None,
        bytes_up: 100,
        bytes_down: 200,
        connect_micros: Some(900),
        duration_micros: 5000,
    })
}

fn noted(command: &str) -> Event {
    Event::Admin(AdminEvent { client: None, actor: None, command: command.to_owned(), ok: true, detail: None })
}

/// Reads a stream until `word` has come.
async fn until(body: &mut Incoming, word: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.contains(word) {
            let frame = body.frame().await.expect("the stream goes on").unwrap();
            text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(5), reading).await;
    assert!(outcome.is_ok(), "{word} did not come: {text}");
    text
}

#[tokio::test]
async fn the_overview_tells_watched_from_inspected_and_refused() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    for (client, mode) in [
        ("192.0.2.10:1", Mode::Watched),
        ("192.0.2.10:2", Mode::Watched),
        ("192.0.2.11:1", Mode::Inspected),
        ("192.0.2.12:1", Mode::Refused),
    ] {
        door.journals.write("proxy", now(), connection(client, mode));
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    let overview = owner.get("/api/v1/overview").await.json();
    assert_eq!(overview["connections"]["watched"], 2);
    assert_eq!(overview["clients_by_mode"], serde_json::json!({"watched": 1, "inspected": 1, "refused": 1}));
    assert_eq!(overview["vendors"][0]["vendor"], "openai");
    assert_eq!((&overview["vendors"][0]["bytes_up"], &overview["live"]), (&Value::from(400), &Value::from(true)));
    assert_eq!(overview["series"].as_array().unwrap().len(), 49);
    let client = |address: &str| {
        let clients = overview["clients"].as_array().unwrap();
        clients.iter().find(|row| row["client"] == address).unwrap()["mode"].clone()
    };
    assert_eq!((client("192.0.2.10"), client("192.0.2.11")), (Value::from("watched"), Value::from("inspected")));
}

#[tokio::test]
async fn records_stream_live_and_go_on_where_they_broke_off() {
    let door = Door::open().await;
    let owner = door.owner().await;
    let stream = door.connect().await;
    let mut response = owner.begin(stream, Method::GET, "/api/v1/events", None).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    until(response.body_mut(), "retry:").await;
    door.journals.write("proxy", now(), noted("first"));
    let text = until(response.body_mut(), "first").await;
    let id = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    drop(response);

    door.journals.write("dns", now(), noted("missed"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let back = Browser { cookie: owner.cookie.clone(), ..Browser::new(&door) }.with("last-event-id", id);
    let mut response = back.begin(door.connect().await, Method::GET, "/api/v1/events", None).await;
    let text = until(response.body_mut(), "missed").await;
    assert!(!text.contains("first") && !text.contains("claim"), "only what was missed: {text}");
    door.journals.write("proxy", now(), noted("second"));
    until(response.body_mut(), "second").await;
}

#[tokio::test]
async fn only_the_kinds_asked_for_are_streamed() {
    let door = Door::open().await;
    let owner = door.owner().await;
    let mut response = owner.begin(door.connect().await, Method::GET, "/api/v1/events?kinds=connection", None).await;
    until(response.body_mut(), "retry:").await;
    door.journals.write("dns", now(), noted("noise"));
    door.journals.write("proxy", now(), connection("192.0.2.10:1", Mode::Watched));
    let text = until(response.body_mut(), "watched").await;
    assert!(!text.contains("noise"), "{text}");
}

#[tokio::test]
async fn streams_are_bounded() {
    let door = Door::open_with(Config { max_subscribers: 1, ..Config::default() }).await;
    let mut owner = door.owner().await;
    let one = owner.begin(door.connect().await, Method::GET, "/api/v1/events", None).await;
    let two = owner.get("/api/v1/events").await;
    assert_eq!((two.status, two.problem().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "too-many-streams"));
    drop(one);
}

#[tokio::test]
async fn records_are_paged_and_a_bad_question_is_named() {
    let door = Door::open().await;
    let mut owner = door.owner().await;
    for n in 0..5 {
        door.journals.write("proxy", now(), noted(&format!("n{n}")));
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    let first = owner.get("/api/v1/records?limit=4").await.json();
    assert_eq!((first["records"].as_array().unwrap().len(), &first["more"]), (4, &Value::from(true)));
    assert_eq!(first["records"][0]["record"]["event"]["admin"]["command"], "n4");
    let last = first["records"][3]["id"].as_str().unwrap();
    let second = owner.get(&format!("/api/v1/records?limit=4&before={last}")).await.json();
    assert_eq!((second["records"].as_array().unwrap().len(), &second["more"]), (2, &Value::from(false)));
    for query in ["limit=0", "limit=501", "limit=x", "kinds=all", "befor=x"] {
        assert_eq!(owner.get(&format!("/api/v1/records?{query}")).await.problem(), "bad-request", "{query}");
    }
    assert_eq!(owner.get("/api/v1/records?before=proxy-99").await.problem(), "not-found");
}

#[tokio::test]
async fn nothing_is_shown_to_who_is_not_signed_in() {
    let door = Door::open().await;
    for path in [
        "/api/v1/status",
        "/api/v1/overview",
        "/api/v1/records",
        "/api/v1/events",
        "/api/v1/tokens",
        "/api/v1/fallbacks",
        "/api/v1/policy",
    ] {
        let answer = Browser::new(&door).get(path).await;
        assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::UNAUTHORIZED, "unauthorized"), "{path}");
    }
}

#[tokio::test]
async fn metrics_need_a_token_unless_asked_from_this_machine() {
    let door = Door::open().await;
    door.journals.write("proxy", now(), connection("192.0.2.10:1", Mode::Watched));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let here = Browser::new(&door).get("/metrics").await;
    assert_eq!(here.status, StatusCode::OK);
    for line in [
        "nanogate_connections_total{mode=\"watched\"} 1",
        "nanogate_vendor_connections_total{vendor=\"openai\",mode=\"watched\"} 1",
        "nanogate_process_resident_bytes{process=\"proxy\"} 31000000",
        "nanogate_added_seconds_bucket{le=\"+Inf\"} 0",
        "nanogate_feed_up 1",
    ] {
        assert!(here.body.lines().any(|one| one == line), "{line}\n{}", here.body);
    }
    let from_the_lan = "PROXY TCP4 192.0.2.10 192.0.2.53 50000 443\r\n";
    let (_, metrics) = door.accounts.create_token("p", &[Scope::Metrics], UnixMicros(0)).unwrap();
    let (_, inspect) = door.accounts.create_token("i", &[Scope::Inspect], UnixMicros(0)).unwrap();
    for (caller, status) in [
        (Browser::new(&door), 401),
        (Browser::new(&door).with("authorization", format!("Bearer {inspect}")), 403),
        (Browser::new(&door).with("authorization", format!("Bearer {metrics}")), 200),
    ] {
        let (mut caller, stream) = (caller, door.hand_over(from_the_lan).await.unwrap());
        assert_eq!(caller.send_over(stream, Method::GET, "/metrics", None).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn every_metric_is_described_once_and_well_formed() {
    let door = Door::open().await;
    let text = Browser::new(&door).get("/metrics").await.body;
    let mut described = std::collections::BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(described.insert(rest.split(' ').next().unwrap().to_owned()), "{line}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| family.strip_suffix(end)).unwrap_or(family);
            assert!(described.contains(family) || described.contains(base), "{line}");
            value.parse::<f64>().unwrap();
        }
    }
    assert!(text.contains("\nnanogate_unread_answers_total 3\n"), "{text}");
}
