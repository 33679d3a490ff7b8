"""What a puck meets in its life: promises 14 and 21 to 23 of image/README.md."""

import json
import re
import subprocess

import plan
from journal import noted
from site_with_puck import MAC

LEASE = {"interface": "eth0", "prefix": 24, "routers": [f"{plan.LAN}.{plan.ROUTER}"], "clocks": []}


def lease(last):
    return {"state/puck/lease.json": json.dumps(LEASE | {"address": f"{plan.LAN}.{last}"})}


def test_without_dhcp_and_in_2038_it_goes_on_with_its_last_address(new_site):
    site = new_site(dhcp=False, files=lease(53), extra=["-rtc", "base=2038-01-20T00:00:00"])
    site.boot()
    assert f"DHCP is silent; going on with {plan.PUCK}" in site.board.log()


def test_addresses_that_somebody_else_has_are_left_to_them_and_ipv6_is_the_offices_too(new_site):
    """Without DHCP: the last address is another host's by now, and the first of its own another puck's. The office's router
    advertises a prefix of the internet, whose hosts are answered as well."""
    site = new_site(dhcp=False, files=lease(53))
    router, client = site.hosts["router"], site.hosts["client-watched"]
    prefix, taken, own = f"{plan.LAN6}:", "169.254.53.53", "169.254.53.54"
    router.ip(f"address add {plan.PUCK}/24 dev lan0", f"address add {taken}/16 dev lan0")
    client.ip("address add 169.254.1.1/16 dev eth0")
    words = ["dnsmasq", "--keep-in-foreground", "--port=0", "--interface=lan0", "--bind-interfaces", "--user=root"]
    words += ["--enable-ra", f"--dhcp-range={prefix},ra-only,64", "--conf-file=/dev/null"]
    router.popen([*words, f"--dhcp-leasefile={site.folder}/leases6"], stderr=subprocess.DEVNULL)
    assert site.board.start()
    site.await_line(f"DHCP is silent; going on with {own}", 90)
    assert f"somebody else has {plan.PUCK}" in site.board.log() and f"somebody else has {taken}" in site.board.log()
    site.wait_for(lambda: own in site.ask(f"nanogate.{plan.DOMAIN}", server=own), 60, "an answer on an address of its own")
    site.await_line(f"the office has {prefix}/64", 120)
    global_address = site.link_local().replace("fe80::", prefix)
    site.wait_for(lambda: own in site.ask(f"nanogate.{plan.DOMAIN}", server=global_address), 60, "an answer by IPv6")


def test_the_offices_time_server_sets_the_clock(new_site):
    ahead = 400 * 24 * 3600
    site = new_site()
    site.serve_time(ahead)
    site.boot()
    site.await_line("the clock was set by", 120)
    seconds = int(re.search(r"the clock was set by (-?\d+) s", site.board.log()).group(1))
    assert abs(seconds - ahead) < 120


def test_a_changed_address_is_warned_of_and_the_old_one_answered_in_1970(new_site):
    site = new_site(files=lease(77), extra=["-rtc", "base=1970-01-02T00:00:00"])
    site.serve_time(0)
    site.boot()
    log = site.board.log()
    assert f"the address CHANGED from {plan.LAN}.77 to {plan.PUCK}" in log
    assert "the clock said 86" in log, "the clock was set forward"
    # Until it is set, nobody's certificate may be called too new.
    assert "clock_unsure: " in log
    site.await_line("clock_sure: the clock was set", 120)
    site.wait_for(lambda: plan.v4(80) in site.ask(server=f"{plan.LAN}.77"), 30, "an answer on the old address")
    assert plan.v4(80) in site.ask(server=plan.PUCK)
    commands = {event["command"] for event in noted(site)}
    assert {"address_changed", "clock_unsure", "clock_set", "clock_sure"} <= commands


def test_an_old_address_and_a_name_that_somebody_else_uses_are_left_to_them(new_site):
    site = new_site(files=lease(10))
    site.claim_name("nanogate")
    site.boot()
    assert f"the address CHANGED from {plan.LAN}.10 to {plan.PUCK}" in site.board.log()
    assert "as before" not in site.board.log()
    site.await_line("name_taken: another host has nanogate.local: this one is nanogate-2.local", 90)
    site.wait_for(lambda: plan.PUCK in site.ask("nanogate-2.local"), 60, "the other name in its own DNS")
    code = lambda: (site.card.fat_read("boot", "CLAIM-CODE.txt") or b"").decode()  # noqa: E731
    site.wait_for(lambda: "https://nanogate-2.local/" in code(), 30, "the other name beside the claim code")


def test_a_network_card_that_is_found_late_is_used(new_site):
    """On the board it hangs on PCIe, whose driver is not done when its module is loaded."""
    site = new_site()
    tap = site.board.network[:2]
    site.board.network = [*tap, "-device", "pcie-root-port,id=socket,slot=5,chassis=5"]
    assert site.board.start()
    site.await_line("bench: ready")
    # Until then it is starting, and the lamp says so: quick and even.
    site.await_rhythm("(1{1,3}0{1,3}){4,}")
    assert not site.ask()
    site.board.command("device_add", driver="virtio-net-pci", netdev="lan", mac=MAC, romfile="", bus="socket", id="late")
    site.await_answer()
    assert "eth0 is up" in site.board.log()


def test_a_daemon_that_hangs_is_bitten_by_the_watchdog(new_site):
    site = new_site()
    site.boot()
    site.await_line("bench: ready")
    # What the supervisor and its workers have in common; it could start a worker again.
    site.board.type("hang --config")
    site.await_line("bench: hung")
    site.wait_for(lambda: site.board.loader.boots == [(2, False)] * 2, 150, "a restart")
    assert site.board.bitten == 1, "it restarted, but not because of the watchdog"
    site.await_answer()
