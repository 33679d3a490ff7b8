//! The API document: OpenAPI 3.1, made from the handlers themselves.

use std::sync::LazyLock;

use http::header;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::act::{events, fallbacks, inspect, metrics, overview, page, policy, session, tokens, trust};
use crate::decide::sessions::COOKIE;
use crate::live::recent::LineDocument;
use crate::problem::ProblemDocument;

/// The document of every address here.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nano-Gate",
        description = "Admin and inspection API of the puck. Errors are problem documents (RFC 9457).",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    servers((url = "/")),
    paths(
        session::look, session::claim, session::sign_in, session::sign_out,
        overview::status, overview::overview, overview::healthz,
        events::records, events::events,
        tokens::list, tokens::create, tokens::revoke,
        fallbacks::list, fallbacks::revoke,
        policy::look, policy::replace,
        inspect::inspect,
        trust::about, trust::activate, trust::certificate,
        metrics::metrics,
        document, page::index, page::file, page::asset,
    ),
    components(schemas(ProblemDocument<'static>, LineDocument<'static>)),
    modifiers(&Everywhere),
)]
struct Api;

/// What holds for every operation: how one signs in, and what an error looks like.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let cookie = ApiKeyValue::with_description(COOKIE, "Set by `/api/v1/claim` and `/api/v1/sign-in`.");
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Problem")))).build();
        let problem = ResponseBuilder::new()
            .description("The request was not carried out")
            .content("application/problem+json", content)
            .build();
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten() {
                operation.responses.responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            }
        }
    }
}

static DOCUMENT: LazyLock<String> =
    LazyLock::new(|| Api::openapi().to_json().expect("a document of strings always serialises"));

/// This document.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operation",
    responses((status = 200, body = Object, content_type = "application/json"))
)]
pub(crate) async fn document() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::DOCUMENT;
    use crate::act::routes;

    fn document() -> Value {
        serde_json::from_str(&DOCUMENT).unwrap()
    }

    #[test]
    fn every_address_is_in_the_document_and_no_other() {
        let routed: BTreeSet<String> = routes()
            .iter()
            .flat_map(|route| route.methods.iter().map(|method| format!("{method} {}", route.path)))
            .collect();
        let document = document();
        let documented: BTreeSet<String> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
            .collect();
        assert_eq!(routed, documented);
    }

    #[test]
    fn it_is_openapi_3_1_without_loose_ends() {
        let document = document();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        let text = DOCUMENT.as_str();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = &reference[..reference.find('"').unwrap()];
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                assert!(operation["summary"].is_string(), "{method} {path} has no words");
                assert!(operation["responses"]["default"].is_object(), "{method} {path} has no problem document");
            }
        }
    }
}
