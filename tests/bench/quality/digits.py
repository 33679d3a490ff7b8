"""Check digits, each as its standard or its issuer's manual defines it; written apart from the scanner's own."""


def luhn(digits):
    """The digit that completes `digits` after ISO/IEC 7812-1 annex B."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def weighted(digits, weights):
    return sum(int(char) * weight for char, weight in zip(digits, weights, strict=True))


VERHOEFF_D = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]
VERHOEFF_P = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]]
while len(VERHOEFF_P) < 8:
    VERHOEFF_P.append([VERHOEFF_P[-1][value] for value in VERHOEFF_P[1]])


def verhoeff(digits):
    """Verhoeff's digit (Aadhaar)."""
    state = 0
    for index, char in enumerate(reversed(digits), start=1):
        state = VERHOEFF_D[state][VERHOEFF_P[index % 8][int(char)]]
    return str(VERHOEFF_D[state].index(0))


def mod11_10(digits):
    """ISO 7064 mod 11,10 (Steuer-ID, OIB)."""
    product = 10
    for char in digits:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return str((11 - product) % 10)


def mod11_2(digits):
    """ISO 7064 mod 11-2 (Chinese resident id)."""
    state = 0
    for char in digits:
        state = (state + int(char)) * 2 % 11
    return "0123456789X"[(12 - state) % 11]


def iban_check(country, bban):
    """ISO 13616: the two digits for which the whole is 1 modulo 97."""
    number = "".join(str(int(char, 36)) for char in bban + country + "00")
    return f"{98 - int(number) % 97:02d}"


def mrz(text):
    """ICAO 9303-3, 4.9: weights 7, 3, 1; letters from 10, the filler is 0."""
    value = {"<": 0}
    total = sum((7, 3, 1)[i % 3] * value.get(c, int(c, 36) if c != "<" else 0) for i, c in enumerate(text))
    return str(total % 10)


def base36_luhn(text):
    """The check character of a GSTIN."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    total = 0
    for index, char in enumerate(text):
        value = alphabet.index(char) * (1 + index % 2)
        total += value // 36 + value % 36
    return alphabet[-total % 36]


def ean13(digits):
    return str(-weighted(digits, [1, 3] * 6) % 10)


CODICE_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21]
        + [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23],
        strict=True,
    )
)


def codice_fiscale(text):
    """Decree of 23 December 1976: odd places by table, even ones by rank."""
    rank = {char: int(char) if char.isdigit() else ord(char) - 65 for char in CODICE_ODD}
    total = sum(CODICE_ODD[char] if index % 2 == 0 else rank[char] for index, char in enumerate(text))
    return chr(65 + total % 26)


def vin(text):
    """49 CFR 565.15: position 9 of a North American vehicle number, given with any character there."""
    value = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9],
            strict=True,
        )
    )
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    total = sum((int(c) if c.isdigit() else value[c]) * w for c, w in zip(text, weights, strict=True))
    return "0123456789X"[total % 11]


def curp(text):
    """The last digit of a CURP over the 17 characters before it (RENAPO)."""
    alphabet = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(alphabet.index(char) * (18 - index) for index, char in enumerate(text))
    return str(-total % 10)


def rfc(text):
    """The last character of a Mexican RFC over the twelve before it (padded for companies)."""
    alphabet = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    total = sum(alphabet.index(char) * (13 - index) for index, char in enumerate(text.rjust(12)))
    rest = 11 - total % 11
    return {11: "0", 10: "A"}.get(rest, str(rest))
