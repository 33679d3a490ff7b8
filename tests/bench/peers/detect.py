"""detect-secrets (Yelp) with its default plugins and filters, as it scans files.

Run by the Python of out/peers: `rows` answers `{"id", "text"}` lines with findings; `speed FILE SECONDS` prints MB/s over
a corpus of `{"text"}` lines.
"""

import sys
import tempfile
from pathlib import Path

import runner
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings


class Files:
    """It reads files only, so each text becomes one in turn."""

    def __init__(self, folder):
        self.path = Path(folder) / "row.txt"

    def findings(self, text):
        self.path.write_bytes(text.encode())
        starts, at = [], 0
        lines = text.split("\n")
        for line in lines:
            starts.append(at)
            at += len(line.encode()) + 1
        found = []
        for secret in scan_file(str(self.path)):
            line = lines[secret.line_number - 1] if secret.line_number <= len(lines) else ""
            place = line.find(secret.secret_value)
            if place >= 0:
                start = starts[secret.line_number - 1] + len(line[:place].encode())
                end = start + len(secret.secret_value.encode())
                found.append(runner.finding(secret.type, "kb1-secrets", start, end))
        return found


if __name__ == "__main__":
    with default_settings(), tempfile.TemporaryDirectory() as folder:
        sys.exit(runner.main(Files(folder).findings))
