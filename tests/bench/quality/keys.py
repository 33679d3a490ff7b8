"""Private keys in their files: structurally whole, of random numbers."""

import hashlib
import json
import textwrap
from pathlib import Path

from . import encode
from .credentials import taken

# BIP-39's own list, which is a fact of the standard and no opinion of the rules.
BIP39 = Path(__file__).resolve().parents[3] / "firmware/scrub/src/decide/unmarked/bip39_english.txt"


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    length = (
        bytes([size])
        if size < 128
        else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    )
    return bytes([tag]) + length + body


def integer(draw, count):
    return der(2, bytes([draw.randint(1, 127)]) + draw.raw(count - 1))


def rsa(draw):
    count = draw.choice([128, 256, 256, 512])
    numbers = [integer(draw, count), der(2, b"\1\0\1"), integer(draw, count)] + [
        integer(draw, count // 2) for _ in range(5)
    ]
    return der(0x30, der(2, b"\0"), *numbers)


def pem(label, body, headers=""):
    lines = "\n".join(textwrap.wrap(encode.base64std(body), 64))
    return f"-----BEGIN {label}-----\n{headers}{lines}\n-----END {label}-----"


def pem_rsa(draw):
    return pem("RSA PRIVATE KEY", rsa(draw))


def pem_pkcs8(draw):
    oid = bytes.fromhex("06092a864886f70d0101010500")
    return pem("PRIVATE KEY", der(0x30, der(2, b"\0"), der(0x30, oid), der(4, rsa(draw))))


def pem_ec(draw):
    curve = der(0xA0, bytes.fromhex("06082a8648ce3d030107"))
    return pem(
        "EC PRIVATE KEY",
        der(0x30, der(2, b"\1"), der(4, draw.raw(32)), curve, der(0xA1, der(3, b"\0\4" + draw.raw(64)))),
    )


def pem_encrypted(draw):
    if draw.random() < 0.4:
        headers = f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,{draw.chars('X', 32)}\n\n"
        return pem("RSA PRIVATE KEY", draw.raw(1192), headers)
    scheme = der(0x30, bytes.fromhex("06092a864886f70d01050d"), der(0x30, der(4, draw.raw(8)), der(2, b"\x08\0")))
    return pem("ENCRYPTED PRIVATE KEY", der(0x30, scheme, der(4, draw.raw(1232))))


def openssh(draw):
    def text(value):
        return len(value).to_bytes(4, "big") + value

    public = text(b"ssh-ed25519") + text(draw.raw(32))
    inner = draw.raw(4) * 2 + public + text(draw.raw(64)) + text(b"me@laptop") + b"\1\2\3\4\5"
    body = b"openssh-key-v1\0" + text(b"none") + text(b"none") + text(b"") + b"\0\0\0\1" + text(public) + text(inner)
    lines = "\n".join(textwrap.wrap(encode.base64std(body), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{lines}\n-----END OPENSSH PRIVATE KEY-----"


def pgp(draw):
    body = b"\x95\x03\xbe" + draw.raw(960)
    lines = "\n".join(textwrap.wrap(encode.base64std(body), 64))
    note = draw.choice(["", "Version: GnuPG v2\n", "Comment: office\n"])
    return f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{note}\n{lines}\n={encode.crc24(body)}\n-----END PGP PRIVATE KEY BLOCK-----"


def putty(draw):
    public = "\n".join(textwrap.wrap(encode.base64std(draw.raw(280)), 64))
    private = textwrap.wrap(encode.base64std(draw.raw(draw.choice([240, 600, 1100]))), 64)
    head = f"PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nComment: rsa-key-{draw.randint(2019, 2026)}0412\nPublic-Lines: {public.count(chr(10)) + 1}\n{public}\n"
    secret = f"Private-Lines: {len(private)}\n" + "\n".join(private) + f"\nPrivate-MAC: {draw.chars('x', 64)}"
    return head, secret


def service_account(draw):
    project = draw.choice(["orders-prod", "crm-eu", "ml-lab"])
    key = pem_pkcs8(draw) + "\n"
    value = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": draw.chars("x", 40),
        "private_key": key,
        "client_email": f"robot@{project}.iam.gserviceaccount.com",
        "client_id": "1" + draw.chars("d", 20),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    # The span is the key as it stands in the file, escapes and all, without the line break at its end.
    return value, json.dumps(key.rstrip("\n"))[1:-1]


# `§` is the key; the second word says how it is escaped there.
CARRIERS = [
    ("", "§\n"),
    ("", "$ cat deploy.key\n§\n$ chmod 600 deploy.key"),
    ("", "Why does ssh say invalid format?\n\n§\n\nI copied it from the old server."),
    ("json", '{"name": "ci", "key": "§", "usage": "deploy"}'),
    ("json", 'const key = "§";'),
    ("json", 'SIGNING_KEY="§"\n'),
    ("json", '{"messages":[{"role":"user","content":"convert this to pkcs12:\\n§\\nthanks"}]}'),
    ("indent", "tls:\n  key: |\n    §\n  port: 443\n"),
    ("indent", "locals {\n  key = <<-EOT\n    §\n  EOT\n}\n"),
    ("", 'key = """§"""\n'),
    ("crlf", "§\r\n"),
]


def carried(make):
    def row(draw, turn):
        key = make(draw)
        how, text = taken(CARRIERS, turn)
        if how == "json":
            key = json.dumps(key)[1:-1]
        elif how == "indent":
            key = key.replace("\n", "\n    ")
        elif how == "crlf":
            key = key.replace("\n", "\r\n")
        return text.replace("§", key), key

    return row


def putty_row(draw, turn):
    head, secret = putty(draw)
    text = taken(
        [
            "{k}\n",
            "id_rsa.ppk:\n{k}\n",
            "How do I convert this?\n{k}\n\nthanks",
            "# backup\n{k}\n# end",
            "<pre>\n{k}\n</pre>",
        ],
        turn,
    )
    body = text.replace("{k}", head + secret)
    # What must not leave is the private part: the lines and what authenticates them.
    return body, secret


def service_account_row(draw, turn):
    value, key = service_account(draw)
    text = taken(
        [
            json.dumps(value, indent=2),
            json.dumps(value),
            "gcloud auth activate-service-account --key-file=sa.json\n# sa.json\n" + json.dumps(value, indent=4),
            "credentials = service_account.Credentials.from_service_account_info(" + json.dumps(value) + ")",
            "GCP_SA='" + json.dumps(value) + "'\n",
        ],
        turn,
    )
    return text, key


def mnemonic(draw):
    """BIP 39: entropy and the first bits of its SHA-256, eleven bits a word."""
    words = BIP39.read_text().split()
    entropy = draw.raw(draw.choice([16, 16, 20, 24, 32]))
    bits = "".join(f"{byte:08b}" for byte in entropy)
    bits += f"{hashlib.sha256(entropy).digest()[0]:08b}"[: len(entropy) // 4]
    return " ".join(words[int(bits[at : at + 11], 2)] for at in range(0, len(bits), 11))


def mnemonic_row(draw, turn):
    phrase = mnemonic(draw)
    text = taken(
        [
            "my seed phrase is §, is it safe to store it in a note?",
            'MNEMONIC="§"\n',
            "wallet:\n  mnemonic: §\n  network: testnet\n",
            '{"recoveryPhrase":"§"}',
            "§",
            "Backup from the paper:\n§\nPIN in the safe",
            "await ethers.Wallet.fromPhrase('§');",
            "Meine Wiederherstellungswörter: §",
        ],
        turn,
    )
    return text.replace("§", phrase), phrase


KEYS = {
    "pem_rsa_private_key": carried(pem_rsa),
    "pem_pkcs8_private_key": carried(pem_pkcs8),
    "pem_ec_private_key": carried(pem_ec),
    "pem_encrypted_private_key": carried(pem_encrypted),
    "openssh_private_key": carried(openssh),
    "pgp_private_key": carried(pgp),
    "putty_private_key": putty_row,
    "gcp_service_account_json": service_account_row,
    "bip39_mnemonic": mnemonic_row,
}
