//! The certificate authority, for every device in the office: what is given out here is public by nature.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use gate_core::UnixMicros;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::decide::access::Client;
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
    pem: String,
}

/// The certificate authority.
#[utoipa::path(get, path = "/api/v1/ca", tag = "trust", responses((status = 200, body = AuthorityView)))]
pub(crate) async fn about(State(app): State<Arc<App>>) -> Json<AuthorityView> {
    let ca = &app.ca;
    Json(AuthorityView {
        subject: ca.subject.clone(),
        fingerprint_sha256: ca.fingerprint_sha256.clone(),
        not_after: ca.not_after,
        permitted_names: ca.permitted_names.clone(),
        pem: ca.pem.clone(),
    })
}

/// The certificate as PEM.
#[utoipa::path(
    get, path = "/ca/nanogate.pem", tag = "trust",
    responses((status = 200, body = String, content_type = "application/x-pem-file"))
)]
pub(crate) async fn pem(State(app): State<Arc<App>>, client: Client) -> Result<Response, Problem> {
    let body = app.ca.pem.clone().into_bytes();
    download(&app, client, "application/x-pem-file", "attachment; filename=\"nanogate.pem\"", body).await
}

/// The certificate as DER, the form that Windows and Android open.
#[utoipa::path(
    get, path = "/ca/nanogate.crt", tag = "trust",
    responses((status = 200, body = Vec<u8>, content_type = "application/x-x509-ca-cert"))
)]
pub(crate) async fn der(State(app): State<Arc<App>>, client: Client) -> Result<Response, Problem> {
    let body = app.ca.der.clone();
    download(&app, client, "application/x-x509-ca-cert", "attachment; filename=\"nanogate.crt\"", body).await
}

/// The certificate as a configuration profile for Apple devices.
#[utoipa::path(
    get, path = "/ca/nanogate.mobileconfig", tag = "trust",
    responses((status = 200, body = String, content_type = "application/x-apple-aspen-config"))
)]
pub(crate) async fn mobileconfig(State(app): State<Arc<App>>, client: Client) -> Result<Response, Problem> {
    let body = app.ca.mobileconfig.clone().into_bytes();
    let disposition = "attachment; filename=\"nanogate.mobileconfig\"";
    download(&app, client, "application/x-apple-aspen-config", disposition, body).await
}

async fn download(
    app: &Arc<App>,
    Client(client): Client,
    kind: &'static str,
    disposition: &'static str,
    body: Vec<u8>,
) -> Result<Response, Problem> {
    Command::begin(app, client, "ca_download")?.end(Ok(())).await?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    Ok(response)
}
