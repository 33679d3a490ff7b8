//! The go/no-go API for gateways that are already there.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use gate_core::{Action, Event, Finding, Reason, RequestEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use crate::app::App;
use crate::decide::access::{self, Client};
use crate::parse;
use crate::ports::{Content, Direction, InspectAnswer, InspectRequest};
use crate::problem::Problem;
use crate::record::Command;
use crate::state::{Scope, Token};

/// Longest provider, model or client name.
const MAX_NAME: usize = 128;

/// What to inspect: either `text` or `request`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InspectRequest)]
pub(crate) struct InspectBody {
    /// A plain text.
    text: Option<String>,
    /// A provider's JSON request; offsets of findings count from its first byte as sent.
    #[schema(value_type = Option<Object>)]
    request: Option<Box<RawValue>>,
    /// The address of the client whose policy applies; the caller's own when it is absent.
    client: Option<String>,
    /// A vendor, such as `openai`.
    provider: Option<String>,
    /// The model that is asked, where the gateway knows it: rules on models go by it as well as by what the request says.
    model: Option<String>,
    /// Default `request`. A `response` is an answer: it is scanned alike, and not read as asking for anything.
    #[serde(default)]
    direction: Direction,
}

/// The decision.
#[derive(Serialize, ToSchema)]
#[schema(as = InspectAnswer)]
pub(crate) struct InspectReply {
    decision: Action,
    findings: Vec<Finding>,
    /// What may be sent on when the decision is `redact`: text for text, JSON for JSON; else null.
    #[schema(value_type = Option<Object>)]
    redacted: Option<Content>,
    /// Plain reasons; never the value that was found.
    reasons: Vec<String>,
    /// From the last byte of the body to the decision, in microseconds; without the one time at which the rules are made
    /// ready, for the first token there is.
    latency_us: u64,
}

/// Scans a text or a request and says what policy makes of it. Past the deadline the answer is `deny`.
#[utoipa::path(
    post, path = "/api/v1/inspect", tag = "inspection", request_body = InspectBody, security(("token" = [])),
    responses((status = 200, body = InspectReply))
)]
pub(crate) async fn inspect(
    State(app): State<Arc<App>>,
    Client(caller): Client,
    request: Request,
) -> Result<Json<InspectReply>, Problem> {
    let token = match access::token(&app, request.headers(), Scope::Inspect) {
        Ok(token) => token,
        Err(problem) => return Command::begin(&app, caller, "inspect")?.end(Err(problem)).await,
    };
    let Token { name, .. } = token;
    let command = Command::admitted(&app, caller, "inspect", Some(name));
    let asked = match read(&app, caller, request).await {
        Ok(asked) => Arc::new(asked),
        Err(problem) => return command.end(Err(problem)).await,
    };
    // A token that was made beside this process is first heard of here.
    prepare(&app).await;
    let started = Instant::now();
    let mut answer = judge(&app, &asked).await;
    let latency_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    if command.end_as(event(&app, &asked, &answer, latency_us)).await.is_err() {
        answer = denied("The journal cannot be written.", Reason::Internal);
    }
    let InspectAnswer { decision, findings, redacted, reasons, .. } = answer;
    Ok(Json(InspectReply { decision, findings, redacted, reasons, latency_us }))
}

async fn read(app: &App, caller: IpAddr, request: Request) -> Result<InspectRequest, Problem> {
    let body: InspectBody = parse::json(request, app.config.inspect_body_bytes).await?;
    let names = [&body.client, &body.provider, &body.model];
    if names.into_iter().flatten().any(|name| name.len() > MAX_NAME || name.chars().any(char::is_control)) {
        return Err(Problem::bad_request(format!("client, provider and model have at most {MAX_NAME} bytes.")));
    }
    let content = match (body.text, body.request) {
        (Some(text), None) => Content::Text(text),
        (None, Some(request)) => Content::Request(request),
        // With both, one of them would go unread.
        _ => return Err(Problem::bad_request("Exactly one of `text` and `request` is needed.")),
    };
    // A misspelt client must not be judged by somebody else's policy.
    let client = match body.client {
        Some(client) => client.parse().map_err(|_| Problem::bad_request("client is not an IP address."))?,
        None => caller,
    };
    Ok(InspectRequest { content, client, provider: body.provider, model: body.model, direction: body.direction })
}

/// Makes the inspector ready, on a thread of its own. One that stays unready denies by itself.
pub(crate) async fn prepare(app: &App) {
    if app.inspector.is_ready() {
        return;
    }
    let inspector = Arc::clone(&app.inspector);
    if let Err(error) = tokio::task::spawn_blocking(move || inspector.prepare()).await {
        tracing::error!(%error, "the inspector cannot be made ready");
    }
}

/// Scanner and policy, on a thread of their own, waiting for its turn and working included in the deadline. Work that
/// is late goes on to its end, but keeps its permit until then, so that late work cannot pile up.
async fn judge(app: &Arc<App>, asked: &Arc<InspectRequest>) -> InspectAnswer {
    let work = async {
        let permits = Arc::clone(&app.inspections);
        let permit = permits.acquire_owned().await.expect("the semaphore is never closed");
        let (inspector, asked) = (Arc::clone(&app.inspector), Arc::clone(asked));
        let judged = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            inspector.inspect(&asked)
        });
        judged.await
    };
    let deadline: Duration = app.config.inspect_deadline();
    match timeout(deadline, work).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::error!(%error, "an inspection broke down");
            denied("The inspection failed.", Reason::Internal)
        }
        Err(_) => {
            app.meters.late_inspections.add();
            denied("The inspection did not end within its deadline.", Reason::ScanBudget)
        }
    }
}

fn denied(words: &str, reason: Reason) -> InspectAnswer {
    InspectAnswer {
        decision: Action::Deny,
        findings: Vec::new(),
        redacted: None,
        reasons: vec![words.to_owned()],
        counts: Vec::new(),
        attachments: Vec::new(),
        more_attachments: 0,
        reason: Some(reason),
    }
}

/// A caller's name for something as a record may carry it: a word, and nothing that the scanner knows.
fn recorded(app: &App, name: Option<&String>) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-+".contains(&byte);
    name.filter(|name| name.bytes().all(allowed) && app.inspector.is_clean(name)).cloned()
}

fn event(app: &App, asked: &InspectRequest, answer: &InspectAnswer, micros: u64) -> Event {
    let size = match &asked.content {
        Content::Text(text) => text.len(),
        Content::Request(request) => request.get().len(),
    };
    Event::Request(RequestEvent {
        connection: None,
        client: asked.client,
        host: "inspection-api".to_owned(),
        vendor: recorded(app, asked.provider.as_ref()).unwrap_or_else(|| "unknown".to_owned()),
        target: "POST /api/v1/inspect".to_owned(),
        model: recorded(app, asked.model.as_ref()),
        decision: answer.decision,
        reason: answer.reason.clone(),
        findings: answer.counts.clone(),
        request_bytes: size as u64,
        response_bytes: 0,
        status: Some(200),
        stream: false,
        usage: None,
        cost: None,
        attachments: answer.attachments.clone(),
        more_attachments: answer.more_attachments,
        added_micros: micros,
        first_byte_micros: None,
        duration_micros: micros,
    })
}
