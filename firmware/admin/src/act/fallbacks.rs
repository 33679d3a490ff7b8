//! Clients that do not take the authority's certificate and are watched instead.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::act::session::OWNER;
use crate::app::App;
use crate::decide::access::{self, Client, SignedIn};
use crate::ports::FallbackStatus;
use crate::problem::Problem;
use crate::record::Command;

/// All that stand now, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Fallbacks)]
pub(crate) struct FallbackList {
    fallbacks: Vec<FallbackStatus>,
}

/// Who is watched instead of inspected, since when, and why.
#[utoipa::path(
    get, path = "/api/v1/fallbacks", tag = "fallbacks", security(("session" = [])),
    responses((status = 200, body = FallbackList))
)]
pub(crate) async fn list(State(app): State<Arc<App>>, _: SignedIn) -> Result<Json<FallbackList>, Problem> {
    let holder = Arc::clone(&app.fallbacks);
    let fallbacks =
        tokio::task::spawn_blocking(move || holder.list()).await.map_err(|error| Problem::internal(&error))?;
    Ok(Json(FallbackList { fallbacks }))
}

/// Has a client inspected again, at once. Needs the header `X-Nanogate`.
#[utoipa::path(
    delete, path = "/api/v1/fallbacks/{id}", tag = "fallbacks", params(("id" = String, Path, description = "Of the list")),
    security(("session" = [])), responses((status = 204, description = "Its next connection is inspected or refused"))
)]
pub(crate) async fn revoke(
    State(app): State<Arc<App>>,
    Client(client): Client,
    Path(id): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let mut command = Command::begin(&app, client, "fallback_revoke")?;
    let allowed = access::session_from_our_page(&app, &request).map(drop);
    drop(request);
    let outcome = async {
        allowed?;
        command.by(OWNER);
        let holder = Arc::clone(&app.fallbacks);
        let revoked =
            tokio::task::spawn_blocking(move || holder.revoke(&id)).await.map_err(|error| Problem::internal(&error))?;
        match revoked {
            Ok(true) => Ok(StatusCode::NO_CONTENT),
            Ok(false) => Err(Problem::not_found("There is no fall-back of this name.")),
            Err(error) => {
                tracing::warn!(%error, "a fall-back cannot be revoked");
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "proxy", "The proxy does not answer."))
            }
        }
    };
    let outcome = outcome.await;
    command.end(outcome).await
}
