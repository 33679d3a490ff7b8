"""Trust stores: the folder /etc/ssl/certs of one machine, holding exactly the authorities it is given.

Laid over the real one in a client's own mounts, it is what curl, Python and every OpenSSL program of that client
believes, without a word in their code. Node reads NODE_EXTRA_CA_CERTS, which the office sets for it.
"""

import subprocess

BUNDLE = "ca-certificates.crt"
SYSTEM = "/etc/ssl/certs"


def write_store(folder, authorities):
    """Fills `folder` with the given certificates (name to PEM), hash links and the bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, pem in authorities.items():
        (folder / f"{name}.pem").write_text(pem)
    subprocess.run(["openssl", "rehash", folder], check=True, capture_output=True)
    (folder / BUNDLE).write_text("".join(authorities.values()))
