"""Asks one question after the other on fresh connections until its stdin closes; one JSON line for each.

    keeps_asking.py HOST PATH BODY

Each line: when it began and ended (the machine's monotonic clock), the status, or the error.
"""

import http.client
import json
import select
import ssl
import sys
import time

# Long enough for a healthy answer, short enough that one lost packet does not hide a second of outage.
PATIENCE_SECONDS = 0.5
PAUSE_SECONDS = 0.01


def ask(host, path, body):
    connection = http.client.HTTPSConnection(host, timeout=PATIENCE_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("POST", path, body, {"content-type": "application/json", "authorization": "Bearer sk-test"})
        answer = connection.getresponse()
        answer.read()
        return {"status": answer.status, "error": None}
    except (OSError, http.client.HTTPException) as error:
        return {"status": None, "error": f"{type(error).__name__}: {error}"}
    finally:
        connection.close()


def main():
    host, path, body = sys.argv[1:]
    while not select.select([sys.stdin], [], [], PAUSE_SECONDS)[0]:
        begun = time.monotonic()
        print(json.dumps({"begun": begun} | ask(host, path, body) | {"ended": time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
