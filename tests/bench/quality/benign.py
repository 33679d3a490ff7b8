"""Harmless prompts, code, logs, diffs and data files: whole documents in which nothing may be found."""

import json

from . import code, encode, words
from .rows import row


def stamp(draw):
    return f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:{draw.randint(0, 59):02d}.{draw.chars('d', 3)}Z"


def lines(draw, make, least, most):
    return "\n".join(make(draw) for _ in range(draw.randint(least, most)))


def log(draw):
    style = draw.randint(0, 4)
    request = draw.uuid()

    def line(d):
        path = f"/{d.choice(words.NOUNS)}s/{d.randint(1, 10 ** d.randint(2, 9))}"
        if style == 0:
            return f"{stamp(d)} {d.choice(['INFO', 'DEBUG', 'WARN', 'ERROR'])} [{d.choice(words.NOUNS)}-{d.randint(1, 64)}] {words.pascal(d)}: {d.choice(words.VERBS)} {d.choice(words.NOUNS)} took {d.randint(1, 9999)} ms request_id={d.uuid()}"
        if style == 1:
            return f'10.{d.randint(0, 255)}.{d.randint(0, 255)}.{d.randint(1, 254)} - - [{d.randint(1, 28):02d}/Mar/2026:10:{d.randint(10, 59)}:07 +0000] "GET {path}?page={d.randint(1, 99)} HTTP/1.1" 200 {d.randint(100, 10**7)} "-" "Mozilla/5.0 (X11; Linux x86_64; rv:{d.randint(100, 140)}.0) Gecko/20100101"'
        if style == 2:
            return json.dumps(
                {
                    "ts": d.randint(1700000000000, 1790000000000),
                    "level": "info",
                    "trace": d.chars("x", 32),
                    "span": d.chars("x", 16),
                    "msg": f"{d.choice(words.VERBS)} {d.choice(words.NOUNS)}",
                    "ms": round(d.uniform(0, 900), 3),
                }
            )
        if style == 3:
            return f"Mar {d.randint(1, 28):2d} 08:{d.randint(10, 59)}:{d.randint(10, 59)} host-{d.randint(1, 40)} kernel: [{d.randint(1, 99999)}.{d.chars('d', 6)}] {d.choice(words.NOUNS)}{d.randint(0, 9)}: {words.sentence(d)}"
        return f"[{d.randint(1700000000, 1790000000)}] job={d.randint(10**6, 10**10)} attempt={d.randint(1, 5)} parent={request} bytes={d.randint(10**4, 10**12)} status=ok"

    return lines(draw, line, 12, 60)


def diff(draw):
    def hunk(d):
        name = f"{d.choice(words.NOUNS)}/{words.snake(d)}.{d.choice(['rs', 'py', 'ts', 'go', 'yml'])}"
        old = f"{words.snake(d)}({d.choice(words.NOUNS)})"
        return f"diff --git a/{name} b/{name}\nindex {d.chars('x', 10)}..{d.chars('x', 10)} 100644\n--- a/{name}\n+++ b/{name}\n@@ -{d.randint(1, 900)},7 +{d.randint(1, 900)},9 @@ def {words.snake(d)}():\n     {old}\n-    {words.snake(d)} = {d.randint(1, 10**6)}\n+    {words.snake(d)} = {words.snake(d)}({d.randint(1, 99)})\n+    # {words.sentence(d)}"

    head = f"commit {draw.chars('x', 40)}\nAuthor: Robin <robin@example.com>\nDate:   Tue Mar 3 10:{draw.randint(10, 59)}:11 2026 +0100\n\n    {draw.choice(words.VERBS).capitalize()} the {draw.choice(words.NOUNS)}\n\n"
    return head + lines(draw, hunk, 2, 9)


def git_log(draw):
    return lines(
        draw,
        lambda d: (
            f"{d.chars('x', d.choice([7, 9, 12, 40]))} {d.choice(words.VERBS).capitalize()} {d.choice(words.ADJECTIVES)} {d.choice(words.NOUNS)} (#{d.randint(1, 20000)})"
        ),
        15,
        50,
    )


def lock(draw):
    style = draw.randint(0, 4)

    def version(d):
        return f"{d.randint(0, 30)}.{d.randint(0, 40)}.{d.randint(0, 99)}"

    def entry(d):
        name = f"{d.choice(words.NOUNS)}-{d.choice(words.NOUNS)}"
        if style == 0:
            return f'[[package]]\nname = "{name}"\nversion = "{version(d)}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "{d.chars("x", 64)}"\n'
        if style == 1:
            return f'    "node_modules/@{d.choice(words.NOUNS)}/{name}": {{\n      "version": "{version(d)}",\n      "resolved": "https://registry.npmjs.org/{name}/-/{name}-{version(d)}.tgz",\n      "integrity": "sha512-{encode.base64std(d.raw(64))}",\n      "dev": true\n    }},'
        if style == 2:
            return f"github.com/{d.choice(words.NOUNS)}/{name} v{version(d)} h1:{encode.base64std(d.raw(32))}\ngithub.com/{d.choice(words.NOUNS)}/{name} v{version(d)}/go.mod h1:{encode.base64std(d.raw(32))}"
        if style == 3:
            return f'"{name}@npm:^{version(d)}":\n  version: {version(d)}\n  resolution: "{name}@npm:{version(d)}"\n  checksum: 10c0/{d.chars("x", 128)}\n  languageName: node\n'
        return f"{name}=={version(d)} \\\n    --hash=sha256:{d.chars('x', 64)} \\\n    --hash=sha256:{d.chars('x', 64)}"

    return lines(draw, entry, 5, 30)


def minified(draw):
    def piece(d):
        a, b, c = (d.chars("l", d.randint(1, 2)) for _ in range(3))
        return d.choice(
            [
                f"function {a}({b},{c}){{return {b}?{c}.{words.camel(d)}({d.randint(0, 9999)}):void 0}}",
                f'{a}.prototype.{words.camel(d)}=function({b}){{this.{c}={b},this.{d.choice(words.NOUNS)}="{d.choice(words.NOUNS)}"}};',
                f"var {a}=[{','.join(str(d.randint(0, 4294967295)) for _ in range(8))}],{b}=0x{d.chars('x', 8)},{c}=/^[\\w.]+$/g;",
                f"!function({a}){{for(var {b}=0;{b}<{a}.length;{b}++){c}[{a}[{b}].key]={a}[{b}].token||null}}([]);",
                f'{a}="{d.chars("x", 20)}",{b}={{password:!0,secret:!1,key:{d.randint(1, 99)}}},{c}={b}.password;',
            ]
        )

    return (
        "".join(piece(draw) for _ in range(draw.randint(20, 80)))
        + f"\n//# sourceMappingURL=app.{draw.chars('x', 8)}.js.map"
    )


def table(draw):
    columns = [draw.choice(words.NOUNS) for _ in range(draw.randint(3, 7))]
    makers = [
        draw.choice(
            [
                lambda d: str(d.randint(0, 10 ** d.randint(1, 11))),
                lambda d: f"{d.uniform(-999, 999):.4f}",
                lambda d: d.choice(words.ADJECTIVES),
                lambda d: stamp(d)[:10],
                lambda d: d.uuid(),
            ]
        )
        for _ in columns
    ]
    by = draw.choice([",", ";", "\t"])
    return "\n".join([by.join(columns)] + [by.join(make(draw) for make in makers) for _ in range(draw.randint(15, 80))])


def api(draw):
    def item(d):
        return {
            "id": d.choice([d.uuid(), d.chars("x", 24), d.randint(1, 10**12)]),
            d.choice(words.NOUNS): d.choice(words.ADJECTIVES),
            "createdAt": stamp(d),
            "count": d.randint(0, 10**8),
            "ratio": d.random(),
            "tags": [d.choice(words.NOUNS) for _ in range(3)],
            "etag": d.chars("x", 32),
            "nextToken": None,
            "url": f"https://api.example.com/v1/{d.choice(words.NOUNS)}s/{d.randint(1, 10**9)}",
        }

    return json.dumps(
        {"items": [item(draw) for _ in range(draw.randint(4, 20))], "page": 1}, indent=draw.choice([None, 2])
    )


def vector(draw):
    style = draw.randint(0, 3)
    if style == 0:
        return (
            "["
            + ", ".join(f"{draw.gauss(0, 0.03):.{draw.randint(6, 17)}f}" for _ in range(draw.randint(80, 400)))
            + "]"
        )
    if style == 1:
        return "\n".join(
            f"{offset:08x}  {' '.join(draw.chars('x', 2) for _ in range(16))}  |................|"
            for offset in range(0, 16 * draw.randint(10, 60), 16)
        )
    if style == 2:
        points = " ".join(
            f"{draw.choice('MLC')}{draw.uniform(0, 999):.3f},{draw.uniform(0, 999):.3f}"
            for _ in range(draw.randint(40, 200))
        )
        return f'<svg viewBox="0 0 1024 768" xmlns="http://www.w3.org/2000/svg"><path fill="#{draw.chars("x", 6)}" d="{points}Z"/></svg>'
    return "\n".join(" ".join(str(draw.randint(0, 10**9)) for _ in range(8)) for _ in range(draw.randint(20, 80)))


def picture(draw):
    kind, magic = draw.choice(
        [
            ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
            ("webp", b"RIFF\x10\x20\0\0WEBPVP8 "),
            ("gif", b"GIF89a"),
        ]
    )
    body = encode.base64std(magic + draw.raw(draw.randint(400, 6000)))
    return draw.choice(
        [
            f'<img alt="{draw.choice(words.NOUNS)}" src="data:image/{kind};base64,{body}">',
            json.dumps(
                {
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": words.sentence(draw)},
                                {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{body}"}},
                            ],
                        }
                    ]
                }
            ),
            f"background: url(data:image/{kind};base64,{body}) no-repeat;",
            json.dumps({"type": "image", "source": {"type": "base64", "media_type": f"image/{kind}", "data": body}}),
        ]
    )


def chat(draw):
    turns = []
    for index in range(draw.randint(2, 9)):
        turns.append(
            {
                "role": "assistant" if index % 2 else "user",
                "content": words.prose(draw, draw.randint(1, 8), draw.choice(sorted(words.PROSE))),
            }
        )
    return json.dumps(
        {
            "model": draw.choice(["large-2", "small-1"]),
            "messages": turns,
            "max_tokens": draw.choice([512, 4096]),
            "temperature": 0.2,
        },
        ensure_ascii=draw.random() < 0.5,
    )


def prompt(draw):
    language = draw.choice(sorted(words.PROSE))
    return "\n\n".join(words.prose(draw, draw.randint(3, 9), language) for _ in range(draw.randint(1, 5)))


def manifest(draw):
    name = draw.choice(words.NOUNS)
    upper = name.upper()
    return draw.choice(
        [
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  uid: {draw.uuid()}\nspec:\n  replicas: {draw.randint(1, 9)}\n  template:\n    spec:\n      containers:\n        - name: {name}\n          image: registry.example/{name}@sha256:{draw.chars('x', 64)}\n          env:\n            - name: {upper}_PASSWORD\n              valueFrom:\n                secretKeyRef:\n                  name: {name}-db\n                  key: password\n            - name: {upper}_TOKEN\n              valueFrom:\n                secretKeyRef: {{name: {name}, key: token}}\n          resources:\n            limits: {{cpu: 500m, memory: 256Mi}}\n",
            f'variable "{name}_password" {{\n  type      = string\n  sensitive = true\n}}\n\nresource "aws_db_instance" "{name}" {{\n  username = "app"\n  password = var.{name}_password\n  kms_key_id = aws_kms_key.{name}.arn\n  tags = {{ Owner = "team-{draw.randint(1, 9)}" }}\n}}\n',
            f"name: ci\non: [push]\njobs:\n  test:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: actions/checkout@{draw.chars('x', 40)}\n      - uses: actions/setup-node@v4\n        with: {{node-version: 22}}\n      - run: npm publish\n        env:\n          NODE_AUTH_TOKEN: ${{{{ secrets.NPM_TOKEN }}}}\n          {upper}_API_KEY: ${{{{ secrets.{upper}_API_KEY }}}}\n",
            f'services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD_FILE: /run/secrets/pg\n      POSTGRES_USER: ${{PGUSER}}\n      POSTGRES_PASSWORD: ${{PGPASSWORD:?unset}}\n    ports: ["127.0.0.1:5432:5432"]\nsecrets:\n  pg:\n    file: ./pg.txt\n',
            f"# .env.example\n{upper}_URL=http://localhost:3000\n{upper}_API_KEY=\n{upper}_SECRET=changeme\nDATABASE_URL=postgres://user:password@localhost:5432/{name}\nJWT_SECRET=<generate with openssl rand -hex 32>\nLOG=info\n",
        ]
    )


def trace(draw):
    def frame(d):
        return d.choice(
            [
                f'  File "/srv/{d.choice(words.NOUNS)}/{words.snake(d)}.py", line {d.randint(1, 2000)}, in {words.snake(d)}\n    return self.{words.snake(d)}({d.choice(words.NOUNS)}, token=token)',
                f"    at {words.pascal(d)}.{words.camel(d)} (/app/src/{d.choice(words.NOUNS)}.ts:{d.randint(1, 900)}:{d.randint(1, 80)})",
                f"\tat com.example.{d.choice(words.NOUNS)}.{words.pascal(d)}.{words.camel(d)}({words.pascal(d)}.java:{d.randint(1, 900)})",
                f"  {d.randint(1, 40)}: 0x{d.chars('x', 12)} - {d.choice(words.NOUNS)}::{words.snake(d)}::h{d.chars('x', 16)}",
            ]
        )

    return (
        "Traceback (most recent call last):\n"
        + lines(draw, frame, 6, 30)
        + f"\nValueError: invalid {draw.choice(words.NOUNS)}: expected {draw.randint(1, 99)}, got {draw.randint(100, 10**9)}"
    )


def markdown(draw):
    parts = [f"# {words.pascal(draw)}\n\n{words.prose(draw, 3)}"]
    for _ in range(draw.randint(2, 6)):
        parts.append(
            f"## {draw.choice(words.VERBS).capitalize()} the {draw.choice(words.NOUNS)}\n\n{words.prose(draw, draw.randint(2, 5))}\n\n```sh\n{draw.choice(words.NOUNS)} --{draw.choice(words.NOUNS)} {draw.randint(1, 9999)} --api-key $API_KEY\n```\n\n- {words.sentence(draw)}\n- see <https://docs.example.com/{draw.choice(words.NOUNS)}#{draw.choice(words.NOUNS)}>"
        )
    return "\n\n".join(parts)


def sql_dump(draw):
    name, columns = draw.choice(words.NOUNS), [draw.choice(words.NOUNS) for _ in range(4)]

    def values(d):
        return f"INSERT INTO {name}s VALUES ({d.randint(1, 10**6)}, '{d.choice(words.ADJECTIVES)}', {d.randint(0, 10**10)}, '{stamp(d)[:10]}', {d.uniform(0, 99):.2f});"

    head = f"CREATE TABLE {name}s (id bigint PRIMARY KEY, {', '.join(f'{column} text NOT NULL' for column in columns)}, password_hash text, api_token_id uuid);\n"
    return head + lines(draw, values, 10, 50)


def mail(draw):
    return f"Subject: {draw.choice(words.ADJECTIVES)} {draw.choice(words.NOUNS)}\n\nHi all,\n\n{words.prose(draw, draw.randint(4, 12))}\n\nThe numbers: {draw.randint(10, 99)} of {draw.randint(100, 999)} done, budget {draw.randint(1, 99)},{draw.chars('d', 3)}.00 EUR, order {draw.chars('d', 10)}.\n\nCheers"


KINDS = [
    log,
    log,
    diff,
    diff,
    git_log,
    lock,
    minified,
    table,
    api,
    vector,
    picture,
    chat,
    chat,
    prompt,
    prompt,
    manifest,
    trace,
    markdown,
    sql_dump,
    mail,
    *[code.source] * 6,
]
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
