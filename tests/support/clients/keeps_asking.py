"""Asks one question after the other on fresh connections until its stdin closes; one JSON line for each.

    keeps_asking.py HOST PATH BODY

Each line: when it began and ended (the machine's monotonic clock), the status, or the error. The name is resolved once:
systems keep an answer for its time to live, and a lost DNS question would have the asker sit out its resolver's two
seconds, in which it sees nothing. DNS on its own is another test's matter.
"""

import http.client
import json
import socket
import ssl
import sys
import threading
import time

PATIENCE_SECONDS = 3
PAUSE_SECONDS = 0.05
ASKERS = 3


def ask(address, host, path, body):
    connection = http.client.HTTPSConnection(host, timeout=PATIENCE_SECONDS, context=ssl.create_default_context())
    connection._create_connection = lambda _, timeout, source: socket.create_connection((address, 443), timeout)
    try:
        connection.request("POST", path, body, {"content-type": "application/json", "authorization": "Bearer sk-test"})
        answer = connection.getresponse()
        answer.read()
        return {"status": answer.status, "error": None}
    except (OSError, http.client.HTTPException) as error:
        return {"status": None, "error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


def keep_asking(question, over, out):
    while not over.wait(PAUSE_SECONDS):
        begun = time.monotonic()
        row = {"begun": begun} | ask(*question) | {"ended": time.monotonic()}
        with out:
            print(json.dumps(row), flush=True)


def main():
    over, out = threading.Event(), threading.Lock()
    host, path, body = sys.argv[1:]
    question = (socket.gethostbyname(host), host, path, body)
    askers = [threading.Thread(target=keep_asking, args=(question, over, out)) for _ in range(ASKERS)]
    for asker in askers:
        asker.start()
    sys.stdin.read()
    over.set()
    for asker in askers:
        asker.join()


if __name__ == "__main__":
    main()
