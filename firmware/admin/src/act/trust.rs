//! The certificate authority, for every device in the office: what is given out here is public by nature.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use gate_core::UnixMicros;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::decide::access::Client;
use crate::ports::CaCertificate;
use crate::problem::Problem;
use crate::record::Command;

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
    pem: String,
    /// What is to be installed before `nanogate ca activate` lets it take over.
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
        pem: certificate.pem.clone(),
        next: ca.next.as_ref().map(successor),
    })
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
