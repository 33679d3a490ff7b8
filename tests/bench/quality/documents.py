"""Harmless files as templates: `«noun»` and its like are drawn anew each time, `«name»` once for each document."""

import re

from . import words

SLOT = re.compile(r"«([^»]+)»")


def stamp(draw):
    day, time = (
        f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
        f"{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}",
    )
    return f"{day}T{time}:{draw.randint(0, 59):02d}.{draw.chars('d', 3)}Z"


MAKERS = {
    "noun": lambda draw: draw.choice(words.NOUNS),
    "verb": lambda draw: draw.choice(words.VERBS),
    "Verb": lambda draw: draw.choice(words.VERBS).capitalize(),
    "adjective": lambda draw: draw.choice(words.ADJECTIVES),
    "snake": words.snake,
    "camel": words.camel,
    "Pascal": words.pascal,
    "sentence": words.sentence,
    "stamp": stamp,
    "uuid": lambda draw: draw.uuid(),
    "level": lambda draw: draw.choice(["DEBUG", "INFO", "INFO", "WARN", "ERROR"]),
    "extension": lambda draw: draw.choice(["rs", "py", "ts", "go", "yml"]),
}


def fill(draw, template, name=None):
    """Slots: a maker's name, `name` and `NAME`, a range such as `1-999`, or an alphabet of draw.py and a count, `x40`."""
    name = name or draw.choice(words.NOUNS)

    def one(match):
        slot = match[1]
        if slot.lower() == "name":
            return name.upper() if slot.isupper() else name
        if slot in MAKERS:
            return MAKERS[slot](draw)
        if "-" in slot:
            least, most = slot.split("-")
            return str(draw.randint(int(least), int(most)))
        return draw.chars(slot[0], int(slot[1:]))

    return SLOT.sub(one, template)


# Each is one line of a log; a log has many of one kind.
LOGS = [
    "«stamp» «level» [«noun»-«1-64»] «Pascal»: «verb» «noun» took «1-9999» ms request_id=«uuid»",
    '10.«0-255».«0-255».«1-254» - - [«10-28»/Mar/2026:10:«10-59»:07 +0000] "GET /«noun»s/«1-999999999»?page=«1-99» HTTP/1.1" '
    '200 «100-9999999» "-" "Mozilla/5.0 (X11; Linux x86_64; rv:«100-140».0) Gecko/20100101"',
    '{"ts": «1700000000000-1790000000000», "level": "info", "trace": "«x32»", "span": "«x16»", "msg": "«verb» «noun»"}',
    "Mar «10-28» 08:«10-59»:«10-59» host-«1-40» kernel: [«1-99999».«d6»] «noun»«0-9»: «sentence»",
    "[«1700000000-1790000000»] job=«1000000-9999999999» attempt=«1-5» bytes=«10000-999999999999» status=ok",
]

FRAMES = [
    '  File "/srv/«noun»/«snake».py", line «1-2000», in «snake»\n    return self.«snake»(«noun», token=token)',
    "    at «Pascal».«camel» (/app/src/«noun».ts:«1-900»:«1-80»)",
    "\tat com.example.«noun».«Pascal».«camel»(«Pascal».java:«1-900»)",
    "  «1-40»: 0x«x12» - «noun»::«snake»::h«x16»",
]

HUNK = """diff --git a/«name»/«snake».«extension» b/«name»/«snake».«extension»
index «x10»..«x10» 100644
@@ -«1-900»,7 +«1-900»,9 @@ def «snake»():
     «snake»(«noun»)
-    «snake» = «1-999999»
+    «snake» = «snake»(«1-99»)
+    # «sentence»"""

COMMIT = """commit «x40»
Author: Robin <robin@localhost>
Date:   Tue Mar 3 10:«10-59»:11 2026 +0100

    «Verb» the «noun»

"""

LOCKS = [
    '[[package]]\nname = "«noun»-«noun»"\nversion = "«0-30».«0-40».«0-99»"\n'
    'source = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "«x64»"\n',
    '    "node_modules/@«noun»/«noun»-«noun»": {\n      "version": "«0-30».«0-40».«0-99»",\n'
    '      "resolved": "https://registry.npmjs.org/«noun»/-/«noun»-«0-30».«0-40».«0-99».tgz",\n'
    '      "integrity": "sha512-«e86»==",\n      "dev": true\n    },',
    "github.com/«noun»/«noun» v1.«0-40».«0-99» h1:«e43»=\ngithub.com/«noun»/«noun» v1.«0-40».«0-99»/go.mod h1:«e43»=",
    '"«noun»@npm:^«0-30».«0-40».0":\n  version: «0-30».«0-40».0\n  checksum: 10c0/«x128»\n  languageName: node\n',
    "«noun»-«noun»==«0-30».«0-40».«0-99» \\\n    --hash=sha256:«x64» \\\n    --hash=sha256:«x64»",
]

MANIFESTS = [
    """apiVersion: apps/v1
kind: Deployment
metadata:
  name: «name»
  uid: «uuid»
spec:
  replicas: «1-9»
  template:
    spec:
      containers:
        - name: «name»
          image: registry.example/«name»@sha256:«x64»
          env:
            - name: «NAME»_PASSWORD
              valueFrom:
                secretKeyRef:
                  name: «name»-db
                  key: password
            - name: «NAME»_TOKEN
              valueFrom:
                secretKeyRef: {name: «name», key: token}
          resources:
            limits: {cpu: 500m, memory: 256Mi}
""",
    """variable "«name»_password" {
  type      = string
  sensitive = true
}

resource "aws_db_instance" "«name»" {
  username   = "app"
  password   = var.«name»_password
  kms_key_id = aws_kms_key.«name».arn
  tags       = { Owner = "team-«1-9»" }
}
""",
    """name: ci
on: [push]
jobs:
  test:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@«x40»
      - uses: actions/setup-node@v4
        with: {node-version: 22}
      - run: npm publish
        env:
          NODE_AUTH_TOKEN: ${{ secrets.NPM_TOKEN }}
          «NAME»_API_KEY: ${{ secrets.«NAME»_API_KEY }}
""",
    """services:
  db:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD_FILE: /run/secrets/pg
      POSTGRES_USER: ${PGUSER}
      POSTGRES_PASSWORD: ${PGPASSWORD:?unset}
    ports: ["127.0.0.1:5432:5432"]
secrets:
  pg:
    file: ./pg.txt
""",
    """# .env.example
«NAME»_URL=http://localhost:3000
«NAME»_API_KEY=
«NAME»_SECRET=changeme
DATABASE_URL=postgres://user:password@localhost:5432/«name»
JWT_SECRET=<generate with openssl rand -hex 32>
LOG=info
""",
]

MINIFIED = [
    "function «l2»(«l1»,e){return «l1»?e.«camel»(«0-9999»):void 0}",
    '«l1».prototype.«camel»=function(t){this.n=t,this.«noun»="«noun»"};',
    "var «l2»=[«0-4294967295»,«0-4294967295»,«0-4294967295»,«0-4294967295»],e=0x«x8»,r=/^[\\w.]+$/g;",
    "!function(e){for(var t=0;t<e.length;t++)n[e[t].key]=e[t].token||null}([]);",
    'r="«x20»",o={password:!0,secret:!1,key:«1-99»},i=o.password;',
]

SECTION = """## «Verb» the «noun»

«sentence» «sentence» «sentence»

```sh
«noun» --«noun» «1-9999» --api-key $API_KEY
```

- «sentence»
- see <https://docs.example.com/«noun»#«noun»>"""

INSERT = "INSERT INTO «name»s VALUES («1-999999», '«adjective»', «0-9999999999», '2026-0«1-9»-1«0-9»', «0-99».«d2»);"
CREATE = """CREATE TABLE «name»s (id bigint PRIMARY KEY, a text NOT NULL, b bigint, password_hash text, api_token_id uuid);
"""

MAIL = """Subject: «adjective» «noun»

Hi all,

«sentence» «sentence» «sentence» «sentence» «sentence»

The numbers: «10-99» of «100-999» done, budget «1-99»,«d3».00 EUR, order «d10».

Cheers"""
