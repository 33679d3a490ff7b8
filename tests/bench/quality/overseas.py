"""National numbers of the other continents with their check digits, each in the ways it is written."""

from . import digits
from .digits import weighted
from .numbers import day, grouped, retry, two_mod11


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


def tw_id(draw):
    letter = draw.choice("ABCDEFGHJKLMNPQRSTUVXYWZIO")
    code = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(letter) + 10
    body = draw.choice("12") + draw.chars("d", 7)
    total = weighted(f"{code}{body}", [1, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    return letter + body + str(-total % 10)
