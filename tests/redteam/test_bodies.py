"""The same secrets in every disguise a JSON API understands: refused, or clean at the provider."""

import base64
import bz2
import contextlib
import gzip
import io
import json
import subprocess
import sys
import unicodedata
import urllib.parse
import zlib
from pathlib import Path

import planted
import pytest
from attacker import H2, Attacker, Refused, h1_request, h2_headers

EMAIL, CARD = planted.EMAIL.value, planted.CARD.value
KEY = planted.openai_key(seed=7)
NODE = Path(sys.executable).parent / "node"
SECRETS = [*planted.EVERY, planted.Planted(KEY, "[REDACTED_API_KEY]")]


@pytest.fixture
def attacker(office):
    return Attacker(office)


def escaped(text):
    """Every character as \\uXXXX."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def chat(content):
    """A body around content that is already JSON."""
    return f'{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}'.encode()


def prose(text):
    return chat(json.dumps(text))


def turns(*said):
    return json.dumps({"model": "m", "messages": [{"role": role, "content": text} for role, text in said]}).encode()


def nested(text, times):
    for _ in range(times):
        text = json.dumps({"v": text})
    return prose(text)


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def b64(text):
    return base64.b64encode(text.encode()).decode()


# What must not be readable at the provider, in plain or by undoing the same disguise.
DISGUISES = {
    "in the clear": prose(f"mail {EMAIL} now"),
    "all in \\u escapes": chat(f'"mail {escaped(EMAIL)} now"'),
    "one letter in a \\u escape": chat(f'"mail {EMAIL.replace("@", chr(92) + "u0040")} now"'),
    "upper case hexadecimal": chat(f'"mail {EMAIL.replace("n", chr(92) + "u006E")} now"'),
    "an escaped slash before it": chat(f'"see \\/{EMAIL}\\/ now"'),
    "in a second message": (turns(("user", "hi"), ("user", f"card {CARD}"))),
    "in an assistant message": (turns(("assistant", f"I wrote to {EMAIL}"), ("user", "ok"))),
    "in tool arguments": (
        json.dumps(
            {
                "model": "m",
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "1",
                                "type": "function",
                                "function": {"name": "send", "arguments": json.dumps({"to": EMAIL, "n": 1})},
                            }
                        ],
                    },
                    {"role": "tool", "tool_call_id": "1", "content": "ok"},
                ],
            }
        ).encode()
    ),
    "in a tool's description": json.dumps(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "x"}],
            "tools": [
                {"type": "function", "function": {"name": "f", "description": f"Mails {EMAIL}", "parameters": {}}}
            ],
        }
    ).encode(),
    "in a content part": chat(json.dumps([{"type": "text", "text": f"mail {EMAIL}"}])),
    "in a key": prose("x")[:-1] + f',"metadata":{{"{EMAIL}":"1"}}}}'.encode(),
    "in a field nobody knows": prose("x")[:-1] + f',"vendor_extension":{{"deep":[[["{EMAIL}"]]]}}}}'.encode(),
    "in the user field": prose("x")[:-1] + f',"user":"{EMAIL}"}}'.encode(),
    "JSON in JSON": nested(EMAIL, 2),
    "JSON in JSON in JSON": nested(EMAIL, 3),
    "in base64": prose(f"attached: {b64('From: ' + EMAIL + ', card ' + CARD)}"),
    "in base64url": prose(f"attached: {base64.urlsafe_b64encode(('key ' + KEY).encode()).decode()}"),
    "in base64 of base64": prose(f"attached: {b64(b64('key ' + KEY))}"),
    "in a data URL": chat(
        json.dumps([{"type": "file", "file": {"file_data": "data:text/plain;base64," + b64(f"mail {EMAIL}")}}])
    ),
    "in hexadecimal": prose(f"bytes {('key ' + KEY).encode().hex()}"),
    "percent-encoded": prose(f"see https://x.example/?to={urllib.parse.quote(EMAIL, safe='')}"),
    "with zero-width spaces": prose(f"mail {EMAIL[:4]}\u200b{EMAIL[4:]}"),
    "in full-width letters": prose(f"card {full_width(CARD)}"),
    "with no-break spaces": prose(f"card {CARD.replace(' ', chr(0xA0))}"),
    "in white space": b" \r\n\t" + prose(f"mail {EMAIL}") + b"\n\n",
    "as the second of two equal keys": (
        f'{{"model":"m","messages":[{{"role":"user","content":"x","content":"mail {EMAIL}"}}]}}'.encode()
    ),
    "as the first of two equal keys": (
        f'{{"model":"m","messages":[{{"role":"user","content":"mail {EMAIL}","content":"x"}}]}}'.encode()
    ),
    "after a byte order mark": b"\xef\xbb\xbf" + prose(f"mail {EMAIL}"),
    "in UTF-16": prose(f"mail {EMAIL}").decode().encode("utf-16"),
    "in UTF-16 without a mark": prose(f"mail {EMAIL}").decode().encode("utf-16-le"),
    "in UTF-32": prose(f"mail {EMAIL}").decode().encode("utf-32"),
    "in broken UTF-8": b'{"model":"m","messages":[{"role":"user","content":"\xff\xfe mail ' + EMAIL.encode() + b'"}]}',
    "in cut JSON": prose(f"mail {EMAIL}")[:-3],
    "after the end of the JSON": prose("x") + f"\nmail {EMAIL}".encode(),
    "in two documents": prose("x") + b"\n" + prose(f"mail {EMAIL}"),
    "not JSON at all": f"to={EMAIL}&card={urllib.parse.quote(CARD)}".encode(),
    "in comments": b"/* " + EMAIL.encode() + b" */" + prose("x"),
    "very deep": b"[" * 3000 + json.dumps(EMAIL).encode() + b"]" * 3000,
    "ten thousand deep": b'{"model":"m","x":' + b"[" * 10000 + json.dumps(EMAIL).encode() + b"]" * 10000 + b"}",
    "behind huge numbers": prose(f"mail {EMAIL}")[:-1] + b',"n":[1e999999,-0.0,' + b"9" * 50000 + b"]}",
    "before a stored prompt": prose(f"mail {EMAIL}")[:-1] + b',"prompt":{"id":"pmpt_1"}}',
    "at the end of a large prompt": prose("lorem ipsum " * 20000 + EMAIL),
    "across a boundary of 64 KiB": prose("x" * (65536 - 60) + f" {EMAIL} "),
    "many times": prose(f"{EMAIL} " * 500),
}


def readable(data):
    """The planted values in some bytes as a provider could read them, whatever the coding."""
    texts = [data.decode(coding, "ignore") for coding in ("utf-8", "utf-16", "utf-16-le", "utf-32")]
    with contextlib.suppress(ValueError, RecursionError):
        texts.append(json.dumps(json.loads(texts[0]), ensure_ascii=False))
    texts += [urllib.parse.unquote(text) for text in texts]
    texts += [unicodedata.normalize("NFKC", text).replace("\u200b", "") for text in texts]
    views = [text.encode("utf-8", "ignore") for text in texts]
    for token in texts[0].replace('"', " ").replace(",", " ").replace("\\", " ").split():
        views += undone(token)
    return sorted({leak for view in views for leak in planted.leaks(view, SECRETS)})


def undone(token, depth=2):
    """What a token says in base64 or hexadecimal, twice over."""
    for decode in (
        lambda t: base64.b64decode(t + "=" * (-len(t) % 4)),
        lambda t: base64.urlsafe_b64decode(t + "=" * (-len(t) % 4)),
        bytes.fromhex,
    ):
        try:
            plain = decode(token)
        except ValueError:
            continue
        yield plain
        if depth > 1:
            yield from undone(plain.decode("ascii", "ignore"), depth - 1)


@pytest.mark.parametrize("label", DISGUISES)
def test_the_test_sees_through_its_own_disguise(label):
    """Without this the next test could pass by blindness."""
    assert readable(DISGUISES[label]), label


@pytest.mark.parametrize("label", DISGUISES)
def test_a_disguised_secret_is_refused_or_clean(attacker, arrived, label):
    status, _ = attacker.tls().exchange(h1_request(DISGUISES[label]))
    assert status is not None, "an answer, whatever it says"
    for request in arrived.requests:
        assert readable(request["bytes"]) == []
    assert planted.leaks(arrived.wire, SECRETS) == []


@pytest.mark.parametrize(
    "label", ["in the clear", "all in \\u escapes", "in tool arguments", "in base64", "in a second message"]
)
def test_the_same_over_h2(attacker, arrived, label):
    body = DISGUISES[label]
    h2 = H2(attacker.tls(alpn=("h2",)))
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    status, _ = h2.outcome(h2.request(h2_headers(), pieces=pieces))
    assert status == 200
    assert readable(arrived.only_request()["bytes"]) == []


ESCAPED = chat(f'"mail {escaped(EMAIL)} now"')
FORM = b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n'
# What the head says of a body that a server may read otherwise; and whether it is refused rather than cleaned.
SAID = {
    "JSON as text": (["content-type: text/plain"], ESCAPED, False),
    "JSON as a form": (["content-type: application/x-www-form-urlencoded"], ESCAPED, False),
    "JSON as a picture": (["content-type: image/png"], ESCAPED, False),
    "JSON as bytes": (["content-type: application/octet-stream"], ESCAPED, False),
    "JSON as lines": (["content-type: application/x-ndjson"], ESCAPED, False),
    "JSON as parts": (["content-type: multipart/form-data; boundary=x"], ESCAPED, False),
    "JSON before parts": (["content-type: multipart/form-data; boundary=x"], ESCAPED + b"\r\n" + FORM, True),
    "nothing said": ([], ESCAPED, False),
    "UTF-7": (["content-type: application/json; charset=utf-7"], prose(EMAIL.replace("@", "+AEA-")), True),
    "UTF-7 said last": (
        ["content-type: application/json; charset=utf-8; charset=utf-7"],
        prose(EMAIL.replace("@", "+AEA-")),
        True,
    ),
    "EBCDIC": (["content-type: application/json; charset=cp037"], ESCAPED, True),
    "two types": (["content-type: application/json", "content-type: image/png"], ESCAPED, True),
    "UTF-16": (["content-type: application/json"], ESCAPED.decode().encode("utf-16"), True),
    "UTF-16 as bytes": (["content-type: application/octet-stream"], ESCAPED.decode().encode("utf-16-be"), True),
    "UTF-32 as a picture": (["content-type: image/png"], ESCAPED.decode().encode("utf-32-le"), True),
    "a part that hides its name": (
        ["content-type: multipart/form-data; boundary=x"],
        FORM.replace(b'name="a"', b"name*=utf-8''model"),
        True,
    ),
}


@pytest.mark.parametrize("label", SAID)
def test_what_a_body_is_said_to_be_hides_nothing(attacker, arrived, label):
    headers, body, is_refused = SAID[label]
    request = h1_request(body, headers=headers).replace(b"content-type: application/json\r\n", b"", 1)
    status, _ = attacker.tls().exchange(request)
    assert (status >= 400) == is_refused, status
    for request in arrived.requests:
        assert readable(request["bytes"]) == []
    assert len(arrived.requests) == (0 if is_refused else 1)


def test_a_secret_is_found_wherever_its_chunks_are_cut(attacker, arrived):
    body = ESCAPED
    tls = attacker.tls()
    head = h1_request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    for at in range(1, len(body)):
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:at], body[at:]))
        status, _ = tls.exchange(head + chunks + b"0\r\n\r\n")
        assert status == 200, at
    assert len(arrived.requests) == len(body) - 1
    assert {request["bytes"] for request in arrived.requests} == {chat('"mail [REDACTED_EMAIL] now"')}


def bomb(size):
    """A body that is mostly nothing, far over every ratio."""
    return gzip.compress(prose("A" * size))


def by_node(pack, body):
    """Packed as the programs on the other side do it."""
    script = f"process.stdout.write(require('node:zlib').{pack}(require('node:fs').readFileSync(0)))"
    return subprocess.run([NODE, "-e", script], input=body, stdout=subprocess.PIPE, check=True).stdout


def deflated(body):
    """Raw deflate, the way some servers take `deflate`."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def zstd(body):
    return by_node("zstdCompressSync", body)


def two_members(body):
    """Two gzip members, the secret in the second."""
    return gzip.compress(body[:20]) + gzip.compress(body[20:])


SECRET = prose(f"mail {EMAIL}, card {CARD}")
CODED = {
    "a bomb of 100 MiB": ("gzip", lambda: bomb(100 << 20)),
    "a brotli bomb of 64 MiB": ("br", lambda: by_node("brotliCompressSync", prose("A" * (64 << 20)))),
    "a zstd bomb of 64 MiB": ("zstd", lambda: zstd(prose("A" * (64 << 20)))),
    "brotli": ("br", lambda: by_node("brotliCompressSync", SECRET)),
    "zstd": ("zstd", lambda: zstd(SECRET)),
    "brotli in gzip": ("br, gzip", lambda: gzip.compress(by_node("brotliCompressSync", SECRET))),
    "a bomb of 1 GiB in two layers": ("gzip, gzip", lambda: gzip.compress(gzip.compress(prose("A" * (64 << 20))))),
    "gzip twice": ("gzip, gzip", lambda: gzip.compress(gzip.compress(SECRET))),
    "gzip under another name": ("x-gzip", lambda: gzip.compress(SECRET)),
    "upper case": ("GZIP", lambda: gzip.compress(SECRET)),
    "a coding nobody knows": ("bzip2", lambda: bz2.compress(SECRET)),
    "said to be gzip and not": ("gzip", lambda: SECRET),
    "gzip and not said": ("", lambda: gzip.compress(SECRET)),
    "identity": ("identity", lambda: SECRET),
    "raw deflate": ("deflate", lambda: deflated(SECRET)),
    "two gzip members": ("gzip", lambda: two_members(SECRET)),
    "rubbish after the end": ("gzip", lambda: gzip.compress(prose("x")) + SECRET),
    "cut short": ("gzip", lambda: gzip.compress(SECRET)[:-6]),
    "a wrong checksum": ("gzip", lambda: gzip.compress(SECRET)[:-8] + b"\0" * 8),
}


def unpacked(data):
    """What a tolerant provider could make of some bytes."""
    yield data
    for wbits in (31, 15, -15):
        plain = b""
        rest = data
        while rest:
            decoder = zlib.decompressobj(wbits)
            try:
                plain += decoder.decompress(rest, 1 << 22)
            except zlib.error:
                break
            rest = decoder.unused_data
        if plain:
            yield plain
            if wbits == 31:
                yield from unpacked(plain)


@pytest.mark.parametrize("label", CODED)
def test_content_codings_hide_nothing(office, attacker, arrived, label):
    coding, make = CODED[label]
    headers = [f"content-encoding: {coding}"] if coding else []
    body = make()
    before = resident(office)
    status, _ = attacker.tls().exchange(h1_request(body, headers=headers))
    assert status is not None
    for request in arrived.requests:
        for view in unpacked(request["bytes"]):
            assert planted.leaks(view) == []
    if "bomb" in label:
        assert status in (400, 403, 413, 415), status
        assert arrived.requests == []
        assert resident(office) - before < 80 << 20, "the bomb went off in memory"


def resident(office):
    pid = office.puck.processes()["proxy"]
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def test_an_endless_body_is_cut_off(office, attacker, arrived):
    """A body past every cap: an answer or a close while it is still being sent, and flat memory."""
    tls = attacker.tls()
    before = resident(office)
    head = h1_request(b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    chunk = b"%x\r\n" % (1 << 20) + b"A" * (1 << 20) + b"\r\n"
    tls.send(head)
    sent = 0
    with contextlib.suppress(Refused, TimeoutError):
        while sent < 512:
            tls.send(chunk)
            sent += 1
    assert sent < 200, "half a gigabyte was taken in"
    assert resident(office) - before < 120 << 20
    assert arrived.wire.count(b"A") < 1000


def test_multipart_uploads_are_looked_into(attacker, arrived):
    boundary = "b0undary"
    part = io.BytesIO()
    part.write(f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'.encode())
    part.write(f"mail {EMAIL}, card {CARD}\r\n--{boundary}--\r\n".encode())
    request = h1_request(part.getvalue(), path="/v1/files").replace(
        b"application/json", f"multipart/form-data; boundary={boundary}".encode()
    )
    status, _ = attacker.tls().exchange(request)
    assert status is not None
    received = arrived.only_request()["bytes"]
    assert planted.leaks(received) == [] and b"[REDACTED_EMAIL]" in received and b"[REDACTED_CARD]" in received
    assert received.startswith(f"--{boundary}\r\n".encode()) and received.endswith(f"--{boundary}--\r\n".encode())


@pytest.mark.parametrize("where", ["query", "fragment of the path"])
def test_a_secret_in_the_target_is_refused(attacker, arrived, where):
    quoted = urllib.parse.quote(f"{EMAIL}")
    path = f"/v1/chat/completions?q={quoted}" if where == "query" else f"/v1/files/{EMAIL}"
    attacker.tls().exchange(h1_request(prose("x"), path=path))
    for request in arrived.requests:
        assert EMAIL not in urllib.parse.unquote(request["target"])
