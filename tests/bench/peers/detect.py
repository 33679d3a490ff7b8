"""detect-secrets (Yelp) with its default plugins and filters.

Run by the Python of out/peers: `rows` answers `{"id", "text"}` lines with findings; `speed FILE` prints MB/s over a
corpus of `{"text"}` lines.
"""

import sys

import runner
from detect_secrets.core.scan import scan_line
from detect_secrets.settings import default_settings


def findings(text):
    found, base = [], 0
    for line in text.split("\n"):
        for secret in scan_line(line):
            at = line.find(secret.secret_value)
            if at >= 0:
                start = base + len(line[:at].encode())
                size = len(secret.secret_value.encode())
                found.append(runner.finding(secret.type, "kb1-secrets", start, start + size))
        base += len(line.encode()) + 1
    return found


if __name__ == "__main__":
    with default_settings():
        sys.exit(runner.main(findings))
