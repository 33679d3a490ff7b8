"""Harmless prompts, code, logs, diffs and data files: whole documents in which nothing may be found."""

import json

from . import code, encode, words
from .documents import (
    COMMIT,
    CREATE,
    FRAMES,
    HUNK,
    INSERT,
    LOCKS,
    LOGS,
    MAIL,
    MANIFESTS,
    MINIFIED,
    SECTION,
    fill,
    stamp,
)
from .rows import row


def many(draw, template, least, most, by="\n"):
    """One template again and again, of one and the same name."""
    name = draw.choice(words.NOUNS)
    return by.join(fill(draw, template, name) for _ in range(draw.randint(least, most)))


def mixed(draw, templates, least, most, by="\n"):
    return by.join(fill(draw, draw.choice(templates)) for _ in range(draw.randint(least, most)))


def log(draw):
    return many(draw, draw.choice(LOGS), 12, 60)


def diff(draw):
    return fill(draw, COMMIT) + many(draw, HUNK, 2, 9)


def git_log(draw):
    size = draw.choice([7, 9, 12, 40])
    return many(draw, f"«x{size}» «Verb» «adjective» «noun» (#«1-20000»)", 15, 50)


def lock(draw):
    return many(draw, draw.choice(LOCKS), 5, 30)


def minified(draw):
    return mixed(draw, MINIFIED, 20, 80, "") + fill(draw, "\n//# sourceMappingURL=app.«x8».js.map")


def trace(draw):
    head, tail = (
        "Traceback (most recent call last):\n",
        "\nValueError: invalid «noun»: expected «1-99», got «100-999999999»",
    )
    return head + mixed(draw, FRAMES, 6, 30) + fill(draw, tail)


def manifest(draw):
    return fill(draw, draw.choice(MANIFESTS))


def markdown(draw):
    return f"# {words.pascal(draw)}\n\n{words.prose(draw, 3)}\n\n" + many(draw, SECTION, 2, 6, "\n\n")


def sql_dump(draw):
    name = draw.choice(words.NOUNS)
    return fill(draw, CREATE, name) + "\n".join(fill(draw, INSERT, name) for _ in range(draw.randint(10, 50)))


def mail(draw):
    return fill(draw, MAIL)


def table(draw):
    cells = ["«0-9»", "«0-99999»", "«0-99999999999»", "-«1-999».«d4»", "«adjective»", "2026-0«1-9»-1«0-9»", "«uuid»"]
    columns = [draw.choice(cells) for _ in range(draw.randint(3, 7))]
    by = draw.choice([",", ";", "\t"])
    head = by.join(draw.choice(words.NOUNS) for _ in columns)
    return head + "\n" + many(draw, by.join(columns), 15, 80)


def api(draw):
    def item():
        name = draw.choice(words.NOUNS)
        return {
            "id": draw.choice([draw.uuid(), draw.chars("x", 24), draw.randint(1, 10**12)]),
            name: draw.choice(words.ADJECTIVES),
            "createdAt": stamp(draw),
            "count": draw.randint(0, 10**8),
            "ratio": draw.random(),
            "tags": [draw.choice(words.NOUNS) for _ in range(3)],
            "etag": draw.chars("x", 32),
            "nextToken": None,
            "url": f"https://api.example.com/v1/{name}s/{draw.randint(1, 10**9)}",
        }

    return json.dumps({"items": [item() for _ in range(draw.randint(4, 20))], "page": 1}, indent=draw.choice([None, 2]))


def vector(draw):
    """Numbers without end: an embedding, a hex dump, a drawing, a matrix."""
    style = draw.randint(0, 3)
    if style == 0:
        digits = draw.randint(6, 17)
        return "[" + ", ".join(f"{draw.gauss(0, 0.03):.{digits}f}" for _ in range(draw.randint(80, 400))) + "]"
    if style == 1:
        lines = range(0, 16 * draw.randint(10, 60), 16)
        return "\n".join(f"{at:08x}  {draw.randbytes(16).hex(' ')}  |................|" for at in lines)
    if style == 2:
        points = many(draw, "L«0-999».«d3»,«0-999».«d3»", 40, 200, " ")
        return f'<svg viewBox="0 0 1024 768"><path fill="#{draw.chars("x", 6)}" d="M0,0 {points}Z"/></svg>'
    return "\n".join(" ".join(str(draw.randint(0, 10**9)) for _ in range(8)) for _ in range(draw.randint(20, 80)))


MAGIC = {
    "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "webp": b"RIFF\x10\x20\0\0WEBPVP8 ",
    "gif": b"GIF89a",
}


def picture(draw):
    kind = draw.choice(sorted(MAGIC))
    body = encode.base64std(MAGIC[kind] + draw.raw(draw.randint(400, 6000)))
    link = f"data:image/{kind};base64,{body}"
    content = [{"type": "text", "text": words.sentence(draw)}, {"type": "image_url", "image_url": {"url": link}}]
    return draw.choice(
        [
            f'<img alt="{draw.choice(words.NOUNS)}" src="{link}">',
            json.dumps({"messages": [{"role": "user", "content": content}]}),
            f"background: url({link}) no-repeat;",
            json.dumps({"type": "image", "source": {"type": "base64", "media_type": f"image/{kind}", "data": body}}),
        ]
    )


def chat(draw):
    turns = [
        {
            "role": "assistant" if index % 2 else "user",
            "content": words.prose(draw, draw.randint(1, 8), draw.choice(sorted(words.PROSE))),
        }
        for index in range(draw.randint(2, 9))
    ]
    body = {"model": draw.choice(["large-2", "small-1"]), "messages": turns, "max_tokens": 4096, "temperature": 0.2}
    return json.dumps(body, ensure_ascii=draw.random() < 0.5)


def prompt(draw):
    language = draw.choice(sorted(words.PROSE))
    return "\n\n".join(words.prose(draw, draw.randint(3, 9), language) for _ in range(draw.randint(1, 5)))


# What people paste most comes most often.
KINDS = [log, log, diff, diff, git_log, lock, minified, table, api, vector, picture, chat, chat, prompt, prompt]
KINDS += [manifest, trace, markdown, sql_dump, mail, *[code.source] * 6]
ASK = [
    "",
    "",
    "",
    "Explain this.\n\n",
    "What is wrong here?\n\n",
    "Convert to Rust:\n\n",
    "Summarise:\n\n",
    "Review please\n\n",
]


def rows(draw, scale):
    for index in range(round(2200 * scale)):
        make = KINDS[index % len(KINDS)]
        yield row(draw.choice(ASK) + make(draw), category=make.__name__)
