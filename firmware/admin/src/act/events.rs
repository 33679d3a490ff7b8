//! Journal records: the newest, and live.

#![expect(unused_qualifications, reason = "utoipa writes them for `params`")]

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::accept::InFlight;
use crate::app::App;
use crate::decide::access::SignedIn;
use crate::live::recent::{Cursor, Kinds, LineDocument};
use crate::problem::Problem;

/// Most records in one answer.
const MAX_LIMIT: usize = 500;

/// Which records.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecordsQuery {
    /// At most so many; 1 to 500.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 500)]
    limit: usize,
    /// Only records before the one with this `id`, which is the last of the page before.
    before: Option<String>,
    /// Only these kinds, comma-separated: `dns`, `connection`, `request`, `steer`, `admin`, `process`.
    kinds: Option<String>,
}

/// Which records to stream.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// Only these kinds, comma-separated: `dns`, `connection`, `request`, `steer`, `admin`, `process`.
    kinds: Option<String>,
}

/// Records, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Records)]
pub(crate) struct RecordPage {
    #[schema(value_type = Vec<LineDocument<'static>>)]
    records: Vec<Box<RawValue>>,
    /// Whether there are older ones.
    more: bool,
}

fn default_limit() -> usize {
    100
}

/// The newest journal records of all processes.
#[utoipa::path(
    get, path = "/api/v1/records", tag = "overview", params(RecordsQuery), security(("session" = [])),
    responses((status = 200, body = RecordPage))
)]
pub(crate) async fn records(
    State(app): State<Arc<App>>,
    _: SignedIn,
    query: Result<Query<RecordsQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<RecordPage>, Problem> {
    let Query(query) = query.map_err(|_| bad_query())?;
    if !(1..=MAX_LIMIT).contains(&query.limit) {
        return Err(bad_query());
    }
    let page = app.live.newest(kinds(query.kinds.as_deref())?, query.before.as_deref(), query.limit);
    let (lines, more) = page.ok_or_else(|| Problem::not_found("The record in `before` is no longer kept here."))?;
    Ok(Json(RecordPage { records: lines.iter().map(|line| line.json.clone()).collect(), more }))
}

/// Journal records as they are written, as server-sent events: `event: record` with one record in `data`. `id` names
/// the place in all journals; sent back as `Last-Event-ID`, the stream begins with what was missed.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "overview", security(("session" = [])),
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The last `id` received")),
    responses((status = 200, body = String, content_type = "text/event-stream"))
)]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    SignedIn(session): SignedIn,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| bad_query())?;
    let kinds = kinds(query.kinds.as_deref())?;
    let last = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    // A place that is not ours is none: the stream simply begins now.
    let cursor = last.and_then(Cursor::parse);
    let stream = app.live.subscribe(session, kinds, cursor.as_ref()).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", "There are too many live streams already.")
    })?;
    let stream = stream.during(request.extensions().get::<InFlight>().cloned());
    let mut response = Body::new(stream).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

fn kinds(words: Option<&str>) -> Result<Kinds, Problem> {
    words.map_or(Some(Kinds::ALL), Kinds::parse).ok_or_else(bad_query)
}

fn bad_query() -> Problem {
    Problem::bad_request("The query has an unknown key or a value out of its range; see /api/openapi.json.")
}
