"""The button and the lamp, on a board without a screen: promises 33 to 36, 41 and 42 of image/README.md. One puck is pressed through all
of it; the bench in board/qemu-aarch64 is finger and eye."""

import json
import re

import plan
from journal import noted

PASSWORD = "correct horse battery staple"


def press(site, milliseconds):
    site.board.type(f"press {milliseconds}")


def claim(site, code):
    page = f"https://{plan.PUCK}:9443"
    """Claims the puck with a code, or without one."""
    body = json.dumps({"password": PASSWORD} | ({"code": code} if code else {}))
    headers = ["-H", "x-nanogate: 1", "-H", "content-type: application/json"]
    words = ["curl", "-sk", "-w", "%{http_code}", "-o", "/dev/null", *headers, "-d", body, f"{page}/api/v1/claim"]
    return site.hosts["client-watched"].run(words).stdout


def test_button_and_lamp(new_site):
    site = new_site()
    site.boot()
    site.await_page()
    site.await_line("bench: ready")
    site.await_line("pinctrl-rp1:17 is on")
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    # Unclaimed, it needs somebody: three short ones a turn.
    site.await_line("lamp: needs you")
    site.await_rhythm("1{1,3}0{1,3}1{1,3}0")
    first = site.claim_code()
    # A press stands for the code while it is nobody's; afterwards the lamp and the card say that it is somebody's.
    assert claim(site, None) == "403"
    press(site, 300)
    site.await_line("lamp: to be claimed")
    assert claim(site, None) == "204"
    site.await_line("lamp: healthy")
    site.await_rhythm("^1+$")
    site.wait_for(lambda: site.card.fat_read("boot", "CLAIM-CODE.txt") is None, 30, "end of the code on the card")
    # Held for 15 s soon after the start: the password is forgotten, and there is a new code on the boot partition.
    press(site, 15500)
    site.await_line("15 s at the start: the password is reset", 60)
    site.wait_for(lambda: "the password was reset" in site.board.log(), 30, "a new claim code")
    second = re.findall(r"claim code: ([A-Z0-9-]+)", site.board.log())[-1]
    assert second != first
    site.wait_for(lambda: second in (site.card.fat_read("boot", "CLAIM-CODE.txt") or b"").decode(), 30, "the code on the card")
    assert claim(site, first) != "204" and claim(site, second) == "204"
    # The device hears of it within a second; until then a press would still stand for the code.
    log = lambda: site.board.log()  # noqa: E731
    site.wait_for(lambda: log().rfind("lamp: healthy") > log().rfind("lamp: needs you"), 30, "a lamp that asks for nobody")

    site.wait_for(lambda: site.reach_provider() == "401", 60, "AI traffic")

    press(site, 300)
    site.await_line("lamp: frozen")
    assert site.reach_provider() == "000", "a short press froze it"
    assert plan.v4(80) in site.ask(), "DNS goes on"
    site.await_rhythm("1{4,}0{4,}1{4,}")
    press(site, 300)
    site.wait_for(lambda: site.reach_provider() == "401", 30, "AI traffic after the second short press")
    # Held, the lamp is dark until letting go would be a bypass, and then says so: one short light a turn. An eye that is late
    # misses some of them.
    seen = site.look(130, verb="hold")
    assert re.search("^1*0{6,}(1{1,3}0+)+1*$", seen), seen
    site.await_line("lamp: bypassed")
    held = ["the button is held", "the button is held for a bypass", "bypassed"]
    # The daemon's word may come a moment after the button is let go.
    told = [sign for sign in re.findall("lamp: (.*)", site.board.log()) if sign != "healthy"]
    assert told[-3:] == held

    commands = [event["command"] for event in noted(site) if event["actor"] in {"device", "console"}]
    wanted = ["button", "claim_by_button", "button", "password_reset", "button", "freeze", "button", "thaw"]
    wanted += ["button", "bypass"]
    assert [command for command in commands if command in set(wanted)] == wanted


def test_a_factory_reset_forgets_everything(new_site):
    secret = "the-office-keeps-this-to-itself"
    site = new_site(files={"config/remember.txt": secret * 200})
    assert secret.encode() in site.card.read("data", 64 << 20)
    for name in ("CONFIG-REJECTED.txt", "RESCUE-URL.txt"):
        site.card.fat_write("boot", name, secret.encode())
    # All of it is written over; where that takes long the office is answered meanwhile, and the puck starts once more.
    site.board.forgets = False
    site.boot()
    site.await_line("bench: ready")
    site.await_line("pinctrl-rp1:17 is on")
    first = site.claim_code()
    press(site, 30500)
    site.await_line("30 s: factory reset", 60)
    site.await_line("/data: Fresh", 180)
    # Without the owner's settings it is any new puck, with its own resolvers and a code of its own.
    site.wait_for(lambda: plan.PUCK in site.ask("nanogate.lan"), 60, "an answer after the reset")
    site.wait_for(lambda: site.claim_code(last=True) != first, 30, "a claim code of the new puck's own")
    commands = {event["command"] for event in noted(site)}
    # It begins the journal of the new puck; the press that asked for it went with the old one.
    assert {"data_new", "factory_reset"} <= commands and "button" not in commands, commands
    assert secret.encode() not in site.card.read("data", 64 << 20)
    assert site.card.fat_read("boot", "CONFIG-REJECTED.txt") is None and site.card.fat_read("boot", "RESCUE-URL.txt") is None
    assert not re.search(b"# (reset|forgot)", site.card.fat_read("boot", "autoboot.txt"))
