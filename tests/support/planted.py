"""What a careless user types: values that must never leave the office.

All are made up, some at run time, so that no file of this repository holds anything that looks like a real secret.
"""

import random
import string
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Planted:
    """A value and the placeholder that stands for it afterwards."""

    value: str
    placeholder: str


def openai_key(seed=1):
    """A project key in OpenAI's shape: two random halves around the marker that theirs carry."""
    letters = random.Random(seed)
    halves = ["".join(letters.choices(string.ascii_letters + string.digits, k=74)) for _ in range(2)]
    # In two parts, so that this line itself looks like no key.
    return "-".join(["sk", "proj", ("T3Blbk" + "FJ").join(halves)])


def private_key():
    """A fresh private key as PEM; nobody else has ever seen it."""
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        check=True,
        capture_output=True,
        text=True,
    )
    return made.stdout


EMAIL = Planted("anna.meyer@example.org", "[REDACTED_EMAIL]")
PHONE = Planted("+49 151 23456789", "[REDACTED_PHONE]")
CARD = Planted("4111 1111 1111 1111", "[REDACTED_CARD]")
KEY = Planted(openai_key(), "[REDACTED_API_KEY]")

EVERY = [EMAIL, PHONE, CARD, KEY]

CHAT = (
    f"Write to our client: mail {EMAIL.value}, phone {PHONE.value}. "
    f"She pays with {CARD.value}. The script runs with {KEY.value} today."
)
SYSTEM = f"You are the assistant of Anna Meyer ({EMAIL.value}). Never call her on {PHONE.value} after six."
TOOL_ARGUMENTS = f'{{"to": "{EMAIL.value}", "note": "card {CARD.value}", "when": 1767225600}}'


def redacted(text, planted=EVERY):
    """What must be left of a text: each planted value as its placeholder, every other character as it was."""
    for secret in planted:
        text = text.replace(secret.value, secret.placeholder)
    return text


def leaks(data, planted=EVERY):
    """The planted values that stand in some bytes, also with their separators taken out."""
    squeezed = bytes(byte for byte in data if byte not in b" -.\r\n")
    return [
        secret.value
        for secret in planted
        if secret.value.encode() in data or bytes(b for b in secret.value.encode() if b not in b" -.") in squeezed
    ]
