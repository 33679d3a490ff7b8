"""The authority that peers vouch with, and the certificate of those that cannot mint one."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Authority:
    certificate: Path
    key: Path
    # Certificate and key in one file, as haproxy and squid want them: the authority's, and that of one name.
    both: Path
    leaf: Path


def authority(folder, host="api.openai.com"):
    """P-256 throughout, as ours."""
    made = Authority(folder / "ca.crt", folder / "ca.key", folder / "ca.pem", folder / "leaf.pem")
    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    openssl(*new, "-subj", "/CN=Peers CA", "-keyout", made.key, "-out", made.certificate)
    made.both.write_text(made.certificate.read_text() + made.key.read_text())
    key, certificate = folder / "leaf.key", folder / "leaf.crt"
    issuer = ["-CA", made.certificate, "-CAkey", made.key, "-addext", f"subjectAltName=DNS:{host}"]
    issuer += ["-addext", "basicConstraints=critical,CA:FALSE"]
    openssl(*new, *issuer, "-subj", f"/CN={host}", "-keyout", key, "-out", certificate)
    made.leaf.write_text(certificate.read_text() + made.certificate.read_text() + key.read_text())
    for path in folder.iterdir():
        path.chmod(0o644)
    return made


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr}")
