"""Whether what streams through the puck comes at the pace at which the provider sends it."""

import statistics

#: What the puck may add between two events, in milliseconds.
ADDED = 5


def assert_kept(clients, arrivals):
    """`arrivals(client)` are the times of a stream's events in milliseconds, for the clients of each mode. A busy machine
    bunches events now and then; a buffer does so each time."""
    tries = []
    while len(tries) < 3:
        paces = {}
        for mode, client in clients.items():
            times = arrivals(client)
            paces[mode] = statistics.median(later - earlier for earlier, later in zip(times, times[1:]))
        if abs(paces["inspected"] - paces["watched"]) < ADDED:
            return
        tries.append(paces)
    raise AssertionError(tries)
