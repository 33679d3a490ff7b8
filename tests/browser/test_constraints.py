"""Whoever stole the authority's key could vouch for the names of AI providers, and for nothing else: what the verifiers of
browsers and languages say, beside what they say of an authority without constraints. OpenSSL and rustls are asked by the
unit tests of `firmware/seal`."""

import json
import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import plan
import pytest

HERE = Path(__file__).resolve().parent
WITHIN = ["api.openai.com", "claude.ai", f"nanogate.{plan.DOMAIN}"]
OUTSIDE = ["www.bank.example", "notopenai.com", "192.0.2.80"]


class Thief:
    """Certificates signed with a stolen key, one for each name."""

    def __init__(self, folder, root, key):
        self.folder = folder
        self.root = root
        self.key = key
        for name in WITHIN + OUTSIDE:
            self.sign(name)

    def sign(self, name):
        kind = "IP" if name[0].isdigit() else "DNS"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName = {kind}:{name}\nextendedKeyUsage = serverAuth\nkeyUsage = critical, digitalSignature\n"
            "basicConstraints = critical, CA:false\nauthorityKeyIdentifier = keyid\n"
        )
        request = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run([*request, "-subj", "/CN=thief", "-keyout", self.key_of(name), "-out", self.folder / f"{name}.csr"])
        sign = ["openssl", "x509", "-req", "-in", self.folder / f"{name}.csr", "-CA", self.root, "-CAkey", self.key]
        run([*sign, "-days", "7", "-extfile", extensions, "-out", self.leaf_of(name)])

    def leaf_of(self, name):
        return self.folder / f"{name}.pem"

    def key_of(self, name):
        return self.folder / f"{name}.key"

    @contextmanager
    def serving(self, name):
        """A server that shows this certificate on a port of loopback, which it yields."""
        serve = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", self.leaf_of(name)]
        command = [*serve, "-key", self.key_of(name)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as server:
            try:
                yield next(line.rsplit(":", 1)[1].strip() for line in server.stdout if line.startswith("ACCEPT"))
            finally:
                server.kill()


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def thief(office, tmp_path_factory):
    """Has the key of the office's own authority."""
    folder = tmp_path_factory.mktemp("thief")
    key = folder / "ca.key"
    key.write_text(office.puck.command("ca", "unseal").stdout)
    return Thief(folder, office.puck.ca_file, key)


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    """Has the key of an authority that names nothing."""
    folder = tmp_path_factory.mktemp("free")
    root, key = folder / "root.pem", folder / "root.key"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    run([*new, "-subj", "/CN=An authority for everything", "-keyout", key, "-out", root])
    return Thief(folder, root, key)


def home_of(thief):
    """A home whose user has imported the authority into the store that Chromium reads, as the Trust page says."""
    home = thief.folder / "home"
    store = f"sql:{home / '.pki/nssdb'}"
    if not home.exists():
        (home / ".pki/nssdb").mkdir(parents=True)
        run(["certutil", "-d", store, "-N", "--empty-password"])
        run(["certutil", "-d", store, "-A", "-t", "C,,", "-n", "office", "-i", thief.root])
    return home, store


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    folder = tmp_path_factory.mktemp("go")
    build = ["go", "build", "-o", folder / "verify", HERE / "verify.go"]
    run(build, env=os.environ | {"GOCACHE": str(folder), "GO111MODULE": "off"})

    def verdicts(thief):
        return {name: run([folder / "verify", thief.root, thief.leaf_of(name), name]).strip() for name in WITHIN + OUTSIDE}

    return verdicts


def nss(thief):
    """The library of Firefox, by its own command."""
    said = {}
    for name in WITHIN + OUTSIDE:
        command = ["vfychain", "-d", home_of(thief)[1], "-v", "-u", "1", "-a", thief.leaf_of(name)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        words = done.stdout + done.stderr
        assert ("Chain is good!" in words) == (done.returncode == 0), words
        said[name] = "accepted" if done.returncode == 0 else words
    return said


def chromium(thief):
    with ExitStack() as servers:
        ports = {name: servers.enter_context(thief.serving(name)) for name in WITHIN + OUTSIDE}
        browser = os.environ.get("CHROMIUM", shutil.which("chromium"))
        visit = ["node", HERE / "visit.mjs", "--chromium", browser, *(f"{name}={port}" for name, port in ports.items())]
        return json.loads(run(visit, env=os.environ | {"HOME": str(home_of(thief)[0])}))


@pytest.mark.parametrize("verifier", ["go", "nss", "chromium"])
def test_a_stolen_key_vouches_for_providers_only(thief, free, go, verifier):
    verdicts = {"go": go, "nss": nss, "chromium": chromium}[verifier]
    refusal = {
        "go": "is not authorized to sign for this name",
        "nss": "not permitted to issue a certificate with this name",
        "chromium": "net::ERR_CERT_INVALID",
    }[verifier]
    said = verdicts(thief)
    for name in WITHIN:
        assert said[name] == "accepted", said
    for name in OUTSIDE:
        assert refusal in said[name], said
    assert set(verdicts(free).values()) == {"accepted"}, "nothing but the constraints was in the way"
