"""Words and sentences for harmless text: prose in six languages, names of code."""

NOUNS = (
    "account archive batch branch bridge buffer cache catalogue channel client cluster column config cursor device "
    "document driver engine event export feature field file filter folder form frame gateway graph group handler header "
    "image index invoice item job journal kernel label layer ledger letter limit line list lock machine market matrix "
    "meeting message method metric mirror model module month network node note number office option order output owner "
    "packet page panel parser partner patch path payment period pipeline planet player pointer policy pool price printer "
    "process product profile project proxy query queue range reader record region release report request resource result "
    "review river robot route row rule sample schedule schema screen script season section sensor server service session "
    "shape sheet shelf shop signal size snapshot socket source stage station status step store stream string table target "
    "task team template tenant test text thread ticket timer token tool topic total track tree trigger tunnel unit update "
    "user value vector vendor version view village voice volume wallet warehouse weather window worker writer zone password secret"
).split()
VERBS = (
    "add apply build cache call check clear close collect compare compute convert copy count create decode delete deploy "
    "describe draw drop emit encode export fetch fill filter find flush format generate group handle hash import index "
    "insert join load lock log map mark match measure merge move normalise open parse pick plan print publish pull push "
    "read rebuild record reduce refresh release remove rename render replace reset resize resolve restart return route run "
    "sample save scan schedule search select send serve set sign skip sort split start stop store stream submit swap sync "
    "test trace track transform trim update validate verify wait walk watch wrap write"
).split()
ADJECTIVES = (
    "able active annual blue broken busy calm cheap clear cold common complete current daily deep dry early empty exact "
    "fast final first flat free fresh full general global good green heavy hidden idle inner internal large last late lazy "
    "legal light local long loud main manual minor missing modern monthly narrow new normal old open outer partial plain "
    "previous private public quick quiet random rare raw ready recent remote rough safe shared short silent simple slow "
    "small soft stable static strict strong sudden system tall temporary thin tiny unique upper urgent usual valid vast warm weekly wide"
).split()
PROSE = {
    "en": [
        "Can you rewrite the paragraph about the {a} {n} so that it sounds friendlier?",
        "We moved the {n} to the {a} {m} last spring, and since then the {b} takes twice as long.",
        "The board asked whether a {a} {n} would lower the costs of the {m}.",
        "I have forty pages of notes on the {n} and need a one-page summary for people in a hurry.",
        "What is the difference between a {a} {n} and a {b} {m}?",
        "Please compare both offers and say which {n} is better for a team of {d}.",
        "In {y} the {n} was {a}; in the year after, only the {m} had changed.",
        "The train leaves at {h}:{q} and the {n} opens {d} minutes later.",
        "Our {n} grew by {d} percent while the {m} stayed {a}.",
        "She thinks that the {a} {n} is a mistake; he thinks that the {b} {m} is worse.",
    ],
    "de": [
        "Kannst du den Absatz über {n} kürzen?",
        "Wir haben im Jahr {y} insgesamt {d} Berichte geschrieben.",
        "Der Termin am Montag um {h}:{q} Uhr fällt aus.",
        "Bitte fasse das Protokoll in drei Sätzen zusammen.",
        "Das Passwort darf man niemandem verraten, auch nicht dem Support.",
    ],
    "fr": [
        "Peux-tu résumer ce texte en {d} phrases ?",
        "La réunion de {h} h {q} est reportée à jeudi.",
        "Nous avons publié le rapport en {y}.",
        "Quelle est la différence entre ces deux versions ?",
        "Le mot de passe doit être changé tous les ans.",
    ],
    "es": [
        "¿Puedes resumir este informe en {d} líneas?",
        "La reunión empieza a las {h}:{q}.",
        "En {y} abrimos la segunda tienda.",
        "Escribe una carta amable para un cliente enfadado.",
        "La contraseña nunca se envía por correo.",
    ],
    "pl": [
        "Czy możesz skrócić ten tekst do {d} zdań?",
        "Spotkanie zaczyna się o {h}:{q}.",
        "W roku {y} zmieniliśmy dostawcę.",
        "Hasło trzeba zmienić co pół roku.",
    ],
    "ja": [
        "この文章を{d}行に要約してください。",
        "会議は{h}時{q}分に始まります。",
        "{y}年の報告書を比べてください。",
        "パスワードは誰にも教えないでください。",
    ],
}


def sentence(draw, language="en"):
    text = draw.choice(PROSE[language])
    return text.format(
        a=draw.choice(ADJECTIVES),
        b=draw.choice(ADJECTIVES),
        n=draw.choice(NOUNS),
        m=draw.choice(NOUNS),
        d=draw.randint(2, 90),
        y=draw.randint(1960, 2026),
        h=draw.randint(7, 21),
        q=f"{draw.randint(0, 59):02d}",
    )


def prose(draw, count, language="en"):
    return " ".join(sentence(draw, language) for _ in range(count))


def snake(draw, parts=2):
    return "_".join([draw.choice(VERBS), *(draw.choice(NOUNS) for _ in range(parts - 1))])


def camel(draw, parts=2):
    head, *rest = snake(draw, parts).split("_")
    return head + "".join(word.capitalize() for word in rest)


def pascal(draw, parts=2):
    return "".join(draw.choice(NOUNS).capitalize() for _ in range(parts))
