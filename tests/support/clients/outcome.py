"""What the Python clients share: reading the scenario, timing, printing the result."""

import json
import sys
import time

import httpx2

DEFAULT_PROMPT = "Summarise the quarterly review."


class Outcome:
    """Collects what happens to one scenario."""

    def __init__(self):
        self.begun = time.monotonic()
        self.result = {"text": "", "tool_calls": [], "usage": None, "events_ms": [], "total_ms": None, "error": None}

    def elapsed_ms(self):
        return round((time.monotonic() - self.begun) * 1000, 3)

    def event(self):
        self.result["events_ms"].append(self.elapsed_ms())

    def say(self, text):
        self.result["text"] += text or ""

    def call(self, name, arguments):
        self.result["tool_calls"].append({"name": name, "arguments": arguments})

    def count(self, input_tokens, output_tokens):
        self.result["usage"] = {"input": input_tokens, "output": output_tokens}

    def fail(self, error):
        body = getattr(error, "body", None)
        inner = body.get("error", body) if isinstance(body, dict) else {}
        self.result["error"] = {
            "class": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "code": inner.get("code") if isinstance(inner, dict) else None,
            "message": str(error),
        }


def main(live, sdk_errors):
    """Runs `live(scenario, outcome)`; an error of the SDK is a result like any other.

    Both SDKs let the errors of their HTTP library through when a stream breaks in its middle.
    """
    scenario = json.load(sys.stdin)
    outcome = Outcome()
    try:
        live(scenario, outcome)
    except (*sdk_errors, httpx2.HTTPError) as error:
        outcome.fail(error)
    outcome.result["total_ms"] = outcome.elapsed_ms()
    json.dump(outcome.result, sys.stdout)
