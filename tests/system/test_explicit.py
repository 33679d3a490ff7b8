"""The CONNECT proxy on 8080: servers and agents that name it themselves go down the same corridor."""

import json

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
