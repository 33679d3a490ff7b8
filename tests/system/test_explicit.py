"""The CONNECT proxy on 8080: servers and agents that name it themselves go down the same corridor."""

import json
import time

import plan
import planted
import pytest

INSPECTED = "client-inspected"
PROXY = f"http://{plan.PUCK}:8080"
URL = "https://api.openai.com/v1/chat/completions"


def curl(office, *words, client=INSPECTED, check=True, input=None):
    command = ["curl", "-sS", "--proxy", PROXY, "--max-time", "10", *words]
    return office.hosts[client].run(command, check=check, input=input)


def test_a_prompt_is_redacted(office, arrived):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
    headers = ["-H", "authorization: Bearer k", "-H", "content-type: application/json"]
    done = curl(office, "-o", "/dev/null", "-w", "%{http_code}", *headers, "--data-binary", "@-", URL, input=body)
    assert done.stdout == "200"
    content = json.loads(arrived.only_request()["bytes"])["messages"][0]["content"]
    assert content == planted.redacted(planted.CHAT)


def test_other_sites_pass(office, arrived):
    assert curl(office, "-o", "/dev/null", "-w", "%{http_code}", "https://www.example.com/").stdout == "200"
    assert arrived.only_request()["host"] == "www.example.com"


def test_a_denied_client_is_denied(office, arrived):
    assert curl(office, URL, client="client-denied", check=False).returncode != 0
    assert arrived.connections == []


@pytest.mark.parametrize(
    "target",
    [
        "10.0.0.5:443",
        "127.0.0.1:443",
        "169.254.169.254:80",
        f"{plan.PUCK}:9443",
        "private.openai.azure.com:443",
        "www.example.com:22",
        "www.example.com:25",
    ],
)
def test_it_leads_nowhere_it_should_not(office, arrived, target):
    done = curl(office, "--proxytunnel", "-o", "/dev/null", f"https://{target}/", check=False)
    assert done.returncode != 0
    assert arrived.connections == []


def test_the_tunnel_and_the_hello_must_name_the_same_host(office, arrived):
    """CONNECT to a harmless name, then a ClientHello for another."""
    done = curl(office, "--connect-to", "api.openai.com:443:www.example.com:443", "-d", planted.CHAT, URL, check=False)
    assert done.returncode == 35
    assert arrived.requests == []


def test_plain_requests_to_steered_names_are_refused(office, arrived):
    done = curl(
        office, "-o", "/dev/null", "-w", "%{http_code}", "-d", planted.CHAT, "http://api.openai.com/v1/chat/completions"
    )
    assert done.stdout.startswith(("4", "5")) and arrived.requests == []
    done = curl(office, "--proxytunnel", "-d", planted.CHAT, "http://api.openai.com/v1/chat/completions", check=False)
    assert done.returncode != 0 and arrived.requests == []


# What an engine for such files has beside JavaScript itself.
ENGINE = """
const shExpMatch = (name, glob) =>
  new RegExp("^" + glob.replace(/[.]/g, "[.]").replace(/[*]/g, ".*") + "$").test(name);
const script = require("node:fs").readFileSync(0, "utf8");
const choose = new Function("shExpMatch", script + "; return FindProxyForURL;")(shExpMatch);
for (const host of process.argv.slice(1)) console.log(choose("https://" + host + "/", host));
"""
WAYS = {
    "api.openai.com": "PROXY",
    "API.OpenAI.com.": "PROXY",
    "mine.openai.azure.com": "PROXY",
    "bedrock-runtime.eu-central-1.amazonaws.com": "PROXY",
    "www.example.com": "DIRECT",
    "notapi.openai.com.example": "DIRECT",
    "constructor": "DIRECT",
    "nanogate.lan": "DIRECT",
}


@pytest.mark.parametrize("url", [f"http://{plan.PUCK}/proxy.pac", f"{PROXY}/proxy.pac"])
def test_browsers_find_it_by_themselves(office, url):
    """And nothing but AI goes its way; what a browser does about it is fetched from the proxy it was sent to."""
    client = office.hosts[INSPECTED]
    fetched = client.run(["curl", "-sS", "--max-time", "5", "-D", "-", url]).stdout.replace("\r", "")
    head, script = fetched.split("\n\n", 1)
    assert "application/x-ns-proxy-autoconfig" in head
    ways = client.run(["node", "-e", ENGINE, *WAYS], input=script).stdout.splitlines()
    expected = [f"PROXY {plan.PUCK}:8080" if way == "PROXY" else way for way in WAYS.values()]
    assert dict(zip(WAYS, ways, strict=True)) == dict(zip(WAYS, expected, strict=True))


NAMED = f"""
version: 1
default_mode: watch
groups:
  - name: robots
    names: [ci-1, ci-2.{plan.DOMAIN}]
    mode: inspect
    proxy: either
  - name: certificates
    clients: ["{plan.LAN}.12"]
    mode: watch
    proxy: certificate
  - name: office
    clients: ["{plan.LAN}.0/24"]
    mode: deny
    proxy: either
"""
TLS_PROXY = f"https://nanogate.{plan.DOMAIN}:8080"


@pytest.fixture(scope="module")
def named():
    """An office whose CONNECT proxy wants to know who asks, and an authority for its clients."""
    from office import Office

    with Office() as office:
        folder = office.folder / "clients"
        folder.mkdir()
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
        for name in ("ours", "theirs"):
            files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
            office.hosts["provider"].run([*make, "-subj", f"/CN={name}", *files])
            issuer = ["-CA", folder / f"{name}.pem", "-CAkey", folder / f"{name}.key"]
            files = ["-keyout", folder / f"{name}-leaf.key", "-out", folder / f"{name}-leaf.pem"]
            extra = ["-addext", f"subjectAltName=DNS:ci-2.{plan.DOMAIN}", "-addext", "basicConstraints=critical,CA:FALSE"]
            office.hosts["provider"].run([*make, *issuer, "-subj", "/CN=ci-2", *extra, *files])
        office.install_puck(policy=NAMED, config={"proxy": {"client_roots": str(folder / "ours.pem")}})
        office.clients = folder
        yield office


def through(office, proxy, *words, client=INSPECTED):
    """Sends a prompt through the proxy; the proxy's answer, the provider's, and what arrived there."""
    before = len(office.internet.requests())
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": planted.CHAT}]})
    headers = ["-H", "authorization: Bearer k", "-H", "content-type: application/json"]
    command = ["curl", "-sS", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_connect} %{http_code}", "--proxy", proxy]
    resolve = ["--resolve", f"nanogate.{plan.DOMAIN}:8080:{plan.PUCK}"]
    done = office.hosts[client].run([*command, *resolve, *words, *headers, "-d", body, URL], check=False)
    return done.stdout, [json.loads(one["bytes"])["messages"][0]["content"] for one in office.internet.requests(before)]


@pytest.fixture(scope="module")
def token(named):
    secret = named.puck.command("token", "add", "--scope", "proxy", "ci-1").stdout.strip()
    assert secret.startswith("ngt_") and "ci-1  (proxy)" in named.puck.command("token", "list").stdout
    return secret


def certificate(office, whose):
    return ["--proxy-cert", office.clients / f"{whose}-leaf.pem", "--proxy-key", office.clients / f"{whose}-leaf.key"]


@pytest.mark.parametrize("proxy", [f"http://{plan.PUCK}:8080", TLS_PROXY])
def test_a_client_with_a_token_is_that_name_wherever_it_is(named, token, proxy):
    """Its address is in a group that is denied; the name is in one that is inspected."""
    for words in (["--proxy-user", f"ci-1:{token}"], ["--proxy-header", f"Proxy-Authorization: Bearer {token}"]):
        assert through(named, proxy, *words) == ("200 200", [planted.redacted(planted.CHAT)])
    known = named.puck.await_records(lambda record: "proxy_client" in record["event"])
    event = known[-1]["event"]["proxy_client"]
    assert (event["name"], event["by"], event["client"]) == ("ci-1", "token", f"{plan.LAN}.11")


@pytest.mark.parametrize("words", [[], ["--proxy-user", "ci-1:wrong"], ["--proxy-user", "nobody:TOKEN"]])
def test_who_shows_nothing_good_is_asked_and_never_let_through(named, token, words):
    words = [word.replace("TOKEN", token) for word in words]
    assert through(named, PROXY, *words) == ("407 000", [])
    assert through(named, TLS_PROXY, *words) == ("407 000", [])
    wanted = lambda record: (record["event"].get("connection") or {}).get("reason") == "unauthenticated"  # noqa: E731
    assert named.puck.await_records(wanted)


def test_a_certificate_makes_a_name_and_a_strangers_opens_nothing(named, token):
    assert through(named, TLS_PROXY, *certificate(named, "ours")) == ("200 200", [planted.redacted(planted.CHAT)])
    events = [record["event"].get("proxy_client") for record in named.puck.journal(10_000)]
    assert [one["name"] for one in events if one and one["by"] == "certificate"] == [f"ci-2.{plan.DOMAIN}"]
    assert through(named, TLS_PROXY, *certificate(named, "theirs"))[1] == []
    # A range may demand a certificate: a token will not do there.
    # That client has not installed the office's authority, which is beside the point here.
    elsewhere = ["-k", "--proxy-insecure"]
    denied = "client-denied"
    assert through(named, TLS_PROXY, *elsewhere, "--proxy-user", f"ci-1:{token}", client=denied) == ("403 000", [])
    assert through(named, TLS_PROXY, *elsewhere, *certificate(named, "ours"), client=denied)[0] == "200 200"


def test_a_revoked_token_opens_nothing_and_no_token_is_written_anywhere(named, token):
    made = named.puck.command("token", "add", "--scope", "proxy", "ci-1").stdout.strip()
    [name] = [line.split()[0] for line in named.puck.command("token", "list").stdout.splitlines()[1:]]
    deadline = time.monotonic() + 5
    while through(named, PROXY, "--proxy-user", f"ci-1:{made}")[0] != "200 200":
        assert time.monotonic() < deadline, "the new token is never known"
    named.puck.command("token", "revoke", name)
    while through(named, PROXY, "--proxy-user", f"ci-1:{made}")[0] != "407 000":
        assert time.monotonic() < deadline, "the revoked token still opens"
    assert through(named, PROXY, "--proxy-user", f"ci-1:{token}")[0] == "200 200", "the other one of this name does"
    written = json.dumps(named.puck.journal(10_000)) + named.puck.tail_log(100_000)
    assert token not in written and made not in written
    data = named.folder / "puck/data"
    held = [path for path in data.rglob("*") if path.is_file() and not path.is_symlink()]
    assert held and not [path for path in held if token.encode() in path.read_bytes()]


SHADOW = "api.unknown-ai.example"


def shadows(office, wanted):
    records = office.puck.await_records(lambda row: row["event"].get("shadow", {}).get("by") == wanted)
    return [row["event"]["shadow"] for row in records]


def test_ai_that_no_list_knows_is_told_of_by_its_name(office):
    """Nothing of it is opened, and nothing refused."""
    done = curl(office, "-k", "-o", "/dev/null", "-w", "%{http_connect}", f"https://{SHADOW}/x", check=False)
    assert done.stdout == "200"
    event = next(event for event in shadows(office, "name") if event["host"] == SHADOW)
    assert event["client"] == f"{plan.LAN}.11"
    secret = office.puck.command("token", "add", "--scope", "metrics", "shadows").stdout.strip()
    ask = ["curl", "-sk", "-H", f"authorization: Bearer {secret}", f"https://{plan.PUCK}:9443/metrics"]
    deadline = time.monotonic() + 5
    while "\nnanogate_shadow_ai_total 0\n" in (text := office.hosts[INSPECTED].run(ask).stdout):
        assert time.monotonic() < deadline, "it is not counted"
        time.sleep(0.2)
    assert "\nnanogate_shadow_ai_total " in text


def test_a_request_to_a_model_in_the_clear_is_told_of_whatever_the_name(office):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
    words = ["-H", "content-type: application/json", "-d", body, "-o", "/dev/null"]
    curl(office, "--proxytunnel", *words, "http://shop.example.net/ask", check=False)
    assert [event["host"] for event in shadows(office, "request")] == ["shop.example.net"]
