"""Who types the puck's address or `nanogate.local` into a browser before anything is set up is told what to do next."""

import plan
import pytest

CLIENT = "client-watched"


def get(office, url, *options):
    """Status and text."""
    done = office.hosts[CLIENT].run(["curl", "-s", "-w", "\n%{http_code}", "--max-time", "5", *options, url], check=False)
    text, _, status = done.stdout.rpartition("\n")
    return status, text


@pytest.mark.parametrize("host", [plan.PUCK, "nanogate.local"])
def test_the_address_and_the_local_name_say_what_to_do_next(office, host):
    status, text = get(office, f"http://{host}/", "--resolve", f"nanogate.local:80:{plan.PUCK}")
    assert status == "200"
    assert f"https://{host}/" in text and "claim code" in text


def test_the_local_name_is_in_our_own_dns_and_leads_to_the_page(office):
    ask = ["dig", "+short", f"@{plan.PUCK}", "nanogate.local"]
    assert office.hosts[CLIENT].run(ask).stdout.strip() == plan.PUCK
    options = ["-k", "--resolve", f"nanogate.local:443:{plan.PUCK}"]
    assert get(office, "https://nanogate.local/healthz", *options)[0] == "200"


def test_another_host_is_misdirected(office):
    status, text = get(office, f"http://{plan.PUCK}/", "-H", "Host: somebody.example")
    assert status == "421" and "claim code" not in text
