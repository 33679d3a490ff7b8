"""The address plan and the names of the virtual office, from the documentation ranges (RFC 5737, RFC 3849)."""

from dataclasses import dataclass

LAN = "192.0.2"
LAN6 = "2001:db8:1:"
NET = "203.0.113"
NET6 = "2001:db8:2:"

PUCK = f"{LAN}.53"
PUCK6 = f"{LAN6}:53"
ROUTER = 254
DNS = f"{NET}.53"
DOMAIN = "office.test"

# The last part of each client's addresses, v4 and v6.
CLIENTS = {"client-watched": 10, "client-inspected": 11, "client-denied": 12}


@dataclass(frozen=True)
class Name:
    """A name of the pretend internet: the last part of its addresses, and whether it has one in IPv6."""

    host: str
    at: int
    v6: bool = True


NAMES = [
    Name("api.openai.com", 10),
    Name("chatgpt.com", 10),
    Name("api.anthropic.com", 11),
    Name("claude.ai", 11),
    # Azure's wildcard group lends its names to the provider's faults (tests/support/provider/src/authority.rs).
    *(
        Name(f"{label}.openai.azure.com", 12, v6=False)
        for label in ("office", "expired", "wrong-name", "unknown-ca", "self-signed", "h1-only", "h2-only")
    ),
    Name("generativelanguage.googleapis.com", 13),
    Name("ollama.com", 14, v6=False),
    Name("bedrock-runtime.eu-central-1.amazonaws.com", 15, v6=False),
    Name("www.example.com", 80),
    Name("shop.example.net", 80),
    # An AI-looking name that no catalogue knows.
    Name("api.unknown-ai.example", 81),
]

# A public resolver with its true name and addresses, which in here lead to the pretend internet like everything else.
RESOLVER = "dns.google"
RESOLVER4 = "8.8.8.8"
RESOLVER6 = "2001:4860:4860::8888"

# Names that lead where a proxy must never dial: what a hostile DNS answer would say.
TRAPS = {
    "private.openai.azure.com": "10.0.0.5",
    "loopback.openai.azure.com": "127.0.0.1",
    "metadata.openai.azure.com": "169.254.169.254",
    "cgnat.openai.azure.com": "100.64.0.1",
    "puck.openai.azure.com": PUCK,
    "mapped.openai.azure.com": "::ffff:10.0.0.5",
    "nat64.openai.azure.com": "64:ff9b::a00:5",
    "ula.openai.azure.com": "fd00::5",
}

# Names that nobody has asked for, each at an address of its own where nothing answers (RFC 2544).
FRESH = {f"fresh{number}.openai.azure.com": f"198.18.0.{number}" for number in range(1, 21)}


def v4(last):
    return f"{NET}.{last}"


def v6(last):
    return f"{NET6}:{last}"


def addresses():
    """Every address of the provider host, once, in order."""
    lasts = sorted({name.at for name in NAMES})
    return [v4(last) for last in lasts] + [v6(last) for last in lasts]
