"""Where a token stands: files, commands, code, logs, tables and people's sentences.

A carrier is a text in which `§` is the value and `{snake}` and its like are the name that people give it. What a
value needs so that its place can hold it (escapes of JSON, entities of XML) is in `escape`.
"""

import json
import re

VALUE = "§"


class Name:
    """All spellings of one phrase such as `New Relic/license key`."""

    def __init__(self, vendor, thing):
        self.vendor_phrase, self.thing_phrase = vendor, thing
        words = re.findall(r"[a-z0-9]+", f"{vendor} {thing}".lower())
        mine = re.findall(r"[a-z0-9]+", thing.lower())
        self.forms = {
            "phrase": f"{vendor} {thing}",
            "vendor": vendor,
            "thing": thing,
            "slug": re.sub(r"[^a-z0-9]", "", vendor.lower()),
            "snake": "_".join(words),
            "kebab": "-".join(words),
            "dots": ".".join(words),
            "scream": "_".join(words).upper(),
            "camel": words[0] + "".join(word.capitalize() for word in words[1:]),
            "pascal": "".join(word.capitalize() for word in words),
            "thing_snake": "_".join(mine),
            "thing_kebab": "-".join(mine),
            "thing_camel": mine[0] + "".join(word.capitalize() for word in mine[1:]),
            "thing_scream": "_".join(mine).upper(),
        }


# (category, escape, text)
CARRIERS = [
    ("env", "", "export {scream}=§\n"),
    ("env", "", '# staging\nLOG_LEVEL=debug\n{scream}="§"\nPORT=8080\n'),
    ("env", "", "TZ=Europe/Vienna\n{scream}='§'\n"),
    ("docker", "", "FROM debian:12-slim\nENV {scream} §\nCOPY . /srv\n"),
    (
        "docker",
        "",
        "services:\n  api:\n    image: registry.example/api:1.4.2\n    environment:\n      - {scream}=§\n      - WORKERS=4\n",
    ),
    ("docker", "", "docker run --rm -e {scream}=§ -p 8080:80 registry.example/api:1.4.2"),
    ("yaml", "", 'env:\n  - name: {scream}\n    value: "§"\n  - name: REGION\n    value: eu-west-1\n'),
    ("yaml", "", "{slug}:\n  enabled: true\n  {thing_snake}: §\n  retries: 3\n"),
    ("yaml", "", "integrations:\n  {kebab}: '§'\n"),
    ("toml", "", '[{slug}]\n{thing_snake} = "§"\nregion = "eu"\n'),
    ("ini", "", "[{slug}]\n{thing_snake}=§\nverify = yes\n"),
    ("properties", "", "server.port=9090\n{dots}=§\n"),
    ("terraform", "", 'provider "{slug}" {{\n  {thing_snake} = "§"\n}}\n'),
    ("terraform", "", '{snake} = "§" # rotate in March\n'),
    ("json", "json", '{{"{snake}": "§", "timeout": 30}}'),
    ("json", "json", '{{\n  "{slug}": {{\n    "{thing_camel}": "§",\n    "active": true\n  }}\n}}'),
    ("json", "json", '[{{"key":"{scream}","value":"§","target":["production"]}}]'),
    (
        "chat",
        "json2",
        '{{"messages":[{{"role":"user","content":"why does this fail?\\n{scream}=§\\n"}}],"temperature":0}}',
    ),
    ("chat", "json2", '{{"model":"m-large","input":"Refactor: const {camel} = \\"§\\";"}}'),
    ("xml", "xml", "<settings>\n  <{camel}>§</{camel}>\n</settings>"),
    ("xml", "xml", '<add key="{pascal}" value="§" />'),
    ("python", "", 'client = {pascal}Client({thing_snake}="§", timeout=10)'),
    ("python", "", 'import os\nos.environ["{scream}"] = "§"\n'),
    ("python", "", "settings = {{\n    '{snake}': '§',\n    'debug': False,\n}}"),
    ("go", "", 'package main\n\nconst {camel} = "§"\n\nfunc main() {{}}\n'),
    ("rust", "", 'const {scream}: &str = "§";'),
    ("java", "", '    private static final String {scream} = "§";'),
    ("csharp", "", 'var {camel} = @"§";\nawait client.SendAsync({camel});'),
    ("php", "", "<?php\ndefine('{scream}', '§');\n"),
    ("php", "", "return [\n    '{snake}' => '§',\n];"),
    ("ruby", "", "{pascal}.configure {{ |c| c.{thing_snake} = '§' }}"),
    ("js", "", "module.exports = {{ {camel}: '§', retries: 2 }};"),
    ("js", "", "const {camel} = process.env.{scream} || '§';"),
    ("swift", "", 'let {camel} = "§"  // TODO move to keychain'),
    ("shell", "", "{slug} deploy --{thing_kebab} § --region eu-central-1"),
    ("shell", "", "./{slug}-cli sync --{thing_kebab}=§ --dry-run"),
    ("shell", "", "$ {scream}=§ make release"),
    ("shell", "", "set {scream}=§\r\nstart /wait setup.exe\r\n"),
    ("shell", "", '$env:{scream} = "§"\nInvoke-Build'),
    ("http", "", "GET /v2/items HTTP/1.1\r\nHost: api.{slug}.example\r\nX-{pascal}: §\r\nAccept: */*\r\n"),
    ("http", "", 'curl https://api.{slug}.com/v1/me -H "Authorization: Bearer §"'),
    ("url", "url", "https://api.{slug}.com/v1/list?page=2&{thing_snake}=§&sort=asc"),
    ("log", "", "2026-03-14T09:26:53Z WARN {slug}: retrying, {thing_snake}=§ status=429"),
    ("log", "", "[14/Mar/2026:09:26:53 +0100] ERROR {scream} was [§], upstream said 401"),
    ("csv", "", "environment;{snake};owner\nproduction;§;platform team\n"),
    ("csv", "", "name,value,updated\n{scream},§,2026-02-11\n"),
    ("sql", "", "INSERT INTO settings (name, value) VALUES ('{snake}', '§');"),
    ("sql", "", "UPDATE tenants SET {snake} = '§' WHERE id = 42;"),
    ("diff", "", "--- a/config.yml\n+++ b/config.yml\n@@ -3,2 +3,2 @@\n-{snake}: ${{{scream}}}\n+{snake}: §\n"),
    ("markdown", "", "| setting | value |\n|---|---|\n| {phrase} | `§` |\n"),
    ("markdown", "", "1. open the console\n2. paste the {phrase}: `§`\n3. press *Save*\n"),
    ("notebook", "json2", '{{"cells":[{{"cell_type":"code","source":["{scream} = \'§\'\\n","print(1)"]}}]}}'),
    ("mail", "", "Hi Jana,\n\nhere is the new {phrase} for the shop:\n§\n\nBest, Tom"),
    ("prose", "", "Our {phrase} is §, can you check whether it is still valid?"),
    ("prose", "", 'Why do I get a 403? I use the {phrase} "§" from the dashboard.'),
    ("prose", "", "I rotated the {phrase} (§) yesterday."),
    ("slack", "", "[10:42] mira: anyone has the {phrase}?\n[10:43] jo: sure -> §\n[10:43] mira: thx"),
    ("prose-de", "", "Der {phrase} lautet § und läuft im Mai ab."),
    ("prose-fr", "", "Voici le {phrase} : §. Merci de ne pas le partager."),
    ("prose-es", "", "El {phrase} nuevo es §, pruébalo por favor."),
    ("prose-it", "", "Ho cambiato il {phrase}: § (vale da oggi)."),
    ("prose-pl", "", "Nowy {phrase} to §, proszę sprawdzić."),
    ("prose-ja", "", "{phrase} は § です。確認をお願いします。"),
]


def escape(how, value):
    if how == "json":
        return json.dumps(value)[1:-1]
    if how == "json2":
        # In source code that is itself a string of JSON: line breaks are escaped as a program writes them.
        return json.dumps(value)[1:-1]
    if how == "xml":
        return value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    if how == "url":
        return "".join(char if char.isalnum() or char in "-._~:/" else f"%{ord(char):02X}" for char in value)
    return value


def fits(how, value):
    """Whether a value may stand in such a place as it is; what spans lines is for files and strings of JSON."""
    if how in ("json", "json2"):
        return True
    if how == "url":
        return escape(how, value) == value
    return "\n" not in value


def fill(carrier, name, value):
    category, how, text = carrier
    return category, text.format(**name.forms).replace(VALUE, escape(how, value)), escape(how, value)
