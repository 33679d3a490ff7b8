"""The first bytes: whatever cannot be understood is refused, whatever means the same is understood."""

import os
import struct
import time

import plan
import planted
import pytest
from attacker import (
    API,
    Attacker,
    Refused,
    client_hello,
    h1_request,
    hello_naming,
    one_byte_records,
    one_byte_segments,
    records,
)

BODY = b'{"model":"m","messages":[{"role":"user","content":"to anna.meyer@example.org"}]}'
CLEAN = BODY.replace(planted.EMAIL.value.encode(), planted.EMAIL.placeholder.encode())


@pytest.fixture
def attacker(office):
    return Attacker(office)


@pytest.mark.parametrize("deliver", [None, one_byte_segments], ids=["whole", "one-byte-segments"])
@pytest.mark.parametrize("name", ["api.openai.com", "API.OpenAI.COM", "api.openai.com."])
def test_the_same_hello_in_another_form_is_understood(attacker, arrived, name, deliver):
    status, _ = attacker.tls(name, deliver=deliver).exchange(h1_request(BODY))
    assert status == 200
    assert arrived.only_request()["bytes"] == CLEAN


@pytest.mark.parametrize("size", [16, 64, 100])
def test_a_hello_in_small_records_is_understood(attacker, arrived, size):
    def deliver(sock, data):
        sock.sendall(records(data, size) if data[:1] == b"\x16" and data[5] == 1 else data)

    hello = client_hello(API)
    assert len(hello) / size < 64, "more records than a hello may have"
    status, _ = attacker.tls(deliver=deliver).exchange(h1_request(BODY))
    assert status == 200 and arrived.only_request()["bytes"] == CLEAN


def test_one_byte_records_are_more_than_a_hello_may_have(attacker, arrived):
    """512 records for one hello: nobody but an attacker sends that, and the cap is 64."""
    with pytest.raises(Refused):
        attacker.tls(deliver=one_byte_records)
    assert arrived.connections == []


REFUSED_NAMES = {
    "an address": b"203.0.113.10",
    "the puck's address": plan.PUCK.encode(),
    "a NUL": b"api.openai.com\0.evil.example",
    "a space": b"api openai.com",
    "an empty label": b"api..openai.com",
    "two trailing dots": b"api.openai.com..",
    "not ASCII": "äpi.openai.com".encode(),
    "a name that nobody steers": b"www.example.com",
    "a lookalike": b"api.openai.com.evil.example",
    "a suffix without a dot": b"evilapi-openai.com.example",
    "256 bytes": b"a" * 60 + b"." + b"b" * 60 + b"." + b"c" * 60 + b"." + b"d" * 60 + b".openai.com.",
    "a label of 64": b"a" * 64 + b".openai.com",
    # With a Cyrillic o, and with one that only looks encoded.
    "a homograph in punycode": "api.\u043epenai.com".encode("idna"),
    "a steered name as punycode": b"api.xn--openai-.com",
}

COVERED = {
    # Noise, as browsers send it to every site: the name is the real one.
    "a steered name": (API, None),
    "a name known to cover others": ("cloudflare-ech.com", "unrecognized_name"),
    "a name that nobody steers": ("www.example.com", "unrecognized_name"),
}


@pytest.mark.parametrize("label", COVERED)
def test_encrypted_client_hello_hides_no_destination(attacker, arrived, label):
    name, alert = COVERED[label]
    extension = struct.pack("!HHBHHBH", 0xFE0D, 10 + 32 + 144, 0, 1, 1, 7, 32) + os.urandom(32)
    extension += struct.pack("!H", 144) + os.urandom(144)
    outcome = attacker.throw(hello_with(lambda message: with_extension_length(message + extension), name))
    if alert is None:
        assert outcome == "silence", "an answer was said, and the next is the client's turn"
    else:
        assert outcome == alert
        assert arrived.connections == []


@pytest.mark.parametrize("label", REFUSED_NAMES)
def test_a_name_that_is_not_steered_goes_nowhere(attacker, arrived, label):
    outcome = attacker.throw(hello_naming(REFUSED_NAMES[label]))
    assert outcome in ("unrecognized_name", "decode_error", "illegal_parameter", "access_denied", "handshake_failure")
    assert arrived.connections == []


def test_no_name_on_the_pucks_own_address_is_the_admin_page(attacker, arrived):
    tls = attacker.tls(name=None, verify=False)
    status, body = tls.exchange(h1_request(method="GET", path="/healthz", host=plan.PUCK))
    assert status == 200, body
    assert arrived.connections == []


def hello_with(mutate, name=API):
    """A ClientHello after surgery on its handshake message; lengths are put right."""
    message = mutate(bytearray(client_hello(name)[9:]))
    body = struct.pack("!B", 1) + struct.pack("!I", len(message))[1:] + bytes(message)
    return b"\x16\x03\x01" + struct.pack("!H", len(body)) + body


def doubled_sni(message):
    """The server name extension twice, the second for another host."""
    extension = b"\0\0" + struct.pack("!HHBH", 14 + 5, 14 + 3, 0, 14) + b"api.openai.com"
    at = message.index(extension)
    message[at : at + len(extension)] = extension + extension.replace(b"api.openai.com", b"www.google.com")
    return with_extension_length(message)


def two_names(message):
    """One extension with two names in its list."""
    old = b"\0\0" + struct.pack("!HHBH", 19, 17, 0, 14) + b"api.openai.com"
    new = (
        b"\0\0"
        + struct.pack("!HHBH", 36, 34, 0, 14)
        + b"api.openai.com"
        + struct.pack("!BH", 0, 14)
        + b"www.google.com"
    )
    at = message.index(old)
    message[at : at + len(old)] = new
    return with_extension_length(message)


def with_extension_length(message):
    """Corrects the length before the extensions (RFC 8446, 4.1.2)."""
    at = 34
    at += 1 + message[at]
    at += 2 + struct.unpack_from("!H", message, at)[0]
    at += 1 + message[at]
    struct.pack_into("!H", message, at, len(message) - at - 2)
    return message


BROKEN = {
    "two server name extensions": lambda: hello_with(doubled_sni),
    "two names in one extension": lambda: hello_with(two_names),
    "cut inside": lambda: hello_with(lambda message: message[:-7]),
    "trailing bytes": lambda: hello_with(lambda message: message + b"\0\0\0"),
    "a ServerHello": lambda: b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    "an alert first": lambda: b"\x15\x03\x01\x00\x02\x01\x00",
    "application data first": lambda: b"\x17\x03\x03\x00\x10" + b"x" * 16,
    "an empty record": lambda: b"\x16\x03\x01\x00\x00" + client_hello(API),
    "a record of 20000": lambda: b"\x16\x03\x01\x4e\x20" + b"\x01" * 20000,
    "SSL 2": lambda: b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10" + b"\x01" * 40,
    "plain HTTP": lambda: b"POST / HTTP/1.1\r\nhost: api.openai.com\r\ncontent-length: 2\r\n\r\n{}",
    "HTTP/2 in the clear": lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 9,
    "SSH": lambda: b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "noise": lambda: os.urandom(2048),
    "a message of 16 MiB": lambda: b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"\0" * 16380,
    "a message just over the cap": lambda: records(
        b"\x16\x03\x01\0\0\x01" + struct.pack("!I", 70000)[1:] + b"\3\3" + bytes(69998), 16384
    ),
}


@pytest.mark.parametrize("label", BROKEN)
def test_what_cannot_be_understood_is_refused(attacker, arrived, label):
    begun = time.monotonic()
    outcome = attacker.throw(BROKEN[label]())
    assert outcome != "silence" and time.monotonic() - begun < 4.5, outcome
    assert not isinstance(outcome, bytes) or outcome.startswith((b"HTTP/1.1 4", b"\x15")), outcome[:64]
    assert arrived.connections == []


@pytest.mark.parametrize(
    "sent", [0, 1, 5, 60, -1], ids=["nothing", "one byte", "a record head", "a part", "all but one"]
)
def test_a_hello_that_never_ends_is_cut_off(attacker, arrived, sent):
    begun = time.monotonic()
    assert attacker.throw(client_hello(API)[:sent] if sent else b"") != "silence"
    assert 2 < time.monotonic() - begun < 4.5
    assert arrived.connections == []


def test_a_hello_that_trickles_is_cut_off_in_the_same_time(attacker, arrived):
    """The clock runs from accept: a byte now and then does not wind it up again."""
    begun = time.monotonic()
    with attacker.connect() as sock:
        try:
            for byte in client_hello(API):
                sock.sendall(bytes([byte]))
                time.sleep(0.1)
        except ConnectionError:
            pass
    assert time.monotonic() - begun < 5
    assert arrived.connections == []


def test_many_silent_connections_do_not_keep_others_out(office, attacker):
    """One client holds as many as it may; another is served at once."""
    held = []
    try:
        for _ in range(300):
            held.append(attacker.connect())
    except OSError:
        pass
    try:
        begun = time.monotonic()
        assert office.chat("client-watched", "curl", {"prompt": "hello"})["error"] is None
        assert time.monotonic() - begun < 2
    finally:
        for sock in held:
            sock.close()
