"""A slot that does not start costs a minute, not the office: promises 10 to 14 of image/README.md."""

import contextlib
import gzip
import re
import time

import pytest

import plan
from journal import noted
from site_with_puck import SETTINGS

SHORT = "good_seconds = 5\n"


@pytest.fixture
def hasty(new_site):
    """An office whose puck marks slots after seconds, and whose boot loader waits only this long for a kernel."""

    def make(**options):
        site = new_site(device=SHORT, **options)
        for slot in ("slot-a", "slot-b", "rescue"):
            wait_for_a_kernel(site, slot, 40)
        return site

    return make


def wait_for_a_kernel(site, slot, seconds):
    """How long the boot loader lets a slot's kernel take."""
    config = site.card.fat_read(slot, "config.txt")
    site.card.fat_write(slot, "config.txt", re.sub(rb"timeout=\d+", b"timeout=%d" % seconds, config))


def default_slot(site):
    text = site.card.fat_read("boot", "autoboot.txt").decode()
    return int(re.search(r"boot_partition=(\d)", text).group(1)), text


def spoil_kernel(site, slot):
    """A kernel that was written only in part: the boot loader starts it all the same, and it goes nowhere."""
    site.card.fat_write(slot, "kernel.img", gzip.compress(bytes(1 << 20)))
    # However long it is waited for.
    wait_for_a_kernel(site, slot, 5)


def spoil_initramfs(site, slot):
    whole = site.card.fat_read(slot, "initramfs.img")
    site.card.fat_write(slot, "initramfs.img", whole[: len(whole) // 2])


def flip_a_bit(site, slot):
    """In the checksum at the archive's end: a root with hardly a wrong byte, which the kernel starts."""
    whole = bytearray(site.card.fat_read(slot, "initramfs.img"))
    whole[-1] ^= 1
    site.card.fat_write(slot, "initramfs.img", whole)


def test_a_damaged_slot_a_gives_way_to_slot_b_and_a_lost_autoboot_is_made_anew(hasty):
    site = hasty()
    flip_a_bit(site, "slot-a")
    # Without the file the boot loader starts the first slot.
    site.card.fat_delete("boot", "autoboot.txt")
    site.boot(timeout=300)
    assert "what this was started from is damaged" in site.board.log()
    site.await_line("slot B is good")
    assert [number for number, _ in site.board.loader.boots] == [2, 4, 2, 4, 3], "slot A has two chances"
    number, text = default_slot(site)
    assert len(text) == 512
    assert number == 3 and "# hung=2" in text, "slot A is not tried again before it is written anew"


def test_a_damaged_slot_b_that_starts_by_default_gives_way_to_slot_a(hasty):
    site = hasty()
    spoil_kernel(site, "slot-b")
    # It had its first chance before.
    text = "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n# suspect=3\n"
    site.card.fat_write("boot", "autoboot.txt", text.encode().ljust(512, b"\n"))
    site.boot(timeout=300)
    site.await_line("slot A is good")
    assert [number for number, _ in site.board.loader.boots] == [3, 4, 2]
    number, text = default_slot(site)
    assert number == 2 and "# hung=3" in text, "slot B is not tried again before it is written anew"
    assert ("slot_good", True) in [(event["command"], event["ok"]) for event in noted(site)]


def test_both_slots_damaged_end_in_the_rescue_system(hasty):
    site = hasty()
    spoil_kernel(site, "slot-a")
    spoil_initramfs(site, "slot-b")
    # Each had its first chance before.
    text = "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n# suspect=2,3\n"
    site.card.fat_write("boot", "autoboot.txt", text.encode().ljust(512, b"\n"))
    assert site.board.start()
    site.await_line("rescue: without one both slots are tried again in 10 minutes", timeout=300)
    assert [number for number, _ in site.board.loader.boots] == [2, 4, 3, 4]


def test_a_trial_that_is_good_is_kept(hasty):
    site = hasty()
    site.board.loader.tryboot = True
    site.boot()
    site.await_line("slot B is good and starts from now on")
    assert site.board.loader.boots == [(3, True)]
    number, text = default_slot(site)
    assert number == 3 and len(text) == 512


def test_a_trial_that_hangs_leaves_the_good_slot_as_it_was(hasty):
    site = hasty()
    spoil_kernel(site, "slot-b")
    site.board.loader.tryboot = True
    site.boot(timeout=200)
    site.await_line("slot A is good")
    assert site.board.loader.boots == [(3, True), (4, False), (2, False)]
    number, text = default_slot(site)
    assert number == 2 and "# hung" not in text and "# suspect" not in text


def test_a_trial_whose_proxy_is_broken_rolls_back(hasty):
    site = hasty()
    site.board.loader.tryboot = True
    assert site.board.start()
    site.await_line("bench: ready")

    def given_up():
        # Between two starts nobody listens.
        with contextlib.suppress(OSError):
            site.board.type("kill proxy")
        time.sleep(1)
        return site.board.loader.boots == [(3, True), (2, False)]

    site.wait_for(given_up, 150, "the end of the trial")
    # The log is the next start's by now, which tells why.
    site.await_line("slot B goes back to the other one: it did not become good")
    assert default_slot(site)[0] == 2
    site.await_answer()
    assert ("slot_failed", False) in [(event["command"], event["ok"]) for event in noted(site)]


def test_a_trial_that_does_not_start_with_the_owners_settings_rolls_back(hasty):
    """Going on without them is for a puck that has nothing better to go back to."""
    site = hasty(settings=SETTINGS.replace("[dns]", "[dns]\nupstreems = 1"))
    site.board.loader.tryboot = True
    assert site.board.start()
    site.await_line("slot B goes back to the other one: the daemon does not start with what lies on the card", timeout=150)
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    assert site.board.loader.boots == [(3, True), (2, False)]
