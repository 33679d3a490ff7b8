"""What becomes of the card costs the journal at most, never DNS: promises 15 to 19 of image/README.md."""

import json
import os
import random
import re
import struct
import subprocess
import time

import journal
import plan
import pytest
from chooser import partitions
from powercut import SECTOR, Replay, entries
from puck import BINARY, POLICY
from site_with_puck import SETTINGS

CUTS = int(os.environ.get("POWER_CUTS", "5"))


# What a card has beyond the image.
MORE = 512 << 20


def data_size(site):
    """The file system of /data on a card, in bytes, as its super block tells (4 KiB blocks)."""
    begin, _ = partitions(site.card.file)[5][1:]
    with open(site.card.file, "rb") as card:
        card.seek(begin + 1024)
        head = card.read(1024)
    return struct.unpack_from("<I", head, 4)[0] * (1024 << struct.unpack_from("<I", head, 24)[0])


def test_a_new_card_is_made_ready_and_shows_the_claim_code(new_site):
    """And settings from a PC that nobody understands are refused aloud."""
    site = new_site(blank=True, larger=MORE)
    site.card.fat_write("boot", "policy.yaml.txt", b"version: 1\r\ndefault_mode: inspekt\r\n")
    site.card.fat_write("boot", "CONFIG.txt", b'[dns]\r\nupstreems = ["9.9.9.9"]\r\n[network]\r\naddress = "192.0.2.60/24"\r\n')
    assert site.board.start()
    site.await_line("/data: Fresh")
    site.await_line("settings_taken: CONFIG.txt was not taken in: dns.upstreems: unknown field `upstreems`")
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    site.await_line("the first question is answered")
    site.wait_for(lambda: site.card.fat_read("boot", "CLAIM-CODE.txt"), 30, "a claim code on the boot partition")
    text = site.card.fat_read("boot", "CLAIM-CODE.txt").decode()
    assert site.claim_code() in text
    site.await_line("bench: ready")
    site.board.type("fill 4")
    site.await_line("bench: filled 4")
    # What a larger card has is /data's.
    site.board.cut()
    told = site.card.fat_read("boot", "CONFIG-REJECTED.txt").decode()
    assert "# dns.upstreems: unknown field `upstreems`" in told and 'upstreems = ["9.9.9.9"]' in told
    assert site.card.fat_read("boot", "CONFIG.txt") is None
    assert "# line" in (told := site.card.fat_read("boot", "POLICY-REJECTED.txt").decode()) and "inspekt" in told, told
    # A start without any room on it.
    site.restart(name="nanogate.lan", wanted=plan.PUCK)
    site.await_page()
    site._point_dns("client-watched", plan.PUCK)
    assert site.reach_provider() == "000"
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"
    assert partitions(site.card.file)[5][2] >= (1024 << 20) + MORE - (4 << 20)
    assert data_size(site) >= (1024 << 20) + MORE - (64 << 20)


def test_a_ruined_data_partition_is_made_anew_and_says_so(new_site):
    site = new_site()
    noise = random.Random(7).randbytes(1 << 20)
    # Each group of blocks begins with what a repair could start from.
    for group in range(8):
        site.card.write("data", noise, group * (128 << 20))
    assert site.board.start()
    site.await_line("/data is lost", 150)
    site.await_line("/data: Recreated")
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    site.await_line("the first question is answered")
    # The new journal begins with the loss of the old one.
    noted = journal.noted(site)
    assert [note["ok"] for note in noted if note["command"] == "data_lost"] == [False], noted


def test_a_check_that_takes_long_keeps_nobody_waiting(new_site):
    """A file system with thousands of folders that has to be looked through, on a card that is slow."""
    site = new_site(files={f"old/{number}/note": "x" for number in range(4000)})
    begin, _ = site.card.places["data"]
    forced = ["tune2fs", "-E", "force_fsck", f"{site.card.file}?offset={begin}"]
    subprocess.run(forced, check=True, capture_output=True)
    assert site.board.start()
    site.await_line("Linux version")
    site.board.slow_card(300_000)
    site.await_line("/data is still being looked at", 150)
    site.await_line("/data: Memory")
    # What the owner set lies on the card.
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    site.await_page()
    site._point_dns("client-watched", plan.PUCK)
    assert site.reach_provider() == "000", "AI traffic without a journal"
    site.await_line("lamp: needs you")
    assert "the work on the card is done" not in site.board.log(), "it was not slow enough to show anything"
    site.board.slow_card(0)
    site.await_line("the work on the card is done; starting with it", 150)
    site.wait_for(lambda: re.search("/data: (Whole|Repaired)", site.board.log()), 60, "a start with what was checked")
    site.await_answer()
    site.wait_for(lambda: site.reach_provider() == "401", 60, "AI traffic")
    assert [number for number, _ in site.board.loader.boots] == [2, 2]
    assert "is lost" not in site.board.log()


SPOILED = {
    "a key that was cut short": {"keys/device.pem": "-----BEGIN PRIVATE KEY-----\nAAAA"},
    "settings that the daemon does not know": {"config/nanogate.toml": SETTINGS.replace("[dns]", "[dns]\nupstreems = 1")},
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_what_lies_on_the_card_never_costs_the_office_its_dns(new_site, spoiled):
    """The daemon cannot start with it, so it starts without."""
    site = new_site(files=spoiled)
    assert site.board.start()
    site.await_line("the daemon does not start with what lies on the card")
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    site.await_page()
    # Nor will it be: the watchdog is fed by answers that this daemon gives, too.
    site.await_line("the first question is answered")
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"
    site.board.cut()
    [(_, text)] = spoiled.items()
    assert text.encode() in site.card.read("data", 64 << 20), "it is left as it was"


def test_a_daemon_that_never_answers_is_started_without_what_lies_on_the_card(new_site):
    """It lives and does not answer, whatever it may be that it read: before the watchdog bites it is tried without."""
    site = new_site(device="start_seconds = 60\n")
    assert site.board.start()
    site.await_line("bench: ready")

    def given_up():
        site.board.type("hang dns")
        return "the daemon does not start with what lies on the card" in site.board.log()

    site.wait_for(given_up, 120, "a start without the card")
    site.await_answer(name="nanogate.lan", wanted=plan.PUCK)
    site.await_line("lamp: needs you")
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"


def test_settings_from_a_pc_are_taken_in_once_and_scrubbed(new_site):
    site = new_site(larger=MORE)
    password = "correct horse battery staple"
    hashed = subprocess.run([BINARY, "password"], input=password, capture_output=True, text=True, check=True).stdout
    # PID 1 asks on the loopback, wherever else the owner has it listen.
    named = site.settings.replace("[dns]", '[dns]\nlisten = ["192.0.2.60:53"]')
    # The policy comes the same way, and needs no word in the settings.
    named = named.replace('policy = "/data/config/policy.yaml"\n', "")
    rule = "rules:\n  - {name: from-a-pc, action: deny}\n"
    site.card.fat_write("boot", "policy.yaml", (POLICY + rule).replace("\n", "\r\n").encode())
    wanted = 'mode = "gateway"\n' + named + '[network]\naddress = "192.0.2.60/24"\nrouter = "192.0.2.254"\n'
    wanted += f'[setup]\npassword_hash = "{hashed.strip()}"\n'
    site.card.fat_write("boot", "CONFIG", wanted.encode())
    assert site.board.start()
    site.await_line("/data fills the card now")
    site.await_line("policy.yaml was taken in")
    site.await_line("CONFIG was taken in")
    site.wait_for(lambda: plan.v4(80) in site.ask(server="192.0.2.60"), 90, "an answer from the address in the file")
    site.await_line("the first question is answered")
    # The file makes a gateway of it: who has no other way out asks the internet's own resolver through it.
    site.hosts["client-denied"].ip("route replace default via 192.0.2.60")
    out = lambda: plan.v4(80) in site.ask(client="client-denied", server=plan.DNS)  # noqa: E731
    site.wait_for(out, 60, "a way through the gateway")
    # With the password in it there is nothing to claim: the page knows it.
    page = "https://192.0.2.60:9443/api/v1/sign-in"
    words = ["curl", "-sk", "-w", "%{http_code}", "-o", "/dev/null", "-H", "x-nanogate: 1", "--max-time", "5", page]
    words += ["-H", "content-type: application/json", "-d", json.dumps({"password": password})]
    client = site.hosts["client-watched"]
    site.wait_for(lambda: client.run(words, check=False).stdout == "204", 60, "a sign-in with the password in the file")
    assert "claim code: " not in site.board.log()
    site.await_line("the new policy is in force")
    noted = {event["command"] for event in journal.noted(site)}
    assert {"settings_taken", "policy_taken", "password_set"} <= noted
    assert site.card.fat_read("boot", "CONFIG") is None and site.card.fat_read("boot", "policy.yaml") is None
    partition = site.card.read("boot", site.card.places["boot"][1])
    secret = hashed.strip().rpartition("$")[2].encode()
    assert b"192.0.2.60" not in partition and secret not in partition, "the file's blocks are still there"


def test_filling_and_pulling_the_card_leave_dns_and_stop_ai(new_site):
    site = new_site()
    site.boot()
    site.await_page()
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    site.wait_for(lambda: site.reach_provider() == "401", 60, "AI traffic")
    # A card without room denies AI as one that is gone does, and takes records again by itself once there is some.
    site.await_line("bench: ready")
    # Whoever holds the console's cable has stopped it with a key; nothing waits for it.
    site.board.type("\x13")
    site.board.type("fill 4")
    site.await_line("bench: filled 4")
    site.wait_for(lambda: site.reach_provider() == "000", 60, "denial of AI traffic on a full disk")
    assert plan.v4(80) in site.ask(), "DNS goes on"
    client = site.hosts["client-watched"]
    look = ["curl", "-sk", "--max-time", "5", f"https://{plan.PUCK}:9443/api/v1/session"]
    told = lambda words: words in client.run(look, check=False).stdout  # noqa: E731
    site.wait_for(lambda: told("takes no records"), 30, "a page that says so to whoever opens it")
    site.board.type("fill 0")
    site.await_line("bench: filled 0")
    site.wait_for(lambda: told("claimed") and not told("trouble"), 60, "a page that takes it back")
    site.wait_for(lambda: site.reach_provider() == "401", 60, "AI traffic once there is room again")
    site.board.pull_card()
    for number in range(20):
        assert plan.v4(80) in site.ask(name="www.example.com"), f"question {number} after the card was pulled"
        site.hosts["client-watched"].run(["sleep", "0.5"])
    site.wait_for(lambda: site.reach_provider() == "000", 60, "denial of AI traffic without a journal")
    assert plan.v4(80) in site.ask(name="shop.example.net")
    # Who dies comes back, though what it is started with lies on the card.
    site.board.type("forget")
    site.await_line("bench: forgotten")
    for process in ("proxy", "admin", "dns"):
        site.board.type(f"kill {process}")
        site.await_line(f"bench: killed {process}")
    site.await_answer(name="shop.example.net")
    site.wait_for(lambda: told("It needs you"), 60, "a page that says what is wrong")
    explicit = ["curl", "-sk", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}"]
    explicit += ["--proxy", f"http://{plan.PUCK}:8080"]
    passed = lambda: client.run([*explicit, "https://www.example.com/"], check=False).stdout == "200"  # noqa: E731
    site.wait_for(passed, 30, "what is no AI through a proxy that came back")
    assert site.reach_provider() == "000", "AI goes through a proxy that has no journal"
    assert re.findall("lamp: (.*)", site.board.log())[-1] == "needs you"
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"


def test_a_card_that_hangs_leaves_dns(new_site):
    """It is neither gone nor well: whoever asks it for something waits for ever, and the watchdog is fed all the same."""
    site = new_site(device="good_seconds = 10\n")
    site.boot()
    site.await_line("the first question is answered")
    site.board.hang_card()
    # Longer than the watchdog and the time without an answer together.
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert plan.v4(80) in site.ask()
        time.sleep(1)
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"


def test_the_card_is_written_to_seldom(new_site, capsys):
    """Flash wears out: eight hours in which 25 people ask an AI once a second, and sixteen in which nobody does. And where
    the owner allows records to wait in memory, the card may be missing altogether."""
    settings = SETTINGS.replace("journal_count_seconds = 1\n", "") + "[journal]\nin_memory_mib = 4\n"
    site = new_site(record=True, settings=settings)
    site.boot()
    site.await_page()
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    # What a start writes is no part of a day: the clock is set, lists and devices are seen for the first time.
    time.sleep(20)

    def written(seconds, ask):
        begin, start = site.board.record.stat().st_size, time.monotonic()
        end = start + seconds
        for second in range(seconds):
            if ask:
                assert site.reach_provider() == "401"
                [site.ask(f"name{second % 20}-{number}.example.com") for number in range(3)]
            time.sleep(max(0, end - (seconds - second - 1) - time.monotonic()))
        finish = site.board.record.stat().st_size
        sectors = sum(entry.count for entry in entries(site.board.record) if begin <= entry.at < finish)
        # A machine with too much to do takes longer, and the puck goes on writing meanwhile.
        return sectors * SECTOR / (time.monotonic() - start)

    def a_day():
        # Whole rounds of the eight seconds after which records are forced to the card: a part of one counts for all of it.
        busy, idle = written(40, True), written(48, False)
        day = (busy * 8 + idle * 16) * 3600 / 1e6
        with capsys.disabled():
            print(f"\nthe card: {busy / 1000:.1f} kB/s busy, {idle / 1000:.1f} kB/s idle, {day:.0f} MB a day")
        return day

    # The answers kept for the next start are not among it: they come after five minutes, and have a bound of their own
    # (firmware/daemon, worker/dns/answers.rs). The processes force their records to the card in step; where the emulator
    # gets no time they fall out of it, so a puck that writes too much does so each time.
    assert any(a_day() < 200 for _ in range(3))

    site.board.pull_card()
    # What is remembered of files hides that they are gone, for a while.
    site.board.type("forget")
    site.await_line("bench: forgotten")
    # Longer than it takes a puck that is allowed no memory to notice and to deny.
    end = time.monotonic() + 15
    while time.monotonic() < end:
        assert site.reach_provider() == "401", f"AI traffic does not go on without the card:\n{site.board.log()[-8000:]}"
        assert plan.v4(80) in site.ask()
    site.await_line("they wait in memory")
    assert [number for number, _ in site.board.loader.boots] == [2], "it did not restart"


def test_a_power_cut_at_any_moment_leaves_a_card_that_starts_clean(new_site):
    site = new_site(record=True)
    whole = site.folder / "before.img"
    subprocess.run(["cp", "--sparse=always", site.card.file, whole], check=True)
    site.boot()
    site.await_page()
    for name in plan.CLIENTS:
        site._point_dns(name, plan.PUCK)
    for number in range(15):
        site.reach_provider()
        site.ask(f"name{number}.example.com")
    site.board.cut()
    replay = Replay(whole, site.board.record, seed=20260101)
    assert replay.flushes > 3, "nothing was flushed: there is nothing to cut"
    site.board.record = None
    # An auditor who takes the card out right after the cut finds nothing but torn ends.
    begun = [journal.verify(site, replay.cut(site.card.file)) for _ in range(20 + CUTS)]
    assert sum(begun) > len(begun) / 2, "hardly a cut left a journal to verify"
    for number in range(CUTS):
        described = replay.cut(site.card.file)
        site.restart()
        site.await_line("the first question is answered")
        site.board.cut()
        outcome = re.search(r"/data: (\w+)", site.board.log()).group(1)
        assert outcome in {"Whole", "Repaired"}, f"cut {number} ({described}): /data was {outcome}"
        assert journal.verify(site, described), "a puck that ran has a journal"
