//! The office's policy as text: who is watched, inspected or refused. Read and replaced as a whole.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::act::session::OWNER;
use crate::app::App;
use crate::decide::access::{self, Client, SignedIn};
use crate::parse;
use crate::ports::{PolicyError, PolicyText};
use crate::problem::Problem;
use crate::record::Command;

/// Largest body of a replacement, in bytes: twice what a policy may have, for what JSON escapes.
const BODY_CAP: usize = 512 << 10;

/// The policy in its own words.
#[derive(Serialize, ToSchema)]
#[schema(as = Policy)]
pub(crate) struct PolicyView {
    /// YAML; empty where there is none yet: then everybody is watched and nothing denied.
    text: String,
    /// Of this text; to be sent with what replaces it.
    revision: String,
    /// The file on this machine that it is written in; then it can be changed only there.
    file: Option<String>,
}

/// A policy to be put in force.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPolicy)]
pub(crate) struct NewPolicy {
    /// YAML, as in `policy.example.yaml`.
    text: String,
    /// That of the policy which it replaces, so that nobody overwrites what another page has saved meanwhile.
    revision: String,
}

/// A policy that was kept.
#[derive(Serialize, ToSchema)]
#[schema(as = SavedPolicy)]
pub(crate) struct Saved {
    /// Of what was saved.
    revision: String,
    /// What in it cannot come true.
    warnings: Vec<String>,
}

/// The policy as its owner wrote it.
#[utoipa::path(
    get, path = "/api/v1/policy", tag = "policy", security(("session" = [])),
    responses((status = 200, body = PolicyView))
)]
pub(crate) async fn look(State(app): State<Arc<App>>, _: SignedIn) -> Result<Json<PolicyView>, Problem> {
    let read = tokio::task::spawn_blocking(move || app.policy.text());
    let PolicyText { text, file } = read.await.map_err(|error| Problem::internal(&error))??;
    Ok(Json(PolicyView { revision: revision(&text), text, file }))
}

/// Checks a policy and puts it in force, within about a second. One with a mistake is refused whole, and the one before it
/// stays. Needs the header `X-Nanogate`.
#[utoipa::path(
    put, path = "/api/v1/policy", tag = "policy", request_body = NewPolicy, security(("session" = [])),
    responses((status = 200, body = Saved))
)]
pub(crate) async fn replace(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<Json<Saved>, Problem> {
    let mut command = Command::begin(&app, client, "policy_replace")?;
    let outcome = async {
        access::session_from_our_page(&app, &request)?;
        command.by(OWNER);
        let new: NewPolicy = parse::json(request, BODY_CAP).await?;
        let app = Arc::clone(&app);
        let saved = tokio::task::spawn_blocking(move || save(&app, &new));
        Ok(Json(saved.await.map_err(|error| Problem::internal(&error))??))
    };
    let outcome = outcome.await;
    command.end(outcome).await
}

fn save(app: &App, new: &NewPolicy) -> Result<Saved, Problem> {
    // Held over the comparison and the writing: of two who replace the same text, one is told.
    let _one = app.policy_changes.lock();
    if revision(&app.policy.text()?.text) != new.revision {
        let words = "The policy was changed meanwhile. Load it again and make your change in that one.";
        return Err(Problem::new(StatusCode::CONFLICT, "changed", words));
    }
    let warnings = app.policy.replace(&new.text)?;
    Ok(Saved { revision: revision(&new.text), warnings })
}

/// SHA-256 of a text, hexadecimal.
fn revision(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let (status, code) = match &error {
            PolicyError::Elsewhere(_) => (StatusCode::CONFLICT, "elsewhere"),
            PolicyError::Wrong(_) => (StatusCode::UNPROCESSABLE_ENTITY, "wrong-policy"),
            PolicyError::Disk(_) => return Self::internal(&error),
        };
        Self::new(status, code, error.to_string())
    }
}
