"""Games with the protocol itself: upgrades, tunnels, smuggling, floods."""

import contextlib
import struct
import time

import planted
import pytest
from attacker import API, H2, PATH, Attacker, Refused, h1_request, h2_headers

SECRET = b'{"model":"m","messages":[{"role":"user","content":"to anna.meyer@example.org"}]}'
CLEAN = b'{"model":"m","messages":[{"role":"user","content":"hello"}]}'
WEBSOCKET = [
    "connection: Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
]


@pytest.fixture
def attacker(office):
    return Attacker(office)


def nothing_leaked(arrived):
    assert planted.leaks(arrived.wire) == []


UPGRADES = {
    "websocket": ("GET", "/v1/realtime?model=m", WEBSOCKET),
    "h2c": (
        "POST",
        PATH,
        ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAARAAAAAAAIAAAAA"],
    ),
    "tls inside": ("GET", "/", ["connection: upgrade", "upgrade: TLS/1.2"]),
    "connect-udp": ("GET", "/.well-known/masque/udp/192.0.2.1/443/", ["connection: upgrade", "upgrade: connect-udp"]),
}


@pytest.mark.parametrize("label", UPGRADES)
def test_an_upgrade_never_becomes_a_tunnel(attacker, arrived, label):
    method, path, headers = UPGRADES[label]
    tls = attacker.tls()
    status, _ = tls.exchange(h1_request(method=method, path=path, headers=headers))
    socket = label == "websocket"
    assert (status == 101) == socket, "only what is still inspected afterwards"
    # Raw bytes are no frames: what a tunnel would take ends a socket.
    try:
        tls.send(SECRET)
        tls.receive()
    except Refused:
        pass
    nothing_leaked(arrived)
    assert [request for request in arrived.requests if request["method"] == "MESSAGE"] == []


@pytest.mark.parametrize("target", ["api.openai.com:443", "www.example.com:443", "192.0.2.53:9443"])
def test_connect_inside_a_connection_is_refused(attacker, arrived, target):
    tls = attacker.tls()
    tls.send(f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n".encode())
    status, _ = tls.response()
    assert status is None or status >= 400
    assert arrived.requests == []


def test_websockets_over_h2_are_not_offered(attacker):
    """RFC 8441 section 3: without this setting a client opens its WebSocket over HTTP/1.1 at once."""
    h2 = H2(attacker.tls(alpn=("h2",)))
    while not (told := [e for e in h2.connection.receive_data(h2.tls.receive()) if "RemoteSettings" in type(e).__name__]):
        pass
    codes = {int(code) for code in told[0].changed_settings}
    assert codes and 0x8 not in codes


def test_connect_over_h2_is_refused(attacker, arrived):
    plain = [(":method", "CONNECT"), (":authority", f"{API}:443")]
    extended = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":path", "/v1/realtime"),
        (":authority", API),
    ]
    for headers in (plain, extended):
        h2 = H2(attacker.tls(alpn=("h2",)))
        outcome, _ = h2.outcome(h2.request(headers, SECRET, end=False))
        assert outcome in ("reset", "goaway", "closed") or outcome >= 400
    nothing_leaked(arrived)
    assert arrived.requests == []


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\nauthorization: Bearer k\r\n"
SMUGGLED = HEAD + b"content-length: %d\r\n\r\n" % len(SECRET) + SECRET
SMUGGLING = {
    "length and chunks": HEAD + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": HEAD
    + b"transfer-encoding: chunked\r\ncontent-length: %d\r\n\r\n0\r\n\r\n" % (5 + len(SMUGGLED))
    + SMUGGLED,
    "two lengths": HEAD + b"content-length: 0\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a list of lengths": HEAD + b"content-length: 0, %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    "a signed length": HEAD + b"content-length: +0\r\n\r\n" + SMUGGLED,
    "a negative length": HEAD + b"content-length: -1\r\n\r\n" + SMUGGLED,
    "chunked twice": HEAD + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and identity": HEAD + b"transfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a coding after chunked": HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a tab before chunked": HEAD + b"transfer-encoding:\tchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a space before the colon": HEAD + b"transfer-encoding : chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "bare line feeds": HEAD.replace(b"\r\n", b"\n") + b"content-length: 0\n\n" + SMUGGLED,
    "a bare carriage return": HEAD + b"x: a\rcontent-length: 0\r\n\r\n" + SMUGGLED,
    "a NUL in a header": HEAD + b"x: a\0b\r\ncontent-length: 0\r\n\r\n" + SMUGGLED,
    "a huge chunk": HEAD + b"transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n" + SECRET,
    "an overflowing chunk": HEAD + b"transfer-encoding: chunked\r\n\r\n10000000000000000\r\n" + SECRET,
    "a chunk extension": HEAD
    + b"transfer-encoding: chunked\r\n\r\n%x;x=y\r\n" % len(SECRET)
    + SECRET
    + b"\r\n0\r\n\r\n",
    "HTTP/1.0 with chunks": HEAD.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "HTTP/0.9": b"GET /\r\n" + SMUGGLED,
    "HTTP/2 preface on h1": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SMUGGLED,
    "two requests at once": HEAD + b"content-length: %d\r\n\r\n" % len(CLEAN) + CLEAN + SMUGGLED,
    "a body on GET": b"GET /v1/models HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n" % len(SECRET)
    + SECRET,
    "a body on HEAD": b"HEAD /v1/models HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n" % len(SECRET)
    + SECRET,
    "an unknown method": b"QUERY /v1/x HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n" % len(SECRET)
    + SECRET,
    "TE.0": b"OPTIONS / HTTP/1.1\r\nhost: api.openai.com\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(SMUGGLED)
    + SMUGGLED
    + b"\r\n0\r\n\r\n",
    "CL.0": b"OPTIONS /v1/models HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED)
    + SMUGGLED,
    "CL.0 on what has no body": b"GET /robots.txt HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: %d\r\n\r\n"
    % len(SMUGGLED)
    + SMUGGLED,
    "a secret in a trailer": HEAD
    + b"te: trailers\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n" % len(CLEAN)
    + CLEAN
    + b"\r\n0\r\nx-note: anna.meyer@example.org\r\n\r\n",
}


@pytest.mark.parametrize("label", SMUGGLING)
def test_smuggling_gets_nothing_past_the_scanner(attacker, arrived, label):
    tls = attacker.tls()
    tls.sock.settimeout(2)
    try:
        tls.send(SMUGGLING[label])
        while tls.receive():
            pass
    except Refused:
        pass
    tls.close()
    time.sleep(0.1)
    nothing_leaked(arrived)


def test_every_byte_on_its_own(attacker, arrived):
    """A request whose bytes arrive one by one is the same request."""
    tls = attacker.tls()
    for byte in h1_request(SECRET):
        tls.send(bytes([byte]))
    assert tls.response()[0] == 200
    assert arrived.only_request()["bytes"] == SECRET.replace(b"anna.meyer@example.org", b"[REDACTED_EMAIL]")


H2_HEADERS = {
    "a secret path that the pseudo headers contradict": [*h2_headers(), (":path", "/v1/other")],
    "two authorities": [*h2_headers(), (":authority", "www.example.com")],
    "an unknown pseudo header": [*h2_headers(), (":evil", "1")],
    "upper case": [*h2_headers(), ("X-Upper", "1")],
    "connection": [*h2_headers(), ("connection", "keep-alive")],
    "transfer-encoding": [*h2_headers(), ("transfer-encoding", "chunked")],
    "a line break": [*h2_headers(), ("x-a", "b\r\nhost: www.example.com")],
    "a line break in the path": h2_headers(path="/v1/chat/completions HTTP/1.1\r\nhost: www.example.com\r\n\r\n"),
    "a space in the path": h2_headers(path="/v1/chat/completions HTTP/1.1"),
    "another scheme": [(":scheme", "http") if name == ":scheme" else (name, value) for name, value in h2_headers()],
    "a length that is too short": [*h2_headers(), ("content-length", "5")],
    "a length that is too long": [*h2_headers(), ("content-length", "5000")],
}


@pytest.mark.parametrize("label", H2_HEADERS)
def test_header_games_over_h2(attacker, arrived, label):
    h2 = H2(attacker.tls(alpn=("h2",)))
    with contextlib.suppress(Refused):
        h2.outcome(h2.request(H2_HEADERS[label], SECRET))
    for request in arrived.requests:
        assert request["host"] == API
    nothing_leaked(arrived)


def frame(kind, flags, stream, payload=b""):
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def request_and_reset(h2, stream):
    """A request that is taken back at once (CVE-2023-44487)."""
    head = frame(1, 0x04, stream, h2.connection.encoder.encode(h2_headers()))
    return head + frame(3, 0, stream, struct.pack("!I", 8))


def made_to_reset(h2, stream):
    """A request that the server has to reset itself, by a window's update of nothing (CVE-2025-8671)."""
    head = frame(1, 0x04, stream, h2.connection.encoder.encode(h2_headers()))
    return head + frame(8, 0, stream, struct.pack("!I", 0))


def stuffed_head(stream):
    """4,000 bytes kept in HPACK's table, and called up 4,000 times: 16 MB of head in 4 KB."""
    literal = b"\x40\x01a\x7f\xa1\x1e" + b"v" * 4000
    return frame(1, 0x04, stream, b"\x83\x87\x84" + literal + b"\xbe" * 4000)


def opened(h2):
    return frame(1, 0x04, 1, h2.connection.encoder.encode(h2_headers()))


# Those that end the flooder's connection.
CUT = ("rapid reset", "made to reset", "continuation", "stuffed heads")
FLOODS = {
    "made to reset": lambda h2: (made_to_reset(h2, 2 * number + 1) for number in range(20000)),
    "stuffed heads": lambda h2: (stuffed_head(2 * number + 1) for number in range(2000)),
    "window updates": lambda h2: [opened(h2), *[frame(8, 0, 0, struct.pack("!I", 1))] * 50000],
    "empty data": lambda h2: [opened(h2), *[frame(0, 0, 1)] * 50000],
    "priorities": lambda h2: [opened(h2), *[frame(2, 0, 1, b"\0\0\0\0\x10")] * 50000],
    "rapid reset": lambda h2: (request_and_reset(h2, 2 * number + 1) for number in range(20000)),
    "continuation": lambda h2: [frame(1, 0x00, 1, b"\x82"), *[frame(9, 0, 1, b"\0" * 1000)] * 20000],
    "settings": lambda h2: [frame(4, 0, 0)] * 50000,
    "ping": lambda h2: [frame(6, 0, 0, b"12345678")] * 50000,
}


@pytest.mark.parametrize("label", FLOODS)
def test_floods_end_and_others_are_served(office, attacker, arrived, label):
    """Each is a known way to make an h2 server work for nothing; the puck closes, or takes it without noticing."""
    flooding = H2(attacker.tls(alpn=("h2",)))
    with contextlib.suppress(Refused, OSError):
        for data in FLOODS[label](flooding):
            flooding.tls.send(data)
    begun = time.monotonic()
    pid = office.puck.processes()["proxy"]
    with open(f"/proc/{pid}/statm") as statm:
        assert int(statm.read().split()[1]) * 4096 < 200 << 20, "the flood is collected in memory"
    if label in CUT:
        assert is_cut(flooding.tls), "the flooder goes on"
    assert office.chat("client-watched", "curl", {"prompt": "hello"})["error"] is None
    assert office.chat("client-inspected", "curl", {"prompt": planted.CHAT})["error"] is None
    assert time.monotonic() - begun < 10, "the flood held them up"
    assert len([r for r in arrived.requests if r["complete"]]) < 300, "the flood was passed on"
    nothing_leaked(arrived)


def is_cut(tls):
    """Whether the other side says GOAWAY with a fault, or closes."""
    said = b""
    tls.sock.settimeout(5)
    try:
        while data := tls.receive():
            said += data
    except Refused as refused:
        return str(refused) != "silence" or b"\x07\0\0\0\0\0" in said
    return True


def test_a_head_that_trickles_is_cut(attacker, arrived):
    """Byte by byte inside TLS, at a pace at which it would take hours."""
    tls = attacker.tls()
    tls.sock.settimeout(0.5)
    begun, head = time.monotonic(), iter(h1_request(SECRET) * 2)
    with pytest.raises(Refused) as cut:
        while time.monotonic() - begun < 25:
            tls.send(bytes([next(head)]))
            try:
                assert tls.receive() == b""
                raise Refused("closed")
            except Refused as refused:
                if str(refused) != "silence":
                    raise
    assert str(cut.value) in ("closed", "reset") and time.monotonic() - begun > 5
    nothing_leaked(arrived)


def test_a_request_that_never_ends_holds_nothing_else_up(office, attacker, arrived):
    held = [attacker.tls() for _ in range(20)]
    for tls in held:
        tls.send(h1_request(SECRET)[:-10])
    begun = time.monotonic()
    assert office.chat("client-inspected", "curl", {"prompt": "hello"})["error"] is None
    assert time.monotonic() - begun < 10, "unfinished requests held it up"
    for tls in held:
        tls.close()
    time.sleep(0.2)
    nothing_leaked(arrived)


def test_a_reader_that_never_reads_holds_nothing_else_up(office, attacker):
    """Back-pressure ends at its own connection; the answer is not collected in memory."""
    slow = attacker.tls()
    slow.send(
        h1_request(
            b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
            headers=["x-fake: pace=0,words=400000"],
        )
    )
    time.sleep(1)
    pid = office.puck.processes()["proxy"]
    with open(f"/proc/{pid}/statm") as statm:
        assert int(statm.read().split()[1]) * 4096 < 200 << 20
    assert office.chat("client-inspected", "curl", {"prompt": "hello"})["error"] is None
    slow.close()


def test_http2_towards_a_provider_that_speaks_only_http1(attacker, arrived):
    """The client's wish for h2 is not answered with an h2 that the provider does not have."""
    tls = attacker.tls("h1-only.openai.azure.com", alpn=("h2", "http/1.1"))
    assert tls.alpn == "http/1.1"
    with pytest.raises(Refused):
        attacker.tls("h1-only.openai.azure.com", alpn=("h2",))
    nothing_leaked(arrived)


@pytest.mark.parametrize("alpn", [("spdy/3",), ("http/1.0",), ("dot",)])
def test_other_protocols_are_not_spoken_past_the_scanner(attacker, arrived, alpn):
    with contextlib.suppress(Refused):
        attacker.tls(alpn=alpn).exchange(h1_request(SECRET))
    nothing_leaked(arrived)
