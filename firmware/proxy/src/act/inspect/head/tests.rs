use gate_core::{HostName, Reason};
use http::request::{Builder, Parts};
use http::{Method, Request, Version, header};

use super::{check, is_signed, readdress, strip_request, strip_response};

fn host() -> HostName {
    HostName::parse(b"api.example.com").unwrap()
}

fn parts(builder: Builder) -> Parts {
    builder.body(()).unwrap().into_parts().0
}

fn h1(uri: &str) -> Builder {
    Request::builder().uri(uri)
}

fn h2(uri: &str) -> Builder {
    Request::builder().version(Version::HTTP_2).uri(uri)
}

fn outcome(builder: Builder) -> Option<(u16, Reason)> {
    check(&parts(builder), &host()).err().map(|refusal| (refusal.status.as_u16(), refusal.reason))
}

#[test]
fn host_and_authority_must_be_the_connections() {
    let mismatch = || Some((421, Reason::HostMismatch));
    let bad = || Some((400, Reason::BadRequest));
    let rows = [
        ("plain", h1("/v1").header("host", "api.example.com"), None),
        ("port, case, dot", h1("/").header("host", "API.Example.com.:443"), None),
        ("absolute", h1("https://api.example.com/v1").header("host", "api.example.com"), None),
        ("h2 authority", h2("https://api.example.com/v1"), None),
        ("h2 both", h2("https://api.example.com/v1").header("host", "api.example.com"), None),
        ("h2 host only", h2("/v1").header("host", "api.example.com"), None),
        ("other host", h1("/").header("host", "evil.example"), mismatch()),
        ("other port", h1("/").header("host", "api.example.com:8443"), mismatch()),
        ("suffix", h1("/").header("host", "api.example.com.evil.example"), mismatch()),
        ("user info", h1("/").header("host", "api.example.com@evil.example"), mismatch()),
        ("IP literal", h1("/").header("host", "192.0.2.1"), mismatch()),
        ("absolute, other", h1("https://evil.example/").header("host", "api.example.com"), mismatch()),
        ("h2, other authority", h2("https://evil.example/"), mismatch()),
        ("h2, host against authority", h2("https://api.example.com/").header("host", "evil.example"), mismatch()),
        ("none", h1("/"), bad()),
        ("twice", h1("/").header("host", "api.example.com").header("host", "api.example.com"), bad()),
        ("absolute without Host", h1("https://api.example.com/"), bad()),
        ("http in the target", h1("http://api.example.com/").header("host", "api.example.com"), bad()),
    ];
    for (name, builder, want) in rows {
        assert_eq!(outcome(builder), want, "{name}");
    }
}

#[test]
fn a_path_that_hides_plain_letters_is_refused() {
    let hidden = ["/v1/%72ealtime", "/openai/%64eployments/x", "/%4dodel/x", "/v1/%2e%2E/x", "/a%2Db", "/a%5f", "/%31"];
    for path in hidden {
        let builder = h1(path).header("host", "api.example.com");
        assert_eq!(outcome(builder), Some((400, Reason::BadRequest)), "{path}");
    }
    // What has to be escaped, the tilde of old clients, what is no escape, and what a query says.
    for path in ["/model/a.b-v1%3A0/invoke", "/a%2Fb", "/a%20b", "/%7Ea", "/100%", "/%zz", "/%4", "/%2564", "/?x=%61"] {
        assert_eq!(outcome(h1(path).header("host", "api.example.com")), None, "{path}");
    }
}

#[test]
fn tunnels_upgrades_and_layered_transfer_codings_are_refused() {
    let plain = || h1("/").header("host", "api.example.com");
    let rows = [
        (plain().method(Method::CONNECT), 403),
        (plain().header("upgrade", "websocket").header("connection", "upgrade"), 426),
        (plain().header("upgrade", "h2c"), 426),
        (plain().header("transfer-encoding", "gzip, chunked"), 400),
        (plain().header("transfer-encoding", "chunked").header("transfer-encoding", "chunked"), 400),
        (plain().header("transfer-encoding", "xchunked"), 400),
    ];
    for (builder, status) in rows {
        assert_eq!(outcome(builder), Some((status, Reason::BadRequest)));
    }
    assert_eq!(outcome(plain().header("transfer-encoding", "Chunked")), None);
}

#[test]
fn signed_bodies_are_known_by_header_or_query() {
    let signed = [
        h1("/").header("authorization", "AWS4-HMAC-SHA256 Credential=x"),
        h1("/").header("authorization", "AWS4-ECDSA-P256-SHA256 Credential=x"),
        h1("/?X-Amz-Date=1&X-Amz-Signature=00"),
        h1("/").header("content-digest", "sha-256=:x:"),
        h1("/").header("signature-input", "sig1=()"),
    ];
    for builder in signed {
        let parts = parts(builder);
        assert!(is_signed(&parts), "{parts:?}");
    }
    assert!(!is_signed(&parts(h1("/?signature=x").header("authorization", "Bearer AWS4-"))));
}

#[test]
fn one_hops_headers_stay_behind() {
    let mut parts = parts(
        h1("https://api.example.com/v1?x=1")
            .header("host", "api.example.com")
            .header("connection", "keep-alive, X-Hop, Host, Content-Encoding")
            .header("x-hop", "1")
            .header("content-encoding", "gzip")
            .header("proxy-authorization", "Basic x")
            .header("authorization", "Bearer x")
            .header("te", "trailers")
            .header("expect", "100-continue")
            .header("transfer-encoding", "chunked"),
    );
    strip_request(&mut parts.headers);
    let mut names: Vec<&str> = parts.headers.keys().map(header::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "content-encoding", "host", "te"]);
    readdress(&mut parts, &host(), false);
    assert_eq!(parts.uri, "/v1?x=1");
    readdress(&mut parts, &host(), true);
    assert_eq!(parts.uri, "https://api.example.com/v1?x=1");
    assert_eq!(parts.version, Version::HTTP_2);
}

#[test]
fn answers_lose_alt_svc_and_their_hop() {
    let mut headers = http::HeaderMap::new();
    for (name, value) in
        [("alt-svc", "h3=\":443\""), ("connection", "close, x-hop"), ("x-hop", "1"), ("content-type", "text/plain")]
    {
        headers.append(header::HeaderName::from_static(name), value.parse().unwrap());
    }
    strip_response(&mut headers);
    assert_eq!(headers.len(), 1);
}
