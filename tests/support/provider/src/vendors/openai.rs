//! OpenAI, as `api.openai.com` and as Azure serve it: chat completions and responses.

mod chat;
mod responses;

use serde_json::{Value, json};

use self::chat::Chat;
use self::responses::Responses;
use super::Vendor;
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves, answer, error };

const CREATED: u64 = 1_767_225_600;

fn serves(host: &str) -> bool {
    host == "api.openai.com" || host.ends_with(".api.openai.com") || host.ends_with(".openai.azure.com")
}

fn answer(request: &Arrived) -> Answer {
    let api = if request.path.ends_with("/chat/completions") {
        complete
    } else if request.path.ends_with("/responses") {
        respond
    } else if request.path.ends_with("/models") {
        models
    } else {
        let said = format!("Invalid URL ({} {})", request.method, request.path);
        return problem(404, "invalid_request_error", None, &said);
    };
    let wanted = if request.path.ends_with("/models") { http::Method::GET } else { http::Method::POST };
    if request.method != wanted {
        let said = format!("Not allowed. (HINT: use {wanted})");
        return problem(405, "invalid_request_error", Some("method_not_supported"), &said);
    }
    let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if bearer.or(request.header("api-key")).is_none_or(str::is_empty) {
        return problem(401, "invalid_request_error", Some("invalid_api_key"), "You didn't provide an API key.");
    }
    api(request).unwrap_or_else(|why| problem(400, "invalid_request_error", None, why)).with_headers()
}

fn complete(request: &Arrived) -> Result<Answer, &'static str> {
    let chat = Chat::read(&request.body)?;
    Ok(if chat.stream { Answer::events(chat.events(request)) } else { Answer::json(200, &chat.completion(request)) })
}

fn respond(request: &Arrived) -> Result<Answer, &'static str> {
    let asked = Responses::read(&request.body)?;
    Ok(if asked.stream { Answer::events(asked.events(request)) } else { Answer::json(200, &asked.response(request)) })
}

fn models(_: &Arrived) -> Result<Answer, &'static str> {
    let model = |id: &str| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "system" });
    let data: Vec<Value> = ["gpt-5", "gpt-5-mini"].map(model).into();
    Ok(Answer::json(200, &json!({ "object": "list", "data": data })))
}

fn error(status: u16) -> Answer {
    match status {
        429 => problem(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached for requests"),
        503 => problem(503, "server_error", Some("overloaded"), "The engine is currently overloaded"),
        _ => problem(status, "server_error", None, "The server had an error while processing your request."),
    }
    .with_headers()
}

fn problem(status: u16, kind: &str, code: Option<&str>, message: &str) -> Answer {
    let error = json!({ "message": message, "type": kind, "param": null, "code": code });
    Answer::json(status, &json!({ "error": error }))
}

impl Answer {
    fn with_headers(mut self) -> Self {
        self.headers.push(("openai-version", "2020-10-01".to_owned()));
        self.headers.push(("x-request-id", "req_6f0d2c7b9a5e4f318d20c4e1b7a39f58".to_owned()));
        self
    }
}
