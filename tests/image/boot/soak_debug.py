"""The debug image, which `./build.sh soak image` makes beside the other: a shell on the serial console, and else the same."""

import plan
from card import built


def test_a_debug_image_has_a_shell_on_the_console_and_answers(new_site):
    site = new_site(image=built("nanogate-debug"))
    site.boot()
    assert plan.v4(80) in site.ask()
    site.await_line("DEBUG image: a shell of root's, without a password")
    # What the shell makes of it stands nowhere in what was typed.
    site.board.type("echo shell-$((6 * 7)); id -u; grep -c . /etc/nanogate-release; ls /data")
    site.await_line("shell-42")
    site.await_line("journal")
