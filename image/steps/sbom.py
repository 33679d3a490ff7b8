#!/usr/bin/env python3
"""image/steps/sbom.py BOARD OUTPUT: what the image is made of, as CycloneDX 1.6: Debian's packages as image/lock pins them
(or as drift took them), the crates that are linked into its three programs, what of the tool chain is linked into them as
well (Rust's library, and the C library that the rescue program brings along), and what the page is made of."""

import base64
import datetime
import hashlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

PROGRAMS = ["gate-daemon", "gate-device", "gate-rescue"]


def packages():
    """Debian's part, from the lock in force."""
    for line in Path("out/image/lock").read_text().splitlines():
        if line.startswith("#"):
            continue
        _, name, version, digest = line.split()
        purl = f"pkg:deb/debian/{name}@{version.replace(':', '%3A').replace('+', '%2B')}?arch=arm64"
        yield {
            "type": "operating-system" if name.startswith("linux-") else "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }


def crates():
    """Rust's part: what the resolver links into our programs for this processor, build tools left out."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "aarch64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    known = {package["id"]: package for package in metadata["packages"]}
    links = {
        node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        for node in metadata["resolve"]["nodes"]
    }
    reached, waiting = set(), [id for id, package in known.items() if package["name"] in PROGRAMS]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += links[current]
    for package in sorted((known[id] for id in reached), key=lambda package: (package["name"], package["version"])):
        purl = f"pkg:cargo/{package['name']}@{package['version']}"
        component = {"type": "library", "bom-ref": purl, "name": package["name"], "version": package["version"], "purl": purl}
        if package["license"]:
            component["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        yield component


# What gcc links into a program that brings its own C library along.
ARCHIVES = ["libc.a", "libgcc.a", "libgcc_eh.a"]


def tool_chain():
    """Rust's library is in every program, the archives of the cross compiler are in the rescue program."""
    words = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()
    purl = f"pkg:generic/rust-std@{words[1]}?arch=aarch64"
    licenses = [{"expression": "MIT OR Apache-2.0"}]
    yield {"type": "library", "bom-ref": purl, "name": "rust-std", "version": words[1], "purl": purl, "licenses": licenses}
    owners = {}
    for archive in ARCHIVES:
        name = ["aarch64-linux-gnu-gcc", f"-print-file-name={archive}"]
        file = Path(subprocess.run(name, check=True, capture_output=True, text=True).stdout.strip()).resolve()
        said = subprocess.run(["dpkg-query", "-S", file], check=True, capture_output=True, text=True).stdout
        owners.setdefault(said.split(":")[0], []).append(file)
    for name, files in sorted(owners.items()):
        query = ["dpkg-query", "-W", "-f", "${Version}", name]
        version = subprocess.run(query, check=True, capture_output=True, text=True).stdout
        purl = f"pkg:deb/{name}@{version.replace(':', '%3A').replace('+', '%2B')}"
        digests = [(file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files]
        parts = [{"type": "file", "name": file, "hashes": [{"alg": "SHA-256", "content": sum}]} for file, sum in digests]
        description = "linked into the rescue program"
        component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        yield component | {"description": description, "components": parts}


def page():
    """What Vite bundles into the page: what is neither for building nor for testing."""
    for place, package in json.loads(Path("webui/package-lock.json").read_text())["packages"].items():
        if not place or package.get("dev"):
            continue
        name, version = place.rpartition("node_modules/")[2], package["version"]
        purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
        algorithm, _, digest = package["integrity"].partition("-")
        assert algorithm == "sha512", f"{name}: {algorithm}"
        component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        component["hashes"] = [{"alg": "SHA-512", "content": base64.b64decode(digest).hex()}]
        if "license" in package:
            component["licenses"] = [{"expression": package["license"]}]
        yield component


def main():
    board, output = sys.argv[1:]
    made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    components = [*packages(), *crates(), *tool_chain(), *page()]
    digest = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).hexdigest()
    image = {"type": "firmware", "name": f"{os.environ['NAME']}-{board}", "version": os.environ["VERSION"]}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(digest[:32])}",
        "version": 1,
        "metadata": {"timestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ"), "component": image},
        "components": components,
    }
    Path(output).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
