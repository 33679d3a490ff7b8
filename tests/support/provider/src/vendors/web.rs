//! Everything that is not AI: a small web site.

use serde_json::json;

use super::Vendor;
use crate::accept::Scheme;
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves: |_| true, answer, error };

fn answer(request: &Arrived) -> Answer {
    if request.method != http::Method::GET {
        // A form or an upload: accepted like any web shop would.
        return Answer::json(200, &json!({ "ok": true, "received": request.body.len() }));
    }
    let scheme = if request.scheme == Scheme::Https { "https" } else { "http" };
    let page = format!("<!doctype html><title>{0}</title><h1>Example page</h1><p>{scheme}://{0}</p>\n", request.host);
    Answer::whole(200, "text/html; charset=utf-8", page.into())
}

fn error(status: u16) -> Answer {
    Answer::whole(status, "text/html; charset=utf-8", format!("<!doctype html><h1>{status}</h1>\n").into())
}
