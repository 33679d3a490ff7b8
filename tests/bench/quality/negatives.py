"""Hard negatives: what looks like a secret or a person's number and is none."""

from . import carriers, digits, national, people, tokens
from .draw import CLASSES
from .rows import row

# Places where a value would stand, with something in it that is no value.
REFERENCES = [
    "${{{scream}}}",
    "$({snake})",
    "process.env.{scream}",
    'os.environ["{scream}"]',
    "os.getenv('{scream}')",
    "{{{{ {snake} }}}}",
    "{{{{ .Values.{camel} }}}}",
    "<your-{kebab}>",
    "<{scream}>",
    "%{scream}%",
    "vault:secret/data/{slug}#{thing_snake}",
    "!Ref {pascal}",
    "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{kebab}-AbCdEf",
    "op://Private/{slug}/{thing_kebab}",
    "secretKeyRef",
    "********",
    "xxxxxxxxxxxxxxxxxxxx",
    "REPLACE_ME",
    "changeme",
    "[REDACTED]",
    "••••••••••••",
    "null",
    "undefined",
    "",
    "TODO",
    "your_{snake}_here",
    "ENC[AES256_GCM,data:Zm9v,type:str]",
    "@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/{kebab})",
    "env:{scream}",
    "${{{{ secrets.{scream} }}}}",
    "var.{snake}",
    "config.get('{slug}.{thing_snake}')",
    "...",
    "example",
    "file:/run/secrets/{snake}",
    'getSecret("{kebab}")',
    'Deno.env.get("{scream}")',
]

CODE = [
    "def reset_password(user: User, token: str) -> None:\n    user.password = hash_password(generate_password())\n",
    "interface Login {{ username: string; password: string; apiKey?: string }}",
    "pub struct Credentials {{ pub secret: SecretString, pub token: Option<String> }}",
    "if (password.length < 12) {{ throw new Error('Password must have at least 12 characters'); }}",
    "const token = await getAccessToken(scope);\nheaders.set('Authorization', `Bearer ${{token}}`);",
    "SELECT id, password_hash, api_key FROM accounts WHERE token = ?",
    "password_field = forms.CharField(widget=forms.PasswordInput, label='Password')",
    "api_key = api_key or settings.api_key",
    "auth = HTTPBasicAuth(username, password)",
    'String password = request.getParameter("password");',
    "private readonly IPasswordHasher _passwordHasher;",
    '<input type="password" name="password" autocomplete="current-password" placeholder="Password">',
    "secret = Secret.from_file(path)",
    "self.token = tokenizer.next_token()",
    '"password": "Passwort", "forgot_password": "Passwort vergessen?", "token_expired": "Sitzung abgelaufen"',
    'msgid "Enter your password"\nmsgstr "Entrez votre mot de passe"\n',
    "assert password == confirm_password, 'passwords differ'",
    "let key = KeyCode::Enter; let secretKey = crypto.subtle.generateKey(algorithm, true, usages);",
    "password: {{ type: String, required: true, minlength: 8 }}",
    "token_type = TokenType.IDENTIFIER\nmax_tokens = 4096\ntoken_count: 1834",
    "--password-file /run/secrets/db --token-ttl 3600",
    "Password policy: at least 14 characters, one upper-case letter, one digit; passwords expire after 180 days.",
    "The API key goes into the header X-Api-Key; the token is refreshed every hour. Never commit secrets.",
    "How do I reset my password? The reset link expires and the token is invalid.",
    "Passwort: mindestens zwölf Zeichen, bitte nicht aufschreiben.",
    "Le mot de passe doit contenir au moins huit caractères.",
    'curl -u "$USER:$PASSWORD" https://example.com/api',
    'curl -H "Authorization: Bearer $TOKEN" https://example.com/v1',
    "postgres://user:password@localhost:5432/db",
    "postgresql://${{DB_USER}}:${{DB_PASS}}@${{DB_HOST}}/app",
    "mysql -u root -p app < dump.sql",
    "export AWS_SECRET_ACCESS_KEY=$(aws configure get aws_secret_access_key)",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE{e64}\n{e22}==\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nMIIB{e60}\n{e64}\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{a43} me@laptop",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    "if line.startswith('-----BEGIN PRIVATE KEY-----'):\n    raise ValueError('no keys here')",
    "integrity sha512-{e86}==",
    '"integrity": "sha384-{e64}" crossorigin',
    'resolved "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz#{x40}"',
    'checksum = "{x64}"',
    "commit {x40}\nAuthor: Robin <robin@example.com>\n\n    Bump token-parser to 2.1\n",
    "index {x7}..{x7} 100644",
    "image: registry.example/api@sha256:{x64}",
    'ETag: "{x32}"',
    "request_id={u} trace_id={x32} span_id={x16}",
    "X-Amzn-Trace-Id: Root=1-{x8}-{x24}",
    "https://cdn.example/assets/app.{x20}.js",
    "md5sum: {x32}  backup.tar",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{e120}==",
    "url(data:font/woff2;base64,d09GMgABAAAAA{e160})",
    '"id": "{x24}", "createdBy": "{x24}"',
    "ulid 01J{U23}",
    "cursor=eyJvZmZzZXQiOjQwfQ&limit=20",
    "nonce=\"{a22}\" script-src 'nonce-{a22}'",
    "w=window,t=document;function a(e,n){{return e.charCodeAt(n)-48}}var b={{key:1,token:2}};!function(){{b.pass=3}}();",
    "0x{x40}{x8}",
    "node_modules/.pnpm/@babel+core@7.2{d1}.0/node_modules/@babel/core",
    "go.sum: github.com/x/y v1.2.3 h1:{e43}=",
    "docker pull registry.example/tool:{x12}",
    "terraform-provider-aws_v5.{d2}.0_x5 {x64}",
    "the token ghp_ prefix tells GitHub's tokens apart; sk- is used by several vendors",
    "keys look like AKIA followed by sixteen characters",
    "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "class SecretManager(BaseManager):\n    secret_key_base = None\n",
    "password=password, username=username",
    "password: 'string', token: 'string'",
    "passwd -l root; passwd --status",
    '{{"error":"invalid_token","error_description":"The access token expired"}}',
    "session_id: Mapped[int] = mapped_column(ForeignKey('session.id'))",
    'Basic realm="Restricted"',
    'WWW-Authenticate: Bearer realm="api", error="invalid_token"',
    "token.balanceOf(0x000000000000000000000000000000000000dEaD)",
    "psk=ask-the-office",
    "wifi password: see the board in the kitchen",
]

NUMBERS = [
    "created_at: {unix}",
    "ts={unix}{d3} level=info",
    "epoch micros {unix}{d6}",
    "order #{d10}",
    "Order 4{luhn15} shipped",
    "invoice INV-{d4}-{d6}",
    "tracking 1Z{U16}",
    "DHL {d12}",
    "build 2026.{d2}.{d3}.{d4}",
    "version 10.0.19045.{d4}",
    "v1.2.3.4-rc1",
    "ISBN 978-3-16-148410-0",
    "EAN 400638133393{d1}",
    "commit {x40}",
    "db6867064 Fix the parser",
    "size={d9} bytes={d11}",
    "[{d3}, {d3}, {d3}, {d3}]",
    "0.{d16}, 0.{d16}, 1.{d9}",
    "pi = 3.14159265358979",
    "port 5432, 6379, 27017",
    "range 1000-9999",
    "section 12.3.4.5",
    "127.0.0.1:8080",
    "192.168.1.{d2}",
    "10.0.0.0/8",
    "0.0.0.0",
    "255.255.255.0",
    "::1",
    "fe80::1",
    "2001:db8::{x4}",
    "00:00:00:00:00:00",
    "ff:ff:ff:ff:ff:ff",
    "12:34:56",
    "{x2} {x2} {x2} {x2} {x2} {x2} {x2} {x2}",
    "lat/lng bounds of the map tiles 14/8529/5975",
    "call 555-0123",
    "ext. 4711",
    "2026-01-02T03:04:05.{d6}Z",
    "from 01.02.2024 to 03.04.2024",
    "release date 1999-12-31",
    "part no {d3}-{d5}-{d2}",
    "SKU {N3}{d7}",
    "article 756.1234.5678.90",
    "ticket #{d8}",
    "row {d9} of {d9}",
    "account 123456789012 (arn:aws:iam::123456789012:role/x)",
    "pull request 12345678901",
    "msg id <{d14}.{x8}@example.com>",
    "user@host:/srv/git/app.git",
    "git@github.com:acme/app.git",
    "@types/node@20.11.5",
    "dtolnay/rust-toolchain@1.85.0",
    "@Override @NotNull @Size(max=255)",
    "foo@localhost",
    "user@example.com",
    "noreply@example.org",
    "a@b",
    "price 1.234.567,89 EUR",
    "population 83.237.124",
    "{d3}.{d3}.{d3}.{d3}.{d3}",
    "hex 0x{x8}",
    "color #{x6}",
    "uuid {u}",
    "{luhn16}",
    "sum {d13}",
    "serial {d15}",
    "counter {verhoeff12}",
    "id {luhn9}",
    "job {luhn11}",
    "sensor {luhn15}",
    "{d5}-{d4}",
    "GET /items/{d9}",
    "items[{d10}]",
    "width: 1920px; height: 1080px",
    "M 10.5 20.25 L 30.125 40.0625 C 1 2 3 4 5 6",
    "nm: {x16} T main",
    "sha1:{x40}",
    "phone model SM-G998B",
    "RFC 2119, RFC 8259",
    "PAN-OS 10.2.3",
    "NIP-05 relay",
    "the BIC of a pen",
    "CPF is a Brazilian number",
    "a card number has a Luhn digit",
    "our IBAN is on the invoice",
    "DOB unknown",
    "SSN: XXX-XX-XXXX",
    "SSN: ***-**-1234",
    "card ending in 4242",
    "DE00 0000 0000 0000 0000 00",
    "the NHS number format is 3-3-4",
    "Flight LH{d4} gate A12",
    "platform 9 3/4",
    "WO-{d8}",
    "lot {x24}/{d4}",
    "CVE-2024-{d5}",
    "case 12345",
    "room 0815",
    "chr7:{d9}-{d9}",
    "zip 10115",
    "DIN EN ISO 13849-1",
    "1e-10, 6.02214076e23",
    "elapsed {d2}:{d2}:{d2}.{d3}",
    "offset +{d10}",
    "id={d17}",
]


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


# Numbers that pass a check digit, with words around that name nothing personal.
INNOCENT = [
    "order {}",
    "job {} finished",
    "item_id={}",
    "ref {}",
    "{} rows",
    "batch-{}",
    "size: {}",
    '"seq": {}',
    "invoice no. {}",
    "{};{};{}",
    "offset {} length 12",
    "ticket {} was closed",
    "sensor,{},on",
    "const MAX = {};",
    "#{}",
    "tracking {}",
    "/orders/{}/lines",
    "[{}]",
    "ver {}",
    "SELECT * FROM t WHERE id = {}",
    "GET /v1/items/{} 200",
    "sku {}",
    "x = {} # magic",
    "seed({})",
    "serial no {}",
]
NUMERIC = [
    "us_npi",
    "us_aba",
    "uk_nhs",
    "uk_utr",
    "in_aadhaar",
    "au_tfn",
    "au_abn",
    "ca_sin",
    "de_steuer_id",
    "fr_siren",
    "fr_siret",
    "it_iva",
    "nl_bsn",
    "pl_pesel",
    "pl_nip",
    "pt_nif",
    "no_fodselsnummer",
    "ro_cnp",
    "bg_egn",
    "hr_oib",
    "ee_isikukood",
    "gr_amka",
    "tr_tckn",
    "jp_my_number",
    "th_id",
    "za_id",
    "il_id",
    "ru_inn",
    "id_nik",
]


def passing(draw, count):
    for _ in range(count):
        text = draw.choice(INNOCENT)
        values = []
        for _ in range(text.count("{}")):
            value = getattr(national, draw.choice(NUMERIC))(draw)
            while not value.isdigit():
                value = getattr(national, draw.choice(NUMERIC))(draw)
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
