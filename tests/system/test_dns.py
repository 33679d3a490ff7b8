"""The resolver as clients see it, through dig."""

import time

import plan
import pytest

CLIENT = "client-watched"


def dig(office, *words, client=CLIENT):
    """Answer lines and flags of one question to the puck."""
    command = ["dig", f"@{plan.PUCK}", "+time=2", "+tries=1", "+noall", "+comments", "+answer", "+authority", *words]
    text = office.hosts[client].run(command).stdout
    status = text.split("status: ")[1].split(",")[0]
    flags = text.split("flags: ")[1].split(";")[0].split()
    answers, authority, section = [], [], None
    for line in text.splitlines():
        if line.startswith(";;"):
            section = answers if "ANSWER SECTION" in line else authority if "AUTHORITY SECTION" in line else section
        elif line and not line.startswith(";"):
            section.append(line.split())
    return status, flags, answers, authority


@pytest.mark.parametrize("name", ["api.openai.com", "API.OpenAI.com", "chatgpt.com", "cdn.oaistatic.com", "claude.ai"])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_a_vendors_names_are_steered_whole(office, name, transport):
    status, flags, answers, _ = dig(office, name, "A", transport)
    assert status == "NOERROR" and "ad" not in flags
    [(_, ttl, _, kind, address)] = answers
    assert (kind, address) == ("A", plan.PUCK) and 0 < int(ttl) <= 60


@pytest.mark.parametrize("kind", ["AAAA", "TYPE65", "TYPE64", "TXT", "RRSIG"])
def test_no_other_type_leads_around_the_puck(office, kind):
    status, flags, answers, authority = dig(office, "+dnssec", "api.openai.com", kind)
    assert status == "NOERROR" and answers == [] and "ad" not in flags
    if kind in ("AAAA", "TYPE65"):
        assert authority and authority[0][3] == "SOA", "a client may remember that there is nothing"


@pytest.mark.parametrize("name", ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"])
def test_canaries_say_no(office, name):
    assert dig(office, name, "A")[0] == "NXDOMAIN"


def test_designated_resolvers_are_not_discovered(office):
    for kind in ("TYPE64", "A"):
        status, _, answers, _ = dig(office, "_dns.resolver.arpa", kind)
        assert status == "NOERROR" and answers == []


def test_everything_else_is_the_upstreams_answer(office):
    assert dig(office, "www.example.com", "A")[2][0][4] == plan.v4(80)
    assert dig(office, "www.example.com", "AAAA")[2][0][4] == plan.v6(80)
    assert dig(office, "www.example.com", "TYPE65")[2], "hints of names that are not steered stay"
    assert [row[3] for row in dig(office, "alias.example.com", "A")[2]] == ["CNAME", "A"]
    assert dig(office, "nobody.example.com", "A")[0] == "NXDOMAIN"
    assert dig(office, "api.unknown-ai.example", "A")[2][0][4] == plan.v4(81)


def test_the_pucks_own_name(office):
    name = f"nanogate.{plan.DOMAIN}"
    assert dig(office, name, "A")[2][0][4] == plan.PUCK
    assert dig(office, "-x", plan.PUCK)[2][0][4] == f"{name}."


def test_other_classes_and_opcodes_are_refused(office):
    assert dig(office, "api.openai.com", "TXT", "-c", "CH")[0] in ("REFUSED", "NOTIMP")
    assert dig(office, "+opcode=UPDATE", "api.openai.com")[0] == "NOTIMP"


def test_a_question_from_elsewhere_is_not_answered(office):
    """The pretend internet asks the puck over the router: silence, and a record."""
    ask = ["dig", f"@{plan.PUCK}", "+time=1", "+tries=1", "+notcp", "api.openai.com"]
    done = office.hosts["provider"].run(ask, check=False)
    assert done.returncode != 0 and "timed out" in done.stdout + done.stderr
    records = office.puck.await_records(lambda record: tally(record).get("client", "").startswith(plan.NET))
    assert sum(tally(record)["refused"] for record in records) >= 1


def test_an_answer_leaves_from_the_address_that_was_asked(new_office):
    """A resolver that listens on every address; dig hears only the one that it asked."""
    office = new_office()
    local = [f"{plan.LAN}.0/24", f"{plan.LAN6}:/64"]
    office.install_puck(config={"dns": {"listen": ["0.0.0.0:53", "[::]:53"], "local_subnets": local}})
    more = [f"{plan.LAN}.54", f"{plan.LAN6}:54", f"{plan.LAN6}:5400"]
    puck = office.hosts["puck"]
    puck.ip(*(f"address add {ip}/{'64 dev eth0 nodad' if ':' in ip else '24 dev eth0'}" for ip in more))
    for asked in [plan.PUCK, plan.PUCK6, *more]:
        # Made here, asked of the upstream, and from the cache.
        for name in ("nanogate." + plan.DOMAIN, "www.example.com", "www.example.com"):
            command = ["dig", f"@{asked}", "+time=2", "+tries=1", "+notcp", "+short", name, "A"]
            done = office.hosts[CLIENT].run(command, check=False)
            assert done.returncode == 0 and done.stdout.strip(), (asked, name, done.stdout)


def tally(record):
    return record["event"].get("dns_tally") or {}


def test_a_question_about_ai_is_one_record_and_others_are_counted(office):
    dig(office, "one-record.example.com", "A")
    dig(office, "api.openai.com", "A")
    client = f"{plan.LAN}.{plan.CLIENTS[CLIENT]}"
    mine = lambda record: tally(record).get("client") == client and tally(record)["forwarded"] > 0  # noqa: E731
    assert office.puck.await_records(mine)
    names = [(record["event"].get("dns") or {}).get("name") for record in office.puck.journal(1000)]
    assert "api.openai.com" in names and "one-record.example.com" not in names


def test_the_line_goes_and_comes_back_with_another_address(new_office):
    """No restart: what is known is answered meanwhile, and what is not as soon as there is a way out again."""
    office = new_office()
    office.install_puck()
    workers, router = office.puck.processes(), office.hosts["router"]
    assert dig(office, "www.example.com", "A")[2][0][4] == plan.v4(80)
    router.ip("link set wan0 down")
    assert dig(office, "www.example.com", "A")[2][0][4] == plan.v4(80), "from the cache"
    assert dig(office, "api.openai.com", "A")[2][0][4] == plan.PUCK, "and what is steered"
    silence = "no upstream resolver answers"

    def is_told():
        assert dig(office, "+time=5", f"n{time.monotonic_ns()}.example.net", "A")[0] == "SERVFAIL"
        return silence in office.puck.command("status", check=False).stdout

    wait_for(is_told)

    # The provider hands out another address and so do we inside: everything that was open is dead.
    router.ip(
        f"address del {plan.NET}.{plan.ROUTER}/24 dev wan0",
        f"address add {plan.NET}.200/24 dev wan0",
        "link set wan0 up",
    )
    office.hosts["provider"].ip(f"route replace default via {plan.NET}.200")
    office.hosts["puck"].ip(
        f"address add {plan.LAN}.99/24 dev eth0",
        f"route replace default via {plan.LAN}.{plan.ROUTER} src {plan.LAN}.99",
    )
    wait_for(lambda: dig(office, "+time=5", "shop.example.net", "A")[0] == "NOERROR")
    wait_for(lambda: silence not in office.puck.command("status").stdout)
    assert office.puck.processes() == workers, "no process was restarted"


def wait_for(what, timeout=20):
    deadline = time.monotonic() + timeout
    while not (seen := what()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return seen
