"""National numbers with their check digits, each in the ways it is written."""

from . import digits
from .digits import weighted


def day(draw):
    return draw.randint(1945, 2005), draw.randint(1, 12), draw.randint(1, 28)


def until(draw, make):
    """Draws again where a check digit would have to be 10."""
    while True:
        text = make(draw)
        if text is not None:
            return text


def retry(make):
    return lambda draw: until(draw, make)


def grouped(text, sizes, by):
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return by.join(parts)


def us_ssn(draw):
    area = draw.choice([n for n in range(1, 900) if n != 666])
    text = f"{area:03d}{draw.randint(1, 99):02d}{draw.randint(1, 9999):04d}"
    return grouped(text, [3, 2, 4], draw.choice("--- "))


def us_itin(draw):
    group = draw.choice([*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)])
    return f"9{draw.chars('d', 2)}-{group}-{draw.chars('d', 4)}"


def us_ein(draw):
    prefix = draw.choice([*range(1, 7), *range(10, 17), *range(20, 28), *range(30, 40), *range(80, 89), *range(90, 96)])
    return f"{prefix:02d}-{draw.chars('d', 7)}"


def us_aba(draw):
    body = f"{draw.choice([*range(1, 13), *range(21, 33)]):02d}" + draw.chars("d", 6)
    return body + str(-weighted(body, [3, 7, 1, 3, 7, 1, 3, 7]) % 10)


def us_npi(draw):
    body = draw.choice("12") + draw.chars("d", 8)
    return body + digits.luhn("80840" + body)


def us_mbi(draw):
    letters, both = "ACDEFGHJKMNPQRTUVWXY", "0123456789ACDEFGHJKMNPQRTUVWXY"
    shape = "9LB9LB9LL99"
    text = "".join(
        draw.choice("123456789") if i == 0 else draw.choice({"9": "0123456789", "L": letters, "B": both}[c])
        for i, c in enumerate(shape)
    )
    return draw.choice([text, grouped(text, [4, 3, 4], "-")])


def us_dea(draw):
    d = draw.chars("d", 6)
    check = (int(d[0]) + int(d[2]) + int(d[4]) + 2 * (int(d[1]) + int(d[3]) + int(d[5]))) % 10
    return draw.choice("ABFGM") + draw.chars("N", 1) + d + str(check)


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


def in_aadhaar(draw):
    body = draw.choice("23456789") + draw.chars("d", 10)
    return grouped(body + digits.verhoeff(body), [4, 4, 4], draw.choice(["", " ", " ", "-"]))


def in_pan(draw):
    return draw.chars("N", 3) + draw.choice("PCHFAT") + draw.chars("N", 1) + draw.chars("d", 4) + draw.chars("N", 1)


def in_gstin(draw):
    body = f"{draw.randint(1, 36):02d}{in_pan(draw)}{draw.choice('123')}Z"
    return body + digits.base36_luhn(body)


def in_epic(draw):
    body = draw.chars("d", 6)
    return draw.chars("N", 3) + body + digits.luhn(body)


def au_tfn(draw):
    while True:
        text = draw.choice("12345678") + draw.chars("d", 8)
        if weighted(text, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 == 0:
            return grouped(text, [3, 3, 3], draw.choice(["", " ", " "]))


def au_abn(draw):
    while True:
        text = draw.choice("123456789") + draw.chars("d", 10)
        if (weighted(text, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 == 0:
            return grouped(text, [2, 3, 3, 3], draw.choice(["", " "]))


def au_acn(draw):
    body = "0" + draw.chars("d", 7)
    return grouped(body + str(-weighted(body, range(8, 0, -1)) % 10), [3, 3, 3], draw.choice(["", " "]))


def au_medicare(draw):
    body = draw.choice("23456") + draw.chars("d", 7)
    text = body + str(weighted(body, [1, 3, 7, 9, 1, 3, 7, 9]) % 10) + draw.choice("123456789")
    return draw.choice([text, grouped(text, [4, 5, 1], " ")])


def ca_sin(draw):
    body = draw.choice("1234567") + draw.chars("d", 7)
    return grouped(body + digits.luhn(body), [3, 3, 3], draw.choice(["", " ", "-"]))


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


def two_mod11(body, first, second):
    for weights in (first, second):
        rest = weighted(body, weights) % 11
        body += str(0 if rest < 2 else 11 - rest)
    return body


def br_cpf(draw):
    text = two_mod11(draw.chars("d", 9), range(10, 1, -1), range(11, 1, -1))
    return draw.choice([text, f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"])


def br_cnpj(draw):
    weights = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]
    text = two_mod11(draw.chars("d", 8) + "0001", weights[1:], weights)
    return draw.choice([text, f"{text[:2]}.{text[2:5]}.{text[5:8]}/{text[8:12]}-{text[12:]}"])


@retry
def ar_cuit(draw):
    body = draw.choice(["20", "23", "27", "30"]) + draw.chars("d", 8)
    check = 11 - weighted(body, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
    return None if check == 10 else f"{body[:2]}-{body[2:]}-{check % 11}"


def cl_rut(draw):
    body = str(draw.randint(5000000, 25999999))
    total = sum(int(c) * (2 + i % 6) for i, c in enumerate(reversed(body)))
    check = {11: "0", 10: "K"}.get(11 - total % 11, str(11 - total % 11))
    dotted = f"{int(body):,}".replace(",", ".")
    return draw.choice([f"{body}-{check}", f"{dotted}-{check}", f"{dotted}-{check}"])


def person_letters(draw):
    return draw.choice("BCDFGHLMPRS") + draw.choice("AEIOU") + draw.choice("BCDFGHLMPRS") + draw.choice("BCDFGHJLM")


def mx_curp(draw):
    year, month, date = day(draw)
    state = draw.choice(["DF", "JC", "NL", "PL", "OC", "SR", "YN"])
    body = f"{person_letters(draw)}{year % 100:02d}{month:02d}{date:02d}{draw.choice('HM')}{state}{''.join(draw.choice('BCDFGLMNPRST') for _ in range(3))}"
    body += draw.chars("N", 1) if year >= 2000 else draw.chars("d", 1)
    return body + digits.curp(body)


def mx_rfc(draw):
    year, month, date = day(draw)
    body = f"{person_letters(draw)}{year % 100:02d}{month:02d}{date:02d}{draw.choice('123456789ABCDEFGHIJKLMNPQRSTUVWXYZ')}{draw.choice('123456789ABCDEFGHIJKLMNPQRSTUVWXYZ')}"
    return body + digits.rfc(body)


def cn_resident(draw):
    year, month, date = day(draw)
    area = draw.choice(["110105", "310104", "440305", "510107", "330106", "420111"])
    body = f"{area}{year}{month:02d}{date:02d}{draw.randint(1, 999):03d}"
    return body + digits.mod11_2(body)


def sg_nric(draw):
    first, body = draw.choice("STFG"), draw.chars("d", 7)
    total = weighted(body, [2, 7, 6, 5, 4, 3, 2]) + (4 if first in "TG" else 0)
    return first + body + ("JZIHGFEDCBA" if first in "ST" else "XWUTRQPNMLK")[total % 11]


def kr_rrn(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month:02d}{date:02d}{draw.choice('12' if year < 2000 else '34')}{draw.randint(0, 95):02d}{draw.chars('d', 3)}"
    check = (11 - weighted(body, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10
    return f"{body[:6]}-{body[6:]}{check}"


def jp_my_number(draw):
    body = draw.choice("123456789") + draw.chars("d", 10)
    total = sum(int(c) * (n + 1 if n <= 6 else n - 5) for n, c in enumerate(reversed(body), start=1))
    rest = total % 11
    return grouped(body + str(0 if rest <= 1 else 11 - rest), [4, 4, 4], draw.choice(["", " ", "-"]))


def th_id(draw):
    body = draw.choice("12345678") + draw.chars("d", 11)
    text = body + str((11 - weighted(body, range(13, 1, -1)) % 11) % 10)
    return draw.choice([text, grouped(text, [1, 4, 5, 2, 1], "-")])


def my_nric(draw):
    year, month, date = day(draw)
    return f"{year % 100:02d}{month:02d}{date:02d}-{draw.randint(1, 16):02d}-{draw.chars('d', 4)}"


def id_nik(draw):
    year, month, date = day(draw)
    return f"{draw.choice(['317301', '327501', '351701', '517103'])}{date + draw.choice([0, 40]):02d}{month:02d}{year % 100:02d}{draw.randint(1, 99):04d}"


def za_id(draw):
    year, month, date = day(draw)
    body = f"{year % 100:02d}{month:02d}{date:02d}{draw.randint(0, 9999):04d}08"
    return body + digits.luhn(body)


def il_id(draw):
    body = draw.choice("0123") + draw.chars("d", 7)
    return body + digits.luhn(body)


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


def tw_id(draw):
    letter = draw.choice("ABCDEFGHJKLMNPQRSTUVXYWZIO")
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letter) + 10
    body = draw.choice("12") + draw.chars("d", 7)
    total = weighted(f"{code}{body}", [1, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    return letter + body + str(-total % 10)
