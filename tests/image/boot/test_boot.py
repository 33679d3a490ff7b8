"""The image boots and does its work: promises 1 to 3 of image/README.md."""

import re

import plan

# Seconds from the kernel's start to the first DNS answer, and MB in use once everything runs.
FIRST_ANSWER_SECONDS = 8
MEMORY_MB = 120


def test_answers_what_the_office_asks(site):
    assert site.ask("www.example.com") == plan.v4(80)


def test_steers_the_names_of_ai_providers_to_itself(site):
    assert site.ask("api.openai.com") == plan.PUCK


def test_starts_fast(site):
    """On a machine that does other things too, each second in which QEMU's processors waited for a turn is not ours."""
    site.await_line("the first question is answered")
    seconds = float(re.search(r"\[ *([\d.]+)\] puck: the first question is answered", site.board.log()).group(1))
    assert seconds - site.waited < FIRST_ANSWER_SECONDS, f"{seconds} s, of which {site.waited} s waiting for a processor"


def test_needs_little_memory(site):
    site.await_page()
    site.await_line("MB of memory in use")
    words = re.search(r"(\d+) MB of memory in use .*", site.board.log())
    assert int(words[1]) < MEMORY_MB, words[0]
