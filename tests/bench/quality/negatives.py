"""Hard negatives: what looks like a secret or a person's number and is none."""

from . import carriers, digits, europe, overseas, people, tokens
from .draw import CLASSES
from .lookalikes import CODE, INNOCENT, NUMBERS, REFERENCES
from .rows import row


def fill_words(draw, text):
    """Like a template of draw.py, with `{x40}` for the class and count, so that the code around keeps its brackets."""
    out = text.replace("{{", "\1").replace("}}", "\2")
    while "{" in out:
        start, end = out.index("{"), out.index("}")
        out = out[:start] + word(draw, out[start + 1 : end]) + out[end + 1 :]
    return out.replace("\1", "{").replace("\2", "}")


def word(draw, name):
    if name == "u":
        return draw.uuid()
    if name == "unix":
        return str(draw.randint(1_500_000_000, 1_900_000_000))
    if name.startswith("luhn"):
        body = draw.choice("1789") + draw.chars("d", int(name[4:]) - 2)
        return body + digits.luhn(body)
    if name.startswith("verhoeff"):
        body = draw.choice("23456789") + draw.chars("d", int(name[8:]) - 2)
        return body + digits.verhoeff(body)
    return draw.chars(name[0], int(name[1:] or 1))


def references(draw, count):
    """Every kind of carrier with a reference or a placeholder where the value would be."""
    makers = list(tokens.makers().values())
    for _ in range(count):
        _, vendor, thing = draw.choice(makers)
        name = carriers.Name(vendor, thing)
        category, how, text = draw.choice(carriers.CARRIERS)
        value = draw.choice(REFERENCES).format(**name.forms)
        if how and not value.isalnum():
            value = "REPLACE_ME"
        yield row(text.format(**name.forms).replace(carriers.VALUE, value), category=f"reference:{category}")


def lookalikes(draw, count):
    """Vendors' names beside hashes and ids that are none of their keys, and tokens cut short."""
    makers = tokens.makers()
    prefixed = [
        make
        for kind, (make, *_) in makers.items()
        if kind.startswith(("github_", "gitlab_", "slack_", "stripe_", "npm_", "sendgrid", "hugging"))
    ]
    templates = [
        "bump {slug}-sdk to {x40}",
        "{slug}: trace {u} took 31 ms",
        "https://github.com/acme/{slug}-client/commit/{x40}",
        "{slug}@4.{d1}.{d2} resolved sha512-{e86}==",
        "{slug} request id {x32}",
        "{slug}_user_id = {d9}",
        "# {phrase}\nsee the wiki page {d6}",
        "{slug}_{thing_snake}_file = /etc/{slug}/{thing_kebab}.txt",
        "{snake}_ttl: 3600\n{snake}_rotation: monthly",
        "function get{pascal}() {{ return store.read('{camel}'); }}",
        "it checks {scream} before it starts",
        "docs/{kebab}.md | 12 ++++--",
        "error: {scream} is not set",
        "{slug} webhook {u} delivered",
    ]
    for index in range(count):
        if index % 4 == 0:
            make = draw.choice(prefixed)
            value = make(draw)
            short = value[: draw.randint(5, 14)].rstrip("-_.")
            yield row(
                draw.choice(["{} is cut off in the log…", "starts with {} I think", "masked: {}…", "`{}****`"]).format(
                    short
                ),
                category="lookalike:short",
            )
            continue
        _, vendor, thing = draw.choice(list(makers.values()))
        forms = carriers.Name(vendor, thing).forms
        text = draw.choice(templates)
        for key, value in forms.items():
            text = text.replace("{" + key + "}", value)
        yield row(fill_words(draw, text), category="lookalike:name")


def wrong_check(draw, count):
    """Checksummed tokens of which one character is another: no such token was ever issued."""
    for _ in range(count):
        value = draw.choice([tokens.checked("ghp_"), tokens.checked("npm_"), tokens.grafana])(draw)
        other = draw.choice([c for c in CLASSES["x"] if c != value[-1]])
        yield row(f"{value[:-1]}{other} fails the offline check", category="wrong-check", tier="stretch")


def secrets(draw, count):
    yield from references(draw, count // 3)
    yield from lookalikes(draw, count // 3)
    yield from wrong_check(draw, count // 40)
    for index in range(count // 3):
        yield row(wrap(draw, fill_words(draw, CODE[index % len(CODE)])), category="code")


ASKS = [
    "{}",
    "{}",
    "{}\n",
    "what does this mean?\n\n{}",
    "{}\n\nexplain this line",
    "// {}",
    "- {}",
    "> {}",
    '{{"text": "{}"}}',
]


def wrap(draw, text):
    return draw.choice(ASKS if '"' not in text and "\n" not in text else ASKS[:5]).format(text)


NUMERIC = [
    overseas.us_npi,
    overseas.us_aba,
    europe.uk_nhs,
    europe.uk_utr,
    overseas.in_aadhaar,
    overseas.au_tfn,
    overseas.au_abn,
    overseas.ca_sin,
    europe.de_steuer_id,
    europe.fr_siren,
    europe.fr_siret,
    europe.it_iva,
    europe.nl_bsn,
    europe.pl_pesel,
    europe.pl_nip,
    europe.pt_nif,
    europe.no_fodselsnummer,
    europe.ro_cnp,
    europe.bg_egn,
    europe.hr_oib,
    europe.ee_isikukood,
    europe.gr_amka,
    europe.tr_tckn,
    overseas.jp_my_number,
    overseas.th_id,
    overseas.za_id,
    overseas.il_id,
    europe.ru_inn,
    overseas.id_nik,
]


def passing(draw, count):
    for _ in range(count):
        text = draw.choice(INNOCENT)
        values = []
        for _ in range(text.count("{}")):
            value = draw.choice(NUMERIC)(draw)
            while not value.isdigit():
                value = draw.choice(NUMERIC)(draw)
            values.append(value)
        yield row(text.format(*values), category="passes-check-digit")


def broken(draw, count):
    """Numbers with their words but a wrong check digit: typing errors, so nobody's."""
    for _ in range(count):
        value = draw.choice([people.iban, people.credit_card])(draw)
        last = value[-1]
        wrong = value[:-1] + str((int(last) + 1) % 10) if last.isdigit() else value[:-1] + "Q"
        yield row(f"is {wrong} a valid number? the check says no", category="wrong-check", tier="stretch")


def personal(draw, count):
    yield from passing(draw, count // 3)
    yield from broken(draw, count // 30)
    for index in range(count * 2 // 3):
        yield row(wrap(draw, fill_words(draw, NUMBERS[index % len(NUMBERS)])), category="number")
