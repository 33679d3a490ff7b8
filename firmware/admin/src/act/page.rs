//! The web page, built into the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// One file of the page, in each encoding it was built in.
struct Asset {
    /// Such as `assets/index-D3adB33f.js`.
    path: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Their entity tags, in the order of [`ASSETS`].
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| ASSETS.iter().map(|asset| tag(asset.plain)).collect());

/// The page.
#[utoipa::path(get, path = "/", tag = "page", responses((status = 200, body = String, content_type = "text/html")))]
pub(crate) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    serve("index.html", &headers)
}

/// A file beside the page, such as its icon.
#[utoipa::path(
    get, path = "/{file}", tag = "page", params(("file" = String, Path, description = "Name of a file of the page")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(crate) async fn file(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&file, &headers)
}

/// A script or style sheet of the page; its name changes with its content.
#[utoipa::path(
    get, path = "/assets/{file}", tag = "page",
    params(("file" = String, Path, description = "Name of a file of the page")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"))
)]
pub(crate) async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&format!("assets/{file}"), &headers)
}

fn serve(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let place = ASSETS.iter().position(|asset| asset.path == path);
    let place = place.ok_or_else(|| Problem::not_found("Nothing stands at this address."))?;
    let (asset, tag) = (&ASSETS[place], &TAGS[place]);
    let (encoding, body) = negotiate(asset, headers);
    let unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|known| matches(known, tag));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let mut set = |name: HeaderName, value| response.headers_mut().insert(name, value);
    set(header::ETAG, tag.clone());
    set(header::VARY, HeaderValue::from_static("accept-encoding"));
    set(header::CACHE_CONTROL, HeaderValue::from_static(caching(path)));
    if !unchanged {
        set(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
        if let Some(encoding) = encoding {
            set(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    Ok(response)
}

/// What has its content's hash in its name never changes; the rest is asked for again each time.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

/// The smallest form that the client reads.
fn negotiate(asset: &Asset, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let reads = |name: &str| {
        accepted.split(',').any(|part| {
            let mut words = part.split(';').map(str::trim);
            words.next() == Some(name) && !words.any(|quality| matches!(quality, "q=0" | "q=0.0"))
        })
    };
    match (asset.brotli, asset.gzip) {
        (Some(brotli), _) if reads("br") => (Some("br"), brotli),
        (_, Some(gzip)) if reads("gzip") => (Some("gzip"), gzip),
        _ => (None, asset.plain),
    }
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let digest: String = Sha256::digest(bytes)[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    // Weak: the encodings share it.
    HeaderValue::try_from(format!("W/\"{digest}\"")).expect("hexadecimal is made of header bytes")
}

fn matches(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let ours = tag.to_str().unwrap_or_default();
    known.to_str().is_ok_and(|known| known.split(',').any(|one| one.trim() == ours))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode, header};

    use super::{ASSETS, Asset, negotiate, serve};

    fn accepting(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_best_encoding_that_the_client_reads_is_sent() {
        let asset = Asset { path: "x.js", kind: "text/javascript", plain: b"p", gzip: Some(b"g"), brotli: Some(b"b") };
        for (accept, encoding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip;q=1.0, br;q=0", Some("gzip")),
            ("gzip", Some("gzip")),
            ("deflate", None),
            ("", None),
        ] {
            assert_eq!(negotiate(&asset, &accepting(accept)).0, encoding, "{accept}");
        }
    }

    #[test]
    fn the_page_is_here_and_knows_when_it_is_known() {
        let response = serve("index.html", &accepting("br")).unwrap();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        let known = HeaderMap::from_iter([(header::IF_NONE_MATCH, response.headers()[header::ETAG].clone())]);
        assert_eq!(serve("index.html", &known).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve("../Cargo.toml", &known).unwrap_err().status, StatusCode::NOT_FOUND);
    }

    #[test]
    fn scripts_and_styles_are_compressed_and_cached_for_good() {
        let large: Vec<_> = ASSETS.iter().filter(|asset| asset.path.starts_with("assets/")).collect();
        assert!(large.len() >= 2, "a script and a style sheet");
        for asset in large {
            assert!(asset.brotli.is_some_and(|brotli| brotli.len() < asset.plain.len()), "{}", asset.path);
            let response = serve(asset.path, &accepting("br")).unwrap();
            assert_eq!(response.headers()[header::CONTENT_ENCODING], "br");
            assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        }
    }
}
