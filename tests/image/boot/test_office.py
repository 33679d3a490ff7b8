"""The booted image does what the office is promised: promises 4 to 6 of image/README.md."""

import json

import plan
import planted
import trust

CLIENT = "client-inspected"


def test_the_first_prompt_from_claim_code_to_redaction(site):
    site.await_page()
    client = site.hosts[CLIENT]
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    page = f"https://{plan.PUCK}:9443"
    code = site.claim_code()
    claim = json.dumps({"code": code, "password": "correct horse battery staple"})
    headers = ["-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    done = client.run(["curl", "-sk", "-w", "%{http_code}", "-o", "/dev/null", *headers, "-d", claim, f"{page}/api/v1/claim"])
    assert done.stdout == "204"
    authority = client.run(["curl", "-sk", f"{page}/ca/nanogate.pem"]).stdout
    authorities = {"pretend-internet": site.internet.ca.read_text(), "nanogate": authority}
    trust.write_store(site.folder / f"etc/{CLIENT}/certs", authorities)

    before = len(site.internet.requests())
    result = site.chat(CLIENT, "openai-python", {"prompt": planted.CHAT})
    assert result["error"] is None and result["text"].startswith("Certainly.")
    body = site.internet.requests(before)[0]["bytes"]
    assert planted.leaks(body) == []


def test_a_client_without_the_authority_is_watched(site):
    site.await_page()
    assert site.reach_provider() == "401", "the provider's own answer"


def test_nothing_listens_but_what_is_meant_to(site):
    site.await_page()
    scan = """
import asyncio, json, sys
async def main(address):
    open_ports, gate = [], asyncio.Semaphore(400)
    async def knock(port):
        async with gate:
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 5)
            except OSError:
                return
            open_ports.append(port)
            writer.close()
    await asyncio.gather(*(knock(port) for port in range(1, 10001)))
    print(json.dumps(sorted(open_ports)))
asyncio.run(main(sys.argv[1]))
"""
    # 80 and 443 are the steered ones, which lead to 8081 and 8443; 8080 is the explicit proxy, 9443 the page.
    meant = {53, 80, 443, 8080, 8081, 8443, 9443}
    found = json.loads(site.python("client-watched", scan, plan.PUCK, timeout=120))
    assert set(found) <= meant and {53, 443, 9443} <= set(found)
    # By IPv6 it is reached at the address that it made from its own number (RFC 4862).
    found = json.loads(site.python("client-watched", scan, f"{site.link_local()}%eth0", timeout=120))
    assert {53, 9443} <= set(found) <= meant


def test_the_root_is_read_only(site):
    site.await_line("the root is read-only")
