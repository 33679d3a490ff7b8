"""Vendors' tokens: the table of templates, and those whose parts depend on each other."""

from pathlib import Path

from . import encode

TABLE = Path(__file__).with_name("vendors.tsv")


def table():
    """Rows of (type, template, vendor, thing)."""
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            kind, template, phrase = line.split("\t")
            yield kind, template, *phrase.split("/")


def checked(prefix):
    def make(draw):
        body = draw.chars("a", 30)
        return prefix + body + encode.crc62(body)

    return make


def hex_checked(template):
    """Atlassian's: upper-case CRC-32 of all that stands before."""

    def make(draw):
        body = draw.fill(template)
        return f"{body}{encode.crc(body):08X}"

    return make


def gitlab_routable(draw):
    payload = draw.chars("w", 40)
    body = f"glpat-{payload}.01.{encode.number(len(payload), '0123456789abcdefghijklmnopqrstuvwxyz', 2)}"
    return body + encode.number(encode.crc(body), "0123456789abcdefghijklmnopqrstuvwxyz", 7)


def grafana(draw):
    body = "glsa_" + draw.chars("a", 32)
    return f"{body}_{encode.crc(body).to_bytes(4, 'little').hex()}"


def cloudflare_v2(draw):
    body = draw.chars("a", 40)
    return f"{draw.choice(['cfut_', 'cfat_', 'cfk_'])}{body}{encode.crc(body):08x}"


def artifactory(draw):
    while True:
        text = encode.base58(bytes.fromhex("0149a60b") + draw.raw(50))
        body = "AKCp" + text[-69:]
        value = 0
        for char in body:
            value = value * 58 + encode.BASE58.index(char)
        if (value.bit_length() + 7) // 8 == 54:
            return body


def reference_token(draw):
    text = f"reftkn:01:{draw.randint(1600000000, 1790000000)}:{draw.chars('a', 27)}"
    return encode.base64std(text)[:64]


def discord_bot(draw):
    user = str(draw.randint(10**17, 10**18 - 1))
    return f"{encode.base64url(user)}.{draw.fill('[w6]')}.{draw.fill('[w38]')}"


def json_token(prefix, value, tail=""):
    def make(draw):
        body = encode.base64std(encode.compact(value(draw)))
        return prefix + body + draw.fill(tail)

    return make


def pypi(draw):
    macaroon = b"\x02\x01\x08pypi.org\x02\x24" + draw.uuid().encode() + b"\0\0\6 " + draw.raw(32)
    return "pypi-" + encode.base64url(macaroon + draw.raw(draw.randint(6, 30)))


def age_key(draw):
    return encode.bech32("age-secret-key-", encode.five_bits(draw.raw(32))).upper()


def payload(draw):
    return {
        "sub": str(draw.randint(10**6, 10**9)),
        "name": draw.chars("n", 8),
        "iat": draw.randint(16 * 10**8, 18 * 10**8),
    }


def supabase(draw):
    return encode.jwt(draw, {"iss": "supabase", "ref": draw.chars("n", 20), "role": "service_role", "exp": 2017283741})


def service_account(draw):
    claims = {
        "iss": "kubernetes/serviceaccount",
        "kubernetes.io/serviceaccount/namespace": draw.choice(["default", "billing", "ops"]),
        "kubernetes.io/serviceaccount/secret.name": f"robot-token-{draw.chars('L', 5)}",
        "sub": "system:serviceaccount:default:robot",
    }
    return encode.jwt(draw, claims, "RS256", 256)


def salesforce(draw):
    return f"00D{draw.chars('a', 12)}!AQ{draw.chars('a', 60)}.{draw.chars('a', 29)}"


def extended_key(draw):
    return encode.base58check(bytes.fromhex("0488ade4") + b"\3" + draw.raw(8) + draw.raw(32) + b"\0" + draw.raw(32))


def wif(draw):
    compressed = draw.random() < 0.6
    return encode.base58check(b"\x80" + draw.raw(32) + (b"\1" if compressed else b""))


MADE = {
    "github_pat_classic": (checked("ghp_"), "GitHub", "token"),
    "github_oauth_token": (checked("gho_"), "GitHub", "OAuth token"),
    "github_user_to_server": (checked("ghu_"), "GitHub", "user token"),
    "github_server_to_server": (checked("ghs_"), "GitHub", "installation token"),
    "npm_token": (checked("npm_"), "npm", "token"),
    "gitlab_pat_routable": (gitlab_routable, "GitLab", "access token"),
    "bitbucket_app_password": (hex_checked("ATBB[a24]"), "Bitbucket", "app password"),
    "atlassian_api_token": (hex_checked("ATATT3xFfGF0[w171]="), "Atlassian", "API token"),
    "trello_token": (hex_checked("ATTA[x64]"), "Trello", "token"),
    "pypi_token": (pypi, "PyPI", "token"),
    "artifactory_api_key": (artifactory, "Artifactory", "API key"),
    "artifactory_ref_token": (reference_token, "Artifactory", "reference token"),
    "onepassword_service_token": (
        json_token(
            "ops_",
            lambda d: {
                "signInAddress": "my.1password.com",
                "userAuth": {"method": "SRPg-4096"},
                "email": d.chars("n", 9) + "@1passwordserviceaccounts.com",
                "srpX": d.chars("x", 64),
                "secretKey": d.fill("A3-[U6]-[U6]-[U5]"),
            },
        ),
        "1Password",
        "service account token",
    ),
    "age_secret_key": (age_key, "age", "secret key"),
    "kubernetes_sa_jwt": (service_account, "Kubernetes", "token"),
    "discord_bot_token": (discord_bot, "Discord", "bot token"),
    "telegram_bot_token": (lambda d: f"{d.randint(10**8, 10**10 - 1)}:AA{d.fill('[w33]')}", "Telegram", "bot token"),
    "salesforce_token": (salesforce, "Salesforce", "access token"),
    "intercom_token": (
        lambda d: encode.base64std("tok:" + d.fill("[x8]_[x4]_[x4]_[x4]_[x12]:1:0")),
        "Intercom",
        "access token",
    ),
    "flyio_macaroon": (lambda d: "fm2_" + encode.base64std(d.raw(120)), "Fly", "API token"),
    "supabase_service_jwt": (supabase, "Supabase", "service role key"),
    "cloudflare_token_v2": (cloudflare_v2, "Cloudflare", "API token"),
    "grafana_sa_token": (grafana, "Grafana", "service account token"),
    "grafana_cloud_token": (
        json_token(
            "glc_",
            lambda d: {"o": d.fill("[d6]"), "n": "stack-" + d.chars("n", 6), "k": d.chars("a", 24), "m": {"r": "eu"}},
        ),
        "Grafana",
        "cloud token",
    ),
    "sentry_org_token": (
        json_token(
            "sntrys_",
            lambda d: {
                "iat": 1700000000.5 + d.randint(0, 10**7),
                "url": "https://sentry.io",
                "region_url": "https://de.sentry.io",
                "org": d.chars("n", 7),
            },
            "_[e43]",
        ),
        "Sentry",
        "auth token",
    ),
    "jwt": (lambda d: encode.jwt(d, payload(d)), "session", "token"),
    "jwt_rs256": (lambda d: encode.jwt(d, payload(d), "RS256", 256), "identity", "token"),
    "bitcoin_wif": (wif, "wallet", "private key"),
    "bip32_xprv": (extended_key, "wallet", "extended private key"),
    "ethereum_private_key": (lambda d: "0x" + d.chars("x", 64), "wallet", "private key"),
    "wireguard_private_key": (lambda d: encode.base64std(d.raw(32)), "WireGuard", "private key"),
    "firebase_fcm_server_key": (lambda d: f"AAAA{d.fill('[w7]')}:APA91b{d.fill('[w134]')}", "Firebase", "server key"),
}


def makers():
    """All of them: type to (value from a draw, vendor, thing)."""
    rows = {kind: (lambda draw, t=template: draw.fill(t), vendor, thing) for kind, template, vendor, thing in table()}
    return rows | MADE
