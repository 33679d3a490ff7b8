//! The certificate authority, for every device in the office: what is given out here is public by nature.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use gate_core::UnixMicros;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::act::session::OWNER;
use crate::app::App;
use crate::decide::access::{self, Client};
use crate::parse;
use crate::ports::CaCertificate;
use crate::problem::Problem;
use crate::record::Command;

/// Largest body of an activation, in bytes.
const BODY_CAP: usize = 4 << 10;

/// What there is to know about the certificate authority before one trusts it.
#[derive(Serialize, ToSchema)]
#[schema(as = CertificateAuthority)]
pub(crate) struct AuthorityView {
    subject: String,
    /// SHA-256 over the certificate: compare it with what `nanogate ca show` prints.
    fingerprint_sha256: String,
    not_after: UnixMicros,
    /// The only names it may sign for.
    permitted_names: Vec<String>,
    /// Steered names that it leaves out: there clients are only watched.
    missing_names: Vec<String>,
    /// Its key cannot be opened: it issues nothing, and inspected clients are refused.
    locked: bool,
    pem: String,
    /// What is to be installed before it takes over.
    next: Option<SuccessorView>,
}

/// The authority that is to follow.
#[derive(Serialize, ToSchema)]
#[schema(as = CertificateAuthoritySuccessor)]
pub(crate) struct SuccessorView {
    fingerprint_sha256: String,
    not_after: UnixMicros,
    pem: String,
}

/// The certificate authority.
#[utoipa::path(get, path = "/api/v1/ca", tag = "trust", responses((status = 200, body = AuthorityView)))]
pub(crate) async fn about(State(app): State<Arc<App>>) -> Json<AuthorityView> {
    let (ca, certificate) = (&app.ca, &app.ca.certificate);
    let successor = |next: &CaCertificate| SuccessorView {
        fingerprint_sha256: next.fingerprint_sha256.clone(),
        not_after: next.not_after,
        pem: next.pem.clone(),
    };
    Json(AuthorityView {
        subject: ca.subject.clone(),
        fingerprint_sha256: certificate.fingerprint_sha256.clone(),
        not_after: certificate.not_after,
        permitted_names: ca.permitted_names.clone(),
        missing_names: ca.missing_names.clone(),
        locked: ca.locked,
        pem: certificate.pem.clone(),
        next: ca.next.as_ref().map(successor),
    })
}

/// Which successor is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Activation)]
pub(crate) struct Activation {
    /// Of the successor, as this address gives it: another may wait by now than the page shows.
    fingerprint_sha256: String,
}

/// Lets the successor take over, within about a second; proxy and page start again with it. Devices that do not trust it by
/// then are refused where they are inspected. Needs the header `X-Nanogate`.
#[utoipa::path(
    post, path = "/api/v1/ca/activate", tag = "trust", request_body = Activation, security(("session" = [])),
    responses(
        (status = 202, description = "It takes over"),
        (status = 404, description = "No successor waits"),
        (status = 409, description = "Another one waits"),
    )
)]
pub(crate) async fn activate(
    State(app): State<Arc<App>>,
    Client(client): Client,
    request: Request,
) -> Result<StatusCode, Problem> {
    let mut command = Command::begin(&app, client, "ca_activate_ask")?;
    let outcome = async {
        access::session_from_our_page(&app, &request)?;
        command.by(OWNER);
        let wanted: Activation = parse::json(request, BODY_CAP).await?;
        let Some(next) = &app.ca.next else { return Err(Problem::not_found("No successor waits.")) };
        if next.fingerprint_sha256 != wanted.fingerprint_sha256 {
            let words = "Another successor waits than the one on this page. Load it again and compare.";
            return Err(Problem::new(StatusCode::CONFLICT, "changed", words));
        }
        let asker = Arc::clone(&app);
        let asked = tokio::task::spawn_blocking(move || asker.succession.ask(&wanted.fingerprint_sha256));
        asked.await.map_err(|error| Problem::internal(&error))?.map_err(|error| Problem::internal(&error))?;
        Ok(StatusCode::ACCEPTED)
    };
    let outcome = outcome.await;
    command.end(outcome).await
}

/// The certificate: `nanogate.pem`, `nanogate.crt` (DER, which Windows and Android open) or `nanogate.mobileconfig` (a
/// configuration profile for Apple devices); with `nanogate-next` instead of `nanogate` its successor's, if one waits.
#[utoipa::path(
    get, path = "/ca/{file}", tag = "trust", params(("file" = String, Path)),
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "No successor waits, or there is no such form"),
    )
)]
pub(crate) async fn certificate(
    State(app): State<Arc<App>>,
    client: Client,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("There is no such certificate.");
    let (name, form) = file.split_once('.').ok_or_else(unknown)?;
    let certificate = match name {
        "nanogate" => &app.ca.certificate,
        "nanogate-next" => app.ca.next.as_ref().ok_or_else(unknown)?,
        _ => return Err(unknown()),
    };
    let (kind, body) = match form {
        "pem" => ("application/x-pem-file", certificate.pem.clone().into_bytes()),
        "crt" => ("application/x-x509-ca-cert", certificate.der.clone()),
        "mobileconfig" => ("application/x-apple-aspen-config", certificate.mobileconfig.clone().into_bytes()),
        _ => return Err(unknown()),
    };
    let disposition = format!("attachment; filename=\"{name}.{form}\"");
    download(&app, client, kind, &disposition, body).await
}

async fn download(
    app: &Arc<App>,
    Client(client): Client,
    kind: &'static str,
    disposition: &str,
    body: Vec<u8>,
) -> Result<Response, Problem> {
    Command::begin(app, client, "ca_download")?.end(Ok(())).await?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let disposition = HeaderValue::from_str(disposition).map_err(|error| Problem::internal(&error))?;
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}
