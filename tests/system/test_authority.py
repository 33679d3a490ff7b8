"""An authority of an earlier version leaves out a provider that came later: it goes on working, and a successor is offered."""

import json
import subprocess

import plan
import planted
import pytest
import trust

INSPECTED = "client-inspected"
CONFIG = """\
[req]
distinguished_name = name
x509_extensions = root
prompt = no
[name]
CN = Nano-Gate of an earlier version
[root]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
extendedKeyUsage = serverAuth
nameConstraints = critical, @names
[names]
permitted;DNS.1 = openai.com
permitted;DNS.2 = {domain}
excluded;IP.1 = 0.0.0.0/0.0.0.0
excluded;IP.2 = ::/::
"""


def earlier_root(folder):
    """Certificate and key of a root that knows one provider only."""
    config, cert, key = folder / "root.cnf", folder / "root.pem", folder / "root.key"
    config.write_text(CONFIG.format(domain=plan.DOMAIN))
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3000"]
    made = [*new, "-config", config, "-keyout", key, "-out", cert]
    subprocess.run(made, check=True, capture_output=True)
    return cert.read_text(), key.read_text()


@pytest.fixture
def aged(new_office, tmp_path):
    """An office whose puck and inspected client still have the earlier root."""
    office = new_office()
    office.install_puck()
    data = office.puck.ca_file.parents[1]
    office.puck.stop()
    cert, key = earlier_root(tmp_path)
    office.puck.ca_file.write_text(cert)
    (data / "keys/ca.key.pem").write_text(key)
    office.puck.start()
    believe(office, cert)
    return office


def believe(office, *roots):
    authorities = {"pretend-internet": office.internet.ca.read_text()}
    authorities |= {f"nanogate-{index}": root for index, root in enumerate(roots)}
    trust.write_store(office.folder / "etc" / INSPECTED / "certs", authorities)


def arrives(office, program):
    """What a provider receives of a prompt with an address in it."""
    before = len(office.internet.requests())
    result = office.chat(INSPECTED, program, {"prompt": f"to {planted.EMAIL.value}"})
    assert result["error"] is None, result
    [request] = office.internet.requests(before)
    return json.loads(request["bytes"])["messages"][-1]["content"]


def test_what_it_leaves_out_is_watched_until_its_successor_takes_over(aged):
    shown = json.loads(aged.puck.command("ca", "show", "--json").stdout)
    assert "anthropic.com" in shown["missing"] and "openai.com" not in shown["missing"]
    assert arrives(aged, "openai-python") == f"to {planted.EMAIL.placeholder}"
    assert arrives(aged, "anthropic-python") == f"to {planted.EMAIL.value}"
    watched = lambda record: (record["event"].get("connection") or {}).get("vendor") == "anthropic"  # noqa: E731
    assert [record["event"]["connection"]["mode"] for record in aged.puck.await_records(watched)] == ["watched"]

    get = ["curl", "-sk", f"https://{plan.PUCK}:9443"]
    ask = lambda path: aged.hosts[INSPECTED].run([*get[:-1], get[-1] + path]).stdout  # noqa: E731
    view = json.loads(ask("/api/v1/ca"))
    successor = aged.puck.command("ca", "export", "--next").stdout
    assert view["next"]["pem"].strip() == successor.strip() == ask("/ca/nanogate-next.pem").strip()
    assert view["next"]["fingerprint_sha256"] == shown["next_fingerprint_sha256"]
    assert view["missing_names"] == shown["missing"]

    # The owner installs it beside the other, and has it take over.
    believe(aged, aged.puck.ca_file.read_text(), successor)
    before = aged.puck.processes()
    aged.puck.command("ca", "activate")
    aged.puck.await_restart({name: before[name] for name in ("proxy", "admin")})
    aged.puck.await_ready()
    assert aged.puck.ca_file.read_text().strip() == successor.strip()
    assert arrives(aged, "openai-python") == arrives(aged, "anthropic-python") == f"to {planted.EMAIL.placeholder}"
    shown = json.loads(aged.puck.command("ca", "show", "--json").stdout)
    assert (shown["missing"], shown["next_fingerprint_sha256"]) == ([], None)
    again = aged.puck.command("ca", "activate", check=False)
    assert again.returncode == 1 and "no successor waits" in again.stdout
    noted = lambda record: "ca_activate" in json.dumps(record["event"])  # noqa: E731
    assert len(aged.puck.await_records(noted)) == 1
    assert '"status":404' in ask("/ca/nanogate-next.pem")


def test_a_key_without_its_secret_is_locked_and_everything_else_goes_on(new_office):
    office = new_office()
    office.install_puck()
    data = office.puck.ca_file.parents[1]
    sealed, secret = (data / "keys/ca.key.pem"), (data / "seal/ca.seal")
    assert "SEALED" in sealed.read_text() and "PRIVATE" not in sealed.read_text()
    plain = office.puck.command("ca", "unseal").stdout
    assert "PRIVATE KEY" in plain

    office.puck.stop()
    secret.write_bytes(b"of another device, or restored badly")
    office.puck.start()
    assert office.chat("client-watched", "openai-python", {"prompt": "hello"})["error"] is None
    assert office.chat(INSPECTED, "openai-python", {"prompt": "hello"})["error"], "nobody vouches, so nobody gets through"
    warnings = " ".join(json.loads(office.puck.command("status", "--json", check=False).stdout)["warnings"])
    assert "ca.key.pem cannot be opened" in warnings and "ca activate" in warnings
    assert office.puck.command("ca", "unseal", check=False).returncode == 2

    office.puck.stop()
    sealed.write_text(plain)
    office.puck.start()
    assert "SEALED" in sealed.read_text()
    assert arrives(office, "openai-python") == f"to {planted.EMAIL.placeholder}"


def test_the_page_lets_the_successor_of_a_lost_key_take_over(new_office, tmp_path):
    """Who has no shell on the device has the page; what it shows is what takes over."""
    office = new_office()
    office.install_puck()
    jar, client = tmp_path / "jar", office.hosts["client-watched"]
    curl = ["curl", "-sk", "-b", jar, "-c", jar, "-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    curl += ["-w", "\n%{http_code}"]

    def ask(path, body=None):
        words = [*curl, *(["-d", json.dumps(body)] if body else []), f"https://{plan.PUCK}:9443/api/v1/{path}"]
        text, _, status = client.run(words, check=False).stdout.rpartition("\n")
        return int(status), json.loads(text) if text else None

    owner = {"password": "correct horse battery staple"}
    assert ask("claim", {"code": office.puck.claim_code} | owner)[0] == 204
    office.puck.stop()
    (office.puck.ca_file.parents[1] / "keys/ca.key.pem").unlink()
    office.puck.start()
    assert ask("sign-in", owner)[0] == 204
    view = ask("ca")[1]
    assert view["locked"]
    wanted = lambda of: {"fingerprint_sha256": of["fingerprint_sha256"]}  # noqa: E731
    assert ask("ca/activate", wanted(view))[0] == 409
    believe(office, office.puck.ca_file.read_text(), view["next"]["pem"])
    assert office.chat(INSPECTED, "openai-python", {"prompt": "hello"})["error"]
    before = office.puck.processes()
    assert ask("ca/activate", wanted(view["next"]))[0] == 202
    office.puck.await_restart({name: before[name] for name in ("proxy", "admin")})
    office.puck.await_ready()
    assert arrives(office, "openai-python") == f"to {planted.EMAIL.placeholder}"
    now = ask("ca")[1]
    assert now["fingerprint_sha256"] == view["next"]["fingerprint_sha256"]
    assert (now["locked"], now["next"]) == (False, None)
    assert "cannot be opened" not in office.puck.command("status", "--json", check=False).stdout
    command = lambda record: (record["event"].get("admin") or {}).get("command", "")  # noqa: E731
    noted = office.puck.await_records(lambda record: command(record).startswith("ca_activate"))
    assert sorted(command(record) for record in noted) == ["ca_activate", "ca_activate_ask", "ca_activate_ask"]
