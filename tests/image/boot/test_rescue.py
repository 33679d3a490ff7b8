"""A card with nothing left to start is mended by a signed image, and by no other: promises 30 to 32 of image/README.md."""

import plan
import stick
from journal import noted

USB = ["-device", "qemu-xhci,id=usb"]
REFUSALS = {
    "a-stranger": "its signature is by none of this puck's keys",
    "b-older": "it is older",
    "c-other-board": "it is for the board raspberrypi5",
    "d-large": "it is too large for the slot",
    "e-truncated": "the file has",
    "f-changed": "piece 0 is not what was signed",
    "g-text": "it is no update of ours",
}


def without_slots(site, more=""):
    """Neither slot has so much as a file system, which the boot partition knows: the boot loader goes on to the rescue
    system, and that stays."""
    for name in ("slot-a", "slot-b"):
        site.card.write(name, bytes(512))
    text = "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n# hung=2,3\n" + more
    site.card.fat_write("boot", "autoboot.txt", text.encode().ljust(512, b"\n"))


def slots(site):
    return [site.card.read(name, site.card.places[name][1]) for name in ("slot-a", "slot-b")]


def serve(site, file):
    """A web server on the router that has one file."""
    words = ["python3", "-m", "http.server", "8000", "--bind", f"{plan.LAN}.{plan.ROUTER}", "--directory", file.parent]
    site.hosts["router"].popen([str(word) for word in words])


def test_a_card_without_slots_takes_a_signed_image_from_a_stick_and_no_other(new_site, tmp_path):
    site = new_site(extra=USB, device="good_seconds = 5\n")
    without_slots(site)
    bad = stick.make(tmp_path / "bad.img", stick.bad_updates(tmp_path, site.card.places["slot-a"][1]))
    good = stick.make(tmp_path / "good.img", [stick.GOOD])
    before = slots(site)
    site.card.fat_write("boot", "RESCUE-URL.txt", f"http://{plan.LAN}.{plan.ROUTER}:8000/a-stranger.update\r\n".encode())
    serve(site, tmp_path / "a-stranger.update")
    assert site.board.start()
    site.await_line("rescue: neither slot starts")
    stick.plug(site.board, bad, "bad")
    for name, why in REFUSALS.items():
        site.await_line(f"{name}.update is refused: {why}")
    site.await_line(f"rescue: http://{plan.LAN}.{plan.ROUTER}:8000/a-stranger.update is refused: its signature")
    assert slots(site) == before, "something was written although everything was refused"
    stick.plug(site.board, good, "good")
    site.await_line("rescue: slot A has a new image", 90)
    site.await_answer()
    site.await_line("slot A is good")
    assert [number for number, _ in site.board.loader.boots] == [4, 2]
    text = site.card.fat_read("boot", "autoboot.txt").decode()
    assert "boot_partition=2\n" in text and "# hung=3\n" in text and "# tried=" not in text
    assert {"rescue_used", "slot_good"} <= {event["command"] for event in noted(site)}


def test_a_web_server_that_the_owner_names_does_as_well(new_site):
    """At the fixed address that the owner gave it: there is no DHCP."""
    site = new_site(dhcp=False)
    without_slots(site, f"# network={plan.LAN}.60/24 {plan.LAN}.{plan.ROUTER}\n")
    # By a name that the office's router knows.
    site.serve_names({"updates.office.test": f"{plan.LAN}.{plan.ROUTER}"})
    url = f"http://updates.office.test:8000/{stick.GOOD.name}"
    site.card.fat_write("boot", "RESCUE-URL.txt", url.encode())
    serve(site, stick.GOOD)
    assert site.board.start()
    site.await_line("rescue: slot A has a new image", 90)
    assert f"rescue: address {plan.LAN}.60" in site.board.log()
    site.board.cut()
    slot = site.card.read("slot-a", site.card.places["slot-a"][1])
    payload = stick.payload(stick.GOOD)
    assert slot[: len(payload)] == payload
    assert b"\nboot_partition=2\n" in site.card.fat_read("boot", "autoboot.txt")
