"""Europe's national numbers with their check digits, each in the ways it is written."""

from . import digits
from .digits import weighted
from .numbers import day, grouped, retry


def uk_nino(draw):
    while True:
        first, second = draw.choice("ABCEGHJKLMNOPRSTWXYZ"), draw.choice("ABCEGHJKLMNPRSTWXYZ")
        if first + second not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}:
            break
    body = draw.chars("d", 6)
    return draw.choice([f"{first}{second}{body}{{}}", f"{first}{second} {grouped(body, [2, 2, 2], ' ')} {{}}"]).format(
        draw.choice("ABCD")
    )


@retry
def uk_nhs(draw):
    body = draw.chars("d", 9)
    check = 11 - weighted(body, range(10, 1, -1)) % 11
    if check == 10:
        return None
    return grouped(body + str(check % 11), [3, 3, 4], draw.choice(["", " ", " ", "-"]))


def uk_utr(draw):
    body = draw.chars("d", 9)
    return "21987654321"[weighted(body, [6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11] + body


def uk_driving(draw):
    name = draw.choice(["MORGA", "SMITH", "PATEL", "JONES", "BAKER", "LEE99", "COLE9"])
    year, month, date = day(draw)
    month += draw.choice([0, 50])
    tens, units = divmod(year % 100, 10)
    return f"{name}{tens}{month:02d}{date:02d}{units}{draw.choice(['SM', 'A9', 'JR'])}9{draw.chars('N', 2)}"


def uk_bank(draw):
    return f"{grouped(draw.chars('d', 6), [2, 2, 2], '-')} {draw.chars('d', 8)}"


def de_steuer_id(draw):
    while True:
        pool = draw.sample("0123456789", 9)
        body = pool + [draw.choice(pool)]
        draw.shuffle(body)
        text = "".join(body)
        if text[0] != "0":
            return grouped(text + digits.mod11_10(text), [2, 3, 3, 3], draw.choice(["", " "]))


def de_ausweis(draw):
    alphabet = "0123456789CFGHJKLMNPRTVWXYZ"
    body = draw.choice("LMNPRTVWXY") + "".join(draw.choice(alphabet) for _ in range(8))
    return body + digits.mrz(body)


def fr_nir(draw):
    year, month, _ = day(draw)
    body = f"{draw.choice('12')}{year % 100:02d}{month:02d}{draw.randint(1, 95):02d}{draw.randint(1, 990):03d}{draw.randint(1, 999):03d}"
    if body[5:7] == "20":
        body = body[:5] + "75" + body[7:]
    text = body + f"{97 - int(body) % 97:02d}"
    return draw.choice([text, grouped(text, [1, 2, 2, 2, 3, 3, 2], " ")])


def fr_siren(draw):
    body = draw.choice("3456789") + draw.chars("d", 7)
    return grouped(body + digits.luhn(body), [3, 3, 3], draw.choice(["", " "]))


def fr_siret(draw):
    body = fr_siren(draw).replace(" ", "") + "000" + draw.chars("d", 1)
    text = body + digits.luhn(body)
    return draw.choice([text, grouped(text, [3, 3, 3, 5], " ")])


NIF_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def es_dni(draw):
    body = draw.randint(10**7, 10**8 - 1)
    return f"{body}{draw.choice(['', '', '-'])}{NIF_LETTERS[body % 23]}"


def es_nie(draw):
    first, body = draw.randint(0, 2), draw.chars("d", 7)
    letter, by = NIF_LETTERS[int(f"{first}{body}") % 23], draw.choice(["", "", "-"])
    return f"{'XYZ'[first]}{by}{body}{by}{letter}"


def it_codice(draw):
    year, month, date = day(draw)
    name = "".join(draw.choice("BCDFGLMNPRSTVZ") for _ in range(6))
    body = f"{name}{year % 100:02d}{'ABCDEHLMPRST'[month - 1]}{date + draw.choice([0, 40]):02d}{draw.choice('ABCDEFGHL')}{draw.randint(101, 990)}"
    return body + digits.codice_fiscale(body)


def it_iva(draw):
    body = f"{draw.randint(1000000, 9999999):07d}{draw.randint(1, 100):03d}"
    return draw.choice(["", "", "IT"]) + body + digits.luhn(body)


@retry
def nl_bsn(draw):
    body = draw.choice("123456789") + draw.chars("d", 7)
    check = weighted(body, range(9, 1, -1)) % 11
    return None if check == 10 else body + str(check)


def be_national(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month:02d}{date:02d}{draw.randint(1, 997):03d}"
    check = f"{97 - int(('2' if year >= 2000 else '') + body) % 97:02d}"
    return draw.choice([body + check, f"{body[:2]}.{body[2:4]}.{body[4:6]}-{body[6:]}.{check}"])


def pl_pesel(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month + (20 if year >= 2000 else 0):02d}{date:02d}{draw.chars('d', 4)}"
    return body + str(-weighted(body, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10)


@retry
def pl_nip(draw):
    body = draw.choice("123456789") + draw.chars("d", 8)
    check = weighted(body, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11
    return None if check == 10 else grouped(body + str(check), [3, 3, 2, 2], draw.choice(["", "-"]))


def pt_nif(draw):
    body = draw.choice("1235") + draw.chars("d", 7)
    check = 11 - weighted(body, range(9, 1, -1)) % 11
    return body + str(0 if check > 9 else check)


def se_personnummer(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month:02d}{date:02d}{draw.chars('d', 3)}"
    text = f"{body[:6]}-{body[6:]}{digits.luhn(body)}"
    return draw.choice([text, str(year)[:2] + text])


@retry
def no_fodselsnummer(draw):
    year, month, date = day(draw)
    serial = draw.randint(0, 499) if year < 2000 else draw.randint(500, 999)
    body = f"{date:02d}{month:02d}{year % 100:02d}{serial:03d}"
    first = -weighted(body, [3, 7, 6, 1, 8, 9, 4, 5, 2]) % 11
    if first == 10:
        return None
    body += str(first)
    second = -weighted(body, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return None if second == 10 else body + str(second)


@retry
def dk_cpr(draw):
    year, month, date = day(draw)
    # Century digit 0 to 3 for people born in the twentieth century.
    body = f"{date:02d}{month:02d}{min(year, 1999) % 100:02d}{draw.choice('0123')}{draw.chars('d', 2)}"
    check = -weighted(body, [4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return None if check == 10 else f"{body[:6]}-{body[6:]}{check}"


def fi_hetu(draw):
    year, month, date = day(draw)
    body = f"{date:02d}{month:02d}{year % 100:02d}"
    serial = f"{draw.randint(2, 899):03d}"
    return f"{body}{'A' if year >= 2000 else '-'}{serial}{'0123456789ABCDEFHJKLMNPRSTUVWXY'[int(body + serial) % 31]}"


def ch_ahv(draw):
    body = "756" + draw.chars("d", 9)
    text = body + digits.ean13(body)
    return draw.choice([text, grouped(text, [3, 4, 4, 2], "."), grouped(text, [3, 4, 4, 2], ".")])


@retry
def cz_rodne(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month + draw.choice([0, 50]):02d}{date:02d}{draw.chars('d', 3)}"
    check = int(body) % 11
    return None if check == 10 or year < 1954 else f"{body[:6]}/{body[6:]}{check}"


def ro_cnp(draw):
    year, month, date = day(draw)
    body = f"{draw.choice('12' if year < 2000 else '56')}{year % 100:02d}{month:02d}{date:02d}{draw.randint(1, 46):02d}{draw.randint(1, 999):03d}"
    check = weighted(body, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11
    return body + str(1 if check == 10 else check)


def bg_egn(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month + (40 if year >= 2000 else 0):02d}{date:02d}{draw.chars('d', 3)}"
    return body + str(weighted(body, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10)


def hr_oib(draw):
    body = draw.choice("123456789") + draw.chars("d", 9)
    return body + digits.mod11_10(body)


def ee_isikukood(draw):
    year, month, date = day(draw)
    body = f"{draw.choice('34' if year < 2000 else '56')}{year % 100:02d}{month:02d}{date:02d}{draw.chars('d', 3)}"
    check = weighted(body, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11
    if check == 10:
        check = weighted(body, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10
    return body + str(check)


def ie_pps(draw):
    body, extra = draw.chars("d", 7), draw.choice(["", "A", "B"])
    total = weighted(body, range(8, 1, -1)) + (9 * (ord(extra) - 64) if extra else 0)
    return body + "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] + extra


def gr_amka(draw):
    year, month, date = day(draw)
    body = f"{date:02d}{month:02d}{year % 100:02d}{draw.chars('d', 4)}"
    return body + digits.luhn(body)


def tr_tckn(draw):
    body = draw.choice("123456789") + draw.chars("d", 8)
    odd, even = sum(map(int, body[0::2])), sum(map(int, body[1::2]))
    tenth = (7 * odd - even) % 10
    return f"{body}{tenth}{(odd + even + tenth) % 10}"


def ru_snils(draw):
    body = draw.choice("123456789") + draw.chars("d", 8)
    check = weighted(body, range(9, 0, -1)) % 101 % 100
    return f"{body[:3]}-{body[3:6]}-{body[6:]} {check:02d}"


def ru_inn(draw):
    if draw.random() < 0.5:
        body = draw.choice("123456789") + draw.chars("d", 8)
        return body + str(weighted(body, [2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
    body = draw.choice("123456789") + draw.chars("d", 9)
    body += str(weighted(body, [7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
    return body + str(weighted(body, [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) % 11 % 10)
