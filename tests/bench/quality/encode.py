"""Checksummed and structured encodings that tokens are made of."""

import base64
import hashlib
import json
import zlib

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def number(value, alphabet, width=0):
    text = ""
    while value:
        value, rest = divmod(value, len(alphabet))
        text = alphabet[rest] + text
    return text.rjust(width, alphabet[0])


def crc(data):
    return zlib.crc32(data.encode())


def crc62(data):
    """GitHub's and npm's: CRC-32 of the random part, six characters of base 62."""
    return number(crc(data), BASE62, 6)


def base64url(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def base64std(data):
    data = data.encode() if isinstance(data, str) else data
    return base64.b64encode(data).decode()


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def jwt(draw, payload, algorithm="HS256", signature=32):
    header = base64url(compact({"alg": algorithm, "typ": "JWT"}))
    return f"{header}.{base64url(compact(payload))}.{base64url(draw.raw(signature))}"


def base58(data):
    zeros = len(data) - len(data.lstrip(b"\0"))
    return BASE58[0] * zeros + number(int.from_bytes(data, "big"), BASE58)


def base58check(data):
    return base58(data + hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4])


def bech32(prefix, values, constant=1):
    """BIP 173 (constant 1) and BIP 350; `values` are of five bits."""
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    state = 1
    for value in expanded + values + [0] * 6:
        top, state = state >> 25, (state & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            state ^= generator if top >> bit & 1 else 0
    state ^= constant
    check = [state >> 5 * (5 - index) & 31 for index in range(6)]
    return prefix + "1" + "".join(BECH32[value] for value in values + check)


def five_bits(data):
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    return [int(bits[index : index + 5], 2) for index in range(0, len(bits), 5)]


def keccak256(data):
    """Keccak as Ethereum uses it (padding 01, not SHA-3's 06), for EIP-55."""
    rate, lanes = 136, [0] * 25
    padded = bytearray(data + b"\x01" + b"\0" * (-(len(data) + 1) % rate))
    padded[-1] |= 0x80
    for block in range(0, len(padded), rate):
        for lane in range(rate // 8):
            at = block + 8 * lane
            lanes[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def _permute(a):
    mask, feedback = (1 << 64) - 1, 1

    def turn(value, by):
        return (value << by | value >> (64 - by)) & mask if by else value

    for _ in range(24):
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[(x + 4) % 5] ^ turn(c[(x + 1) % 5], 1) for x in range(5)]
        for index in range(25):
            a[index] ^= d[index % 5]
        x, y, current = 1, 0, a[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x + 5 * y] = a[x + 5 * y], turn(current, (step + 1) * (step + 2) // 2 % 64)
        for row in range(0, 25, 5):
            line = a[row : row + 5]
            for x in range(5):
                a[row + x] = line[x] ^ ~line[(x + 1) % 5] & line[(x + 2) % 5] & mask
        for bit in range(7):
            feedback = (feedback << 1 ^ (feedback >> 7) * 0x71) % 256
            if feedback & 2:
                a[0] ^= 1 << ((1 << bit) - 1)


def eip55(address):
    """Mixed case as EIP-55 writes the 40 lower-case digits of an address."""
    digest = keccak256(address.encode()).hex()
    return "0x" + "".join(c.upper() if int(h, 16) > 7 else c for c, h in zip(address, digest, strict=False))


def crc24(data):
    """RFC 9580, 6.1: the checksum line of an ASCII armour."""
    state = 0xB704CE
    for byte in data:
        state ^= byte << 16
        for _ in range(8):
            state = state << 1 ^ (0x1864CFB if state & 0x800000 else 0)
    return base64std((state & 0xFFFFFF).to_bytes(3, "big"))
