"""Contact and payment data: names, addresses, phones, mail, cards, accounts, machines and wallets."""

import ipaddress

from . import digits, encode

FIRST = (
    "Anna Marek Sofia Jonas Priya Luca Ingrid Mateo Yuki Fatima Oskar Chloé Pavel Aoife Nina Tomás Leila Henrik".split()
)
LAST = "Novak Fischer Rossi Lindqvist Okafor Tanaka Moreau Kowalska Jansen Byrne Silva Haddad Nyström Papadakis Weber".split()
DOMAINS = (
    "posteo.net kanzlei-weber.de nordwind.se brightpath.io oficina.es studio-rossi.it gmail.com bluemail.ch".split()
)


def person_name(draw):
    return f"{draw.choice(FIRST)} {draw.choice(LAST)}"


def email(draw):
    first, last = encode_ascii(draw.choice(FIRST)), encode_ascii(draw.choice(LAST))
    local = draw.choice(
        [f"{first}.{last}", f"{first[0]}{last}", f"{last}{draw.randint(1, 99)}", f"{first}+shop", f"{first}_{last}"]
    )
    return f"{local}@{draw.choice(DOMAINS)}"


def encode_ascii(text):
    return text.lower().translate(str.maketrans("éöáå", "eoaa"))


def phone_us(draw):
    area, office = draw.choice([206, 312, 415, 512, 617, 718, 808, 919]), draw.randint(220, 989)
    line = draw.chars("d", 4)
    return draw.choice(
        [
            f"({area}) {office}-{line}",
            f"{area}-{office}-{line}",
            f"+1 {area} {office} {line}",
            f"{area}.{office}.{line}",
            f"+1{area}{office}{line}",
            f"1-{area}-{office}-{line}",
        ]
    )


def phone_uk(draw):
    return draw.choice(
        [
            draw.fill("020 7[d3] [d4]"),
            draw.fill("07[d3] [d6]"),
            draw.fill("+44 7[d3] [d3] [d3]"),
            draw.fill("+44 (0)20 8[d3] [d4]"),
            draw.fill("01632 960[d3]"),
            draw.fill("+447[d9]"),
        ]
    )


def phone_in(draw):
    first = draw.choice("6789")
    return draw.choice(
        [
            draw.fill(f"+91 {first}[d4] [d5]"),
            draw.fill(f"+91-{first}[d9]"),
            draw.fill(f"{first}[d4] [d5]"),
            draw.fill(f"+91{first}[d9]"),
            draw.fill(f"0{first}[d9]"),
        ]
    )


def phone_de(draw):
    return draw.choice(
        [
            draw.fill("030 [d8]"),
            draw.fill("+49 30 [d7]"),
            draw.fill("0171 [d7]"),
            draw.fill("089/[d6]-[d2]"),
            draw.fill("+49 (0)221 [d6]"),
            draw.fill("+49151[d8]"),
        ]
    )


def phone_fr(draw):
    lead = draw.choice(["01", "04", "06", "07"])
    return draw.choice(
        [
            draw.fill(f"{lead} [d2] [d2] [d2] [d2]"),
            draw.fill(f"{lead}.[d2].[d2].[d2].[d2]"),
            draw.fill(f"+33 {lead[1]} [d2] [d2] [d2] [d2]"),
            draw.fill(f"{lead}[d8]"),
        ]
    )


def phone_intl(draw):
    return draw.fill(
        draw.choice(
            [
                "+34 6[d2] [d3] [d3]",
                "+39 3[d2] [d7]",
                "+31 6 [d8]",
                "+41 79 [d3] [d2] [d2]",
                "+43 664 [d7]",
                "+46 70 [d3] [d2] [d2]",
                "+48 6[d2] [d3] [d3]",
                "+55 11 9[d4]-[d4]",
                "+81 90-[d4]-[d4]",
                "+61 4[d2] [d3] [d3]",
                "+353 87 [d3] [d4]",
                "+972 52-[d3]-[d4]",
                "+86 13[d1] [d4] [d4]",
                "+7 9[d2] [d3]-[d2]-[d2]",
                "+351 9[d2] [d3] [d3]",
            ]
        )
    )


CARDS = [
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("65", 16),
    ("3528", 16),
    ("36", 14),
    ("62", 16),
    ("6521", 16),
]


def credit_card(draw):
    prefix, length = draw.choice(CARDS)
    body = prefix + draw.chars("d", length - len(prefix) - 1)
    text = body + digits.luhn(body)
    if length == 16:
        return draw.choice([text, *[by.join(text[i : i + 4] for i in range(0, 16, 4)) for by in "  --"]])
    sizes = [4, 6, 5] if length == 15 else [4, 6, 4]
    parts = [text[: sizes[0]], text[sizes[0] : sizes[0] + 6], text[sizes[0] + 6 :]]
    return draw.choice([text, " ".join(parts), "-".join(parts)])


IBANS = {
    "DE": "[d18]",
    "AT": "[d16]",
    "CH": "[d17]",
    "NL": "INGB[d10]",
    "BE": "[d12]",
    "FR": "[d10][d11][d2]",
    "ES": "[d20]",
    "IT": "X[d22]",
    "GB": "NWBK[d14]",
    "IE": "BOFI[d14]",
    "PL": "[d24]",
    "PT": "[d21]",
    "SE": "[d20]",
    "NO": "[d11]",
    "DK": "[d14]",
    "FI": "[d14]",
    "CZ": "[d20]",
    "SK": "[d20]",
    "HU": "[d24]",
    "RO": "BTRL[U16]",
    "HR": "[d17]",
    "GR": "[d23]",
    "LU": "[d16]",
    "LT": "[d16]",
    "LV": "HABA[d13]",
    "EE": "[d16]",
    "SI": "[d15]",
    "BG": "STSA[d14]",
    "MT": "VALL[d5][d18]",
    "CY": "[d24]",
    "TR": "[d22]",
    "AE": "[d19]",
    "SA": "[d20]",
    "IL": "[d19]",
    "UA": "[d25]",
}


def iban(draw):
    country = draw.choice(sorted(IBANS))
    bban = draw.fill(IBANS[country])
    text = country + digits.iban_check(country, bban) + bban
    spaced = " ".join(text[i : i + 4] for i in range(0, len(text), 4))
    return draw.choice([text, spaced, spaced])


def swift_bic(draw):
    bank = draw.choice(["DEUT", "COBA", "BNPA", "INGB", "UNCR", "NDEA", "BOFA", "SBIN", "RABO", "GIBA"])
    return (
        bank
        + draw.choice(["DEFF", "FRPP", "NL2A", "ITMM", "SESS", "US3N", "INBB", "ATWW"])
        + draw.choice(["", "", "XXX", draw.chars("d", 3)])
    )


def ipv4(draw):
    while True:
        text = ".".join(str(draw.randint(1, 254)) for _ in range(4))
        if ipaddress.ip_address(text).is_global and int(text.split(".")[0]) > 19:
            return text


def ipv6(draw):
    groups = [draw.choice(["2a01", "2a02", "2600", "2001"]), draw.choice(["4f8", "908", "1f18", "470"])] + [
        f"{draw.randint(1, 0xFFFF):x}" for _ in range(6)
    ]
    return draw.choice(
        [":".join(groups), ":".join(groups[:4]) + "::" + groups[7], ":".join(groups[:3]) + "::" + ":".join(groups[6:])]
    )


def mac(draw):
    by = draw.choice("::-")
    pairs = [draw.choice(["3c", "a4", "f0", "00", "d8"]), *[draw.fill("[x2]") for _ in range(5)]]
    if all(pair == "00" for pair in pairs[1:]):
        return mac(draw)
    text = by.join(pairs)
    return draw.choice([text, text.upper()])


def imei(draw):
    body = draw.choice(["35", "86", "01"]) + draw.chars("d", 12)
    text = body + digits.luhn(body)
    return draw.choice([text, f"{text[:2]}-{text[2:8]}-{text[8:14]}-{text[14]}"])


def vin(draw):
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
    maker = draw.choice(["1HG", "1FT", "2T1", "3VW", "4US", "5YJ"])
    text = (
        maker
        + "".join(draw.choice(letters) for _ in range(5))
        + "0"
        + draw.choice("ABCDEFGHJKLMNPRST")
        + draw.choice("ABCDEFGHJ")
        + draw.chars("d", 6)
    )
    return text[:8] + digits.vin(text) + text[9:]


def btc(draw):
    kind = draw.randint(0, 3)
    if kind < 2:
        return encode.base58check(bytes([(0, 5)[kind]]) + draw.raw(20))
    if kind == 2:
        return encode.bech32("bc", [0, *encode.five_bits(draw.raw(20))])
    return encode.bech32("bc", [1, *encode.five_bits(draw.raw(32))], 0x2BC830A3)


def eth(draw):
    return encode.eip55(draw.chars("x", 40))


def mrz(draw):
    country = draw.choice(["UTO", "D<<", "NLD", "ITA", "SWE"])
    name = f"{draw.choice(LAST)}<<{draw.choice(['ANNA', 'MARIE<EVA', 'JON'])}".upper().translate(
        str.maketrans("ÖÄÜÅÉÁ", "OAUAEA")
    )
    first = f"P<{country}{name}".ljust(44, "<")[:44]
    number = draw.chars("N", 1) + draw.chars("d", 8)
    birth, until = (
        f"{draw.randint(50, 99)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}",
        f"{draw.randint(27, 34)}{draw.randint(1, 12):02d}{draw.randint(1, 28):02d}",
    )
    extra = "<" * 14
    line = f"{number}{digits.mrz(number)}{country}{birth}{digits.mrz(birth)}{draw.choice('MF<')}{until}{digits.mrz(until)}{extra}{digits.mrz(extra)}"
    whole = line[0:10] + line[13:20] + line[21:43]
    return f"{first}\n{line}{digits.mrz(whole)}"


def birth(draw):
    year, month, day = draw.randint(1938, 2009), draw.randint(1, 12), draw.randint(1, 28)
    name = "January February March April May June July August September October November December".split()[month - 1]
    return draw.choice(
        [
            f"{year}-{month:02d}-{day:02d}",
            f"{day:02d}.{month:02d}.{year}",
            f"{month:02d}/{day:02d}/{year}",
            f"{day} {name} {year}",
            f"{name} {day}, {year}",
            f"{day:02d}/{month:02d}/{year}",
        ]
    )


def address(draw):
    number = draw.randint(1, 240)
    return draw.choice(
        [
            f"{draw.choice(['Lindenstraße', 'Bahnhofstr.', 'Am Markt', 'Goethestraße'])} {number}, {draw.randint(10115, 99998)} {draw.choice(['Berlin', 'Köln', 'Jena'])}",
            f"{number} {draw.choice(['Maple Avenue', 'Oak Street', 'Sunset Blvd', 'Elm Rd'])}, {draw.choice(['Austin, TX 78701', 'Denver, CO 80203', 'Salem, OR 97301'])}",
            f"{number} {draw.choice(['High Street', 'Church Lane', 'Mill Road'])}, {draw.choice(['London SW1A 2AA', 'Leeds LS1 4DY', 'Bath BA1 1SU'])}",
            f"{number} rue {draw.choice(['de la Paix', 'Victor Hugo', 'des Lilas'])}, {draw.randint(10000, 95999)} {draw.choice(['Paris', 'Lyon', 'Nantes'])}",
            f"Calle {draw.choice(['Mayor', 'de Alcalá', 'Sol'])} {number}, {draw.randint(10000, 52999)} {draw.choice(['Madrid', 'Sevilla'])}",
            f"Via {draw.choice(['Roma', 'Garibaldi', 'Dante'])} {number}, {draw.randint(10010, 98100)} {draw.choice(['Milano', 'Torino'])}",
            f"{draw.choice(['Keizersgracht', 'Dorpsstraat'])} {number}, {draw.randint(1011, 9999)} {draw.choice(['AB', 'KX'])} {draw.choice(['Amsterdam', 'Utrecht'])}",
        ]
    )


def coordinates(draw):
    return f"{draw.uniform(-60, 69):.5f}, {draw.uniform(-170, 170):.5f}"


def upi(draw):
    return f"{encode_ascii(draw.choice(FIRST))}{draw.randint(1, 99)}@{draw.choice(['okhdfcbank', 'ybl', 'paytm', 'oksbi', 'okaxis', 'upi', 'ibl'])}"
