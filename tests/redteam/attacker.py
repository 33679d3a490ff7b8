"""A client with bad intentions: TLS, HTTP/1.1 and HTTP/2 byte by byte, from a host of the office.

Nothing here is polite: names, lengths, records and headers are exactly what a test says they are.
"""

import contextlib
import socket
import ssl
import struct
import time

import h2.config
import h2.connection
import h2.events

import plan
import trust

API = "api.openai.com"
PATH = "/v1/chat/completions"
PATIENCE = 5
HANDSHAKE = 22
ALERT = 21
# RFC 8446, section 6.
ALERTS = {
    10: "unexpected_message",
    40: "handshake_failure",
    42: "bad_certificate",
    47: "illegal_parameter",
    49: "access_denied",
    50: "decode_error",
    70: "protocol_version",
    80: "internal_error",
    109: "missing_extension",
    112: "unrecognized_name",
}


class Refused(Exception):
    """The other side ended it: a TLS alert's name, `closed`, `reset` or `silence`."""


class Attacker:
    """Attacks from one host; each method opens a connection of its own."""

    def __init__(self, office, client="client-inspected"):
        self.host = office.hosts[client]
        self.roots = office.folder / f"etc/{client}/certs/{trust.BUNDLE}"

    def connect(self, address=plan.PUCK, port=443):
        with self.host.network():
            sock = socket.create_connection((address, port), PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def tls(self, name=API, alpn=("http/1.1",), deliver=None, address=plan.PUCK, verify=True):
        """A finished handshake; `deliver(sock, data)` decides how the first flight travels."""
        context = self.context(alpn)
        if not verify:
            context.verify_mode = ssl.CERT_NONE
        return Tls(self.connect(address), context, name, deliver)

    def context(self, alpn):
        context = ssl.create_default_context(cafile=self.roots)
        context.check_hostname = False
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def throw(self, data, address=plan.PUCK, port=443):
        """Raw bytes, then what came of it: the alert's name, `closed`, `reset`, `silence`, or the bytes."""
        with self.connect(address, port) as sock:
            try:
                sock.sendall(data)
                return ending(sock)
            except ConnectionError:
                return "reset"


class Tls:
    """A TLS client over memory, so that its bytes can be cut and delayed before they travel."""

    def __init__(self, sock, context, name, deliver):
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.deliver = deliver or (lambda sock, data: sock.sendall(data))
        self._drive(self.tls.do_handshake)
        self.deliver = lambda sock, data: sock.sendall(data)
        self.flush()

    def flush(self):
        if data := self.outgoing.read():
            self.deliver(self.sock, data)

    def _drive(self, step):
        while True:
            try:
                done = step()
                self.flush()
                return done
            except ssl.SSLWantReadError:
                self._fetch()
            except ssl.SSLError as error:
                raise Refused(error.reason or str(error)) from error

    def _fetch(self):
        try:
            self.flush()
            data = self.sock.recv(65536)
        except TimeoutError as error:
            raise Refused("silence") from error
        except ConnectionError as error:
            raise Refused("reset") from error
        if not data:
            raise Refused("closed")
        self.incoming.write(data)

    @property
    def alpn(self):
        return self.tls.selected_alpn_protocol()

    def send(self, data):
        try:
            self.tls.write(data)
            self.flush()
        except ConnectionError as error:
            raise Refused("reset") from error

    def receive(self):
        """Some bytes; empty at a clean end."""
        try:
            return self._drive(lambda: self.tls.read(65536))
        except Refused as error:
            if str(error) in ("closed", "reset"):
                return b""
            raise

    def exchange(self, request):
        """One HTTP/1.1 request as raw bytes; the status and body of the answer, None when there was none."""
        self.send(request)
        return self.response()

    def response(self):
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.receive()
            if not more:
                return None, data
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status == 101:
            return status, body
        return status, self._body(head.lower(), body)

    def _body(self, head, body):
        length = next((int(row[15:]) for row in head.split(b"\r\n") if row.startswith(b"content-length:")), None)
        ended = (lambda: len(body) >= length) if length is not None else (lambda: body.endswith(b"0\r\n\r\n"))
        while not ended():
            more = self.receive()
            if not more:
                break
            body += more
        return body

    def close(self):
        self.sock.close()


class H2:
    """HTTP/2 with headers that no library would let through."""

    def __init__(self, tls):
        self.tls = tls
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.flush()

    def flush(self):
        self.tls.send(self.connection.data_to_send())

    def request(self, headers, body=b"", *, end=True, pieces=None):
        """Sends one request; the number of its stream."""
        stream = self.connection.get_next_available_stream_id()
        parts = pieces if pieces is not None else ([body] if body else [])
        self.connection.send_headers(stream, headers, end_stream=end and not parts)
        for index, part in enumerate(parts):
            self.connection.send_data(stream, part, end_stream=end and index == len(parts) - 1)
            self.flush()
        self.flush()
        return stream

    def outcome(self, stream):
        """The status of a stream's answer with its body, or how it ended without one."""
        status, body = None, b""
        while True:
            data = self.tls.receive()
            if not data:
                return "closed", body
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.ConnectionTerminated):
                    return "goaway", body
                if getattr(event, "stream_id", stream) != stream:
                    continue
                if isinstance(event, h2.events.StreamReset):
                    return "reset", body
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                if isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
                if isinstance(event, h2.events.StreamEnded):
                    return status, body
            self.flush()


def ending(sock):
    """How a connection ends when the attacker only waits."""
    data = b""
    try:
        while more := sock.recv(4096):
            data += more
    except TimeoutError:
        return "silence"
    except ConnectionError:
        pass
    if len(data) >= 7 and data[0] == ALERT:
        return ALERTS.get(data[6], f"alert {data[6]}")
    return data or "closed"


def client_hello(name, alpn=("http/1.1",)):
    """The first flight for a name, as OpenSSL says it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def hello_naming(raw):
    """A ClientHello whose SNI holds exactly these bytes."""
    # Labels short enough for Python's own rules; what they are replaced with knows none.
    stand_in = "".join("." if at % 50 == 49 and at < len(raw) - 1 else "x" for at in range(len(raw)))
    hello = client_hello(stand_in)
    assert hello.count(stand_in.encode()) == 1
    return hello.replace(stand_in.encode(), raw)


def records(hello, size, version=b"\x03\x01"):
    """The same handshake message in records of at most `size` bytes."""
    message = hello[5:]
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(struct.pack("!B2sH", HANDSHAKE, version, len(part)) + part for part in parts)


def one_byte_segments(sock, data):
    for byte in data:
        sock.sendall(bytes([byte]))
        time.sleep(0.0005)


def one_byte_records(sock, data):
    """Only a first flight can be cut anew; what follows is encrypted."""
    sock.sendall(records(data, 1) if data[0] == HANDSHAKE and data[5] == 1 else data)


def h1_request(body=b"", *, host=API, method="POST", path=PATH, headers=()):
    rows = [
        f"{method} {path} HTTP/1.1",
        f"host: {host}",
        "authorization: Bearer sk-test",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


def h2_headers(*, authority=API, path=PATH, method="POST", extra=()):
    return [
        (":method", method),
        (":scheme", "https"),
        (":authority", authority),
        (":path", path),
        ("authorization", "Bearer sk-test"),
        ("content-type", "application/json"),
        *extra,
    ]
