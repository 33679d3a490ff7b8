"""Groups of clients, ways around the puck, hosts that name themselves, and what status and `dns query` tell of all that."""

import json
import time

import plan
import pytest
from puck import BINARY

WATCHED, INSPECTED = f"{plan.LAN}.10", f"{plan.LAN}.11"


@pytest.fixture
def own(new_office):
    office = new_office()
    office.install_puck(config={"dns": {"never_asks_seconds": 1}})
    return office


def ask(office, client, name, kind="A"):
    command = ["dig", f"@{plan.PUCK}", "+short", "+time=3", "+tries=1", name, kind]
    return office.hosts[client].run(command).stdout.split()


def rewrite(puck, groups):
    """Puts other groups into the configuration, in one rename as an editor does."""
    text = puck.config_file.read_text()
    lines = [line for line in text.splitlines() if not line.startswith("groups = ")]
    at = lines.index("[dns]") + 1
    rows = ", ".join(
        "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in row.items()) + " }" for row in groups
    )
    fresh = puck.config_file.with_suffix(".new")
    fresh.write_text("\n".join([*lines[:at], f"groups = [{rows}]", *lines[at:]]) + "\n")
    fresh.rename(puck.config_file)


def until(what, wanted, timeout=8):
    deadline = time.monotonic() + timeout
    while not wanted(seen := what()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    return seen


def explain(puck, *words, check=False):
    return json.loads(puck.command("dns", "query", *words, "--json", check=check).stdout)


def test_files_beside_the_configuration_are_found_from_its_folder(new_office):
    """As the README starts the daemon: in the folder of the file, which it names without one."""
    office = new_office()
    folder = office.folder / "puck"
    folder.mkdir()
    (folder / "games.txt").write_text("alias.example.com\n")
    (folder / "hosts.txt").write_text("192.0.2.30 printer\n127.0.0.1 localhost\n")
    (folder / "leases.txt").mkdir()
    files = {"block_lists": ["games.txt"], "hosts_files": ["hosts.txt"], "leases_files": ["leases.txt"]}
    puck = office.install_puck(config={"policy": "policy.yaml", "dns": files})
    puck.stop()
    run = ["sh", "-ec", f"cd {folder}; exec {BINARY} run --config {puck.config_file.name}"]
    puck.process = puck.host.popen(run, stdout=puck.output, stderr=puck.log)
    puck.await_ready()
    assert ask(office, "client-watched", f"printer.{plan.DOMAIN}") == ["192.0.2.30"]
    assert ask(office, "client-watched", "printer") == ["192.0.2.30"]
    assert ask(office, "client-watched", "alias.example.com") == [], "the list is in force"
    status = until(
        lambda: json.loads(puck.command("status", "--json", check=False).stdout),
        lambda seen: any("leases.txt cannot be read: Is a directory" in warning for warning in seen["warnings"]),
    )
    assert [one["error"] for one in status["dns"]["lists"]] == [None], status
    explained = explain(puck, f"printer.{plan.DOMAIN}")
    assert explained["rule"] == f"a name of the office, from the hosts file {folder}/hosts.txt"


def test_groups_change_without_a_restart_and_are_explained(own):
    listed = own.puck.folder / "games.txt"
    listed.write_text("||www.example.com^\n")
    pids = own.puck.processes()
    for _ in range(3):
        assert ask(own, "client-watched", "www.example.com") == [plan.v4(80)]
        assert ask(own, "client-inspected", "api.openai.com") == [plan.PUCK]
    board = {"name": "board", "clients": [INSPECTED], "steering": False, "silent": True}
    rewrite(own.puck, [board])
    until(lambda: ask(own, "client-inspected", "api.openai.com"), lambda seen: seen == [plan.v4(10)])
    assert own.puck.processes() == pids, "nothing was started again"
    # A list in a folder that the dns process may not read yet: that one process comes back with a wider fence.
    rewrite(own.puck, [{"name": "students", "clients": [WATCHED], "block_lists": [str(listed)]}, board])
    until(lambda: ask(own, "client-watched", "www.example.com"), lambda seen: seen == [])
    assert ask(own, "client-watched", "api.openai.com") == [plan.PUCK], "the others are steered still"
    assert ask(own, "client-denied", "www.example.com") == [plan.v4(80)], "and answered still"
    assert {**own.puck.processes(), "dns": pids["dns"]} == pids, "nothing else was started again"

    def shown():
        status = json.loads(own.puck.command("status", "--json", check=False).stdout)
        return {group["name"]: (group["steering"], group["silent"]) for group in status["dns"]["groups"]}

    until(shown, lambda seen: seen == {"students": (True, False), "board": (False, True)})
    assert f"group board ({INSPECTED}/32)  NOT STEERED, no names in records" in own.puck.command("status").stdout

    told = explain(own.puck, "www.example.com", "--client", WATCHED)
    assert (told["source"], told["group"], told["rcode"]) == ("daemon", "students", "NXDOMAIN"), told
    assert told["rule"] == f"blocked by {listed}"
    told = explain(own.puck, "www.example.com", "--client", f"{plan.LAN}.12")
    assert told["rule"] == "from the cache" and told["cache"]["state"] == "fresh" and told["asked"] == [], told
    told = explain(own.puck, "www.example.com", "--client", f"{plan.LAN}.12", "--fresh", "--trace")
    assert told["rule"] == "asked of the internet" and [one["answered"] for one in told["asked"]] != [], told
    assert explain(own.puck, "api.openai.com", "--client", INSPECTED)["group"] == "board"

    names = [(record["event"].get("dns") or {}).get("client") for record in own.puck.journal(1000)]
    before = names.count(INSPECTED)
    ask(own, "client-inspected", "claude.ai")
    devices = own.puck.await_records(lambda record: device(record).get("steered", 0) > 0)
    assert {device(record)["client"] for record in devices} == {INSPECTED}, "counted"
    names = [(record["event"].get("dns") or {}).get("client") for record in own.puck.journal(1000)]
    assert names.count(INSPECTED) == before, "and not named"

    rewrite(own.puck, [{"name": "broken", "clients": ["nowhere"]}])
    until(lambda: own.puck.tail_log(200), lambda log: "the last good groups stay in force" in log)
    assert ask(own, "client-inspected", "api.openai.com") == [plan.v4(10)], "the last good groups stay"
    rewrite(own.puck, [])
    until(lambda: ask(own, "client-inspected", "api.openai.com"), lambda seen: seen == [plan.PUCK])
    own.puck.stop()
    told = json.loads(own.puck.command("dns", "query", "api.openai.com", "--json").stdout)
    assert told["source"] == "settings" and told["records"], "without the daemon its settings answer"


def test_changes_that_wait_for_the_next_start_are_told(own):
    good = own.puck.config_file.read_text()
    told = lambda: json.loads(own.puck.command("status", "--json", check=False).stdout)["warnings"]  # noqa: E731
    own.puck.config_file.write_text(good.replace("[dns]\n", "[dns]\nstale_wait_ms = 1500\n", 1))
    sentence = "changed in the configuration file, and in force from the next start: dns.stale_wait_ms"
    until(told, lambda seen: sentence in seen)
    own.puck.config_file.write_text(good)
    until(told, lambda seen: sentence not in seen)


def test_a_file_that_has_become_wrong_harms_nobody_and_is_told(own):
    """Neither those who ask, nor a worker that comes back, nor the person who looks what is the matter."""
    rewrite(own.puck, [{"name": "board", "clients": [INSPECTED], "steering": False}])
    until(lambda: ask(own, "client-inspected", "api.openai.com"), lambda seen: seen == [plan.v4(10)])
    good = own.puck.config_file.read_text()
    line = next(number for number, line in enumerate(good.splitlines(), 1) if line.startswith("upstreams = "))
    for wrong, where in [
        (good.replace("\nupstreams = ", "\nupstream = "), f":{line}: "),
        (good + "\n[dns\n", f":{good.count(chr(10)) + 2}: "),
    ]:
        own.puck.config_file.write_text(wrong)
        victims = own.puck.kill()
        own.puck.await_restart(victims)
        assert ask(own, "client-watched", "api.openai.com") == [plan.PUCK], "the old settings hold"
        assert ask(own, "client-inspected", "api.openai.com") == [plan.v4(10)], "and the groups in force"
        until(lambda: own.puck.command("status", check=False).returncode, lambda code: code == 0)
        told = own.puck.command("status").stdout
        assert "WARNING: the configuration file is wrong by now" in told and where in told, told
        asked = explain(own.puck, "www.example.com")
        assert asked["source"] == "daemon" and asked["rcode"] == "NOERROR" and where in asked["warning"], asked
        assert where in own.puck.command("dns", "query", "www.example.com").stdout
        refused = own.puck.command("check", check=False)
        assert refused.returncode == 2 and where in refused.stderr
        for words in [["freeze", "on"], ["freeze", "off"], ["fallback", "list"], ["audit", "verify"]]:
            done = own.puck.command(*words, check=False)
            assert done.returncode == (1 if words[0] == "fallback" else 0) and where in done.stderr, (words, done)
    own.puck.stop()
    for words in [["status"], ["dns", "query", "www.example.com"]]:
        refused = own.puck.command(*words, check=False)
        assert refused.returncode == 2 and where in refused.stderr, "nobody is there who knows better"


def device(record):
    return record["event"].get("dns_device") or {}


def test_ways_around_are_told_of_their_device_and_so_is_silence(own):
    ask(own, "client-watched", "use-application-dns.net")
    for _ in range(3):
        ask(own, "client-watched", "dns.google")
    ask(own, "client-watched", "eu1.nordvpn.com")
    bypasses = lambda: own.puck.await_records(lambda record: device(record).get("bypass"))  # noqa: E731
    told = lambda: {  # noqa: E731
        (device(record)["client"], one["name"], one["vendor"])
        for record in bypasses()
        for one in device(record)["bypass"]
    }
    expected = {(WATCHED, "dns.google", "encrypted-dns"), (WATCHED, "eu1.nordvpn.com", "vpn")}
    until(told, lambda seen: seen == expected)
    assert own.puck.await_records(lambda record: device(record).get("canaries"))

    # This one knows the puck only as a neighbour.
    silent = f"{plan.LAN}.12"
    page = f"https://{plan.PUCK}:9443/healthz"
    own.hosts["client-denied"].run(["curl", "-sk", "--max-time", "3", page])
    records = await_silence(own, lambda record: device(record).get("never_asks"))
    assert silent in {device(record)["client"] for record in records}
    status = until(lambda: own.puck.command("status").stdout, lambda text: "on the wire, and never asking" in text)
    assert silent in status
    ask(own, "client-denied", "www.example.com")
    asks = lambda record: device(record).get("client") == silent and not device(record)["never_asks"]  # noqa: E731
    assert own.puck.await_records(asks, timeout=10), "it asks now"


def await_silence(office, wanted):
    """The neighbour table is read every five seconds."""
    return office.puck.await_records(wanted, timeout=20)


ANNOUNCE = """
import socket, struct, sys
label, address = sys.argv[1].encode(), sys.argv[2]
name = bytes([len(label)]) + label + b"\\x05local\\0"
record = name + struct.pack("!HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(sys.argv[3])
message = struct.pack("!HHHHHH", 0, 0x8400, 0, 1, 0, 0) + record
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    s.bind((address, 5353))
    s.sendto(message, ("224.0.0.251", 5353))
"""


def test_hosts_that_name_themselves_are_known_to_all(own):
    host = own.hosts["client-denied"]
    mine = f"{plan.LAN}.12"
    host.run(["python3", "-c", ANNOUNCE, "printer", mine, mine])
    host.run(["python3", "-c", ANNOUNCE, "router", mine, f"{plan.LAN}.254"])
    host.run(["python3", "-c", ANNOUNCE, "nanogate", mine, mine])
    until(lambda: ask(own, "client-watched", "printer.local"), lambda seen: seen == [mine], timeout=15)
    assert ask(own, "client-watched", f"Printer.{plan.DOMAIN}") == [mine]
    assert ask(own, "client-watched", "12.2.0.192.in-addr.arpa", "PTR") == [f"printer.{plan.DOMAIN}."]
    assert ask(own, "client-watched", "router.local") == [], "nobody names another machine"
    assert ask(own, "client-watched", f"nanogate.{plan.DOMAIN}") == [plan.PUCK]
    told = explain(own.puck, "printer.local")
    assert told["rule"].startswith("a name of the office")
