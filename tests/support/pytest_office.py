"""Fixtures for everything that drives the whole office; a conftest imports them."""

import os
import re

import pytest

from office import Office

if "OFFICE_SCRATCH" not in os.environ:
    pytest.exit("run inside the office: tests/support/enter tests/.venv/bin/python -m pytest …", returncode=2)


# RFC 9113 section 6.8, without words: what a connection that is kept ends with, whenever its time is over.
GOAWAY = re.compile(rb"\x00\x00\x08\x07\x00\x00\x00\x00\x00.{8}", re.DOTALL)


class Witness:
    """What the providers received since the test began."""

    def __init__(self, office):
        self.office = office
        self.requests_before = len(office.internet.requests())
        self.connections_before = len(office.internet.connections())
        self.wire_before = {path: len(said) for path, said in office.internet.wires().items()}

    @property
    def requests(self):
        return self.office.internet.requests(self.requests_before)

    @property
    def connections(self):
        return self.office.internet.connections(self.connections_before)

    @property
    def wire(self):
        """Decrypted bytes that arrived since, on connections that were kept, too, but for their good-byes."""
        wires = self.office.internet.wires().items()
        return b"".join(GOAWAY.sub(b"", said[self.wire_before.get(path, 0) :]) for path, said in wires)

    def only_request(self):
        requests = self.requests
        assert len(requests) == 1, f"{len(requests)} requests arrived: {[r['target'] for r in requests]}"
        return requests[0]


@pytest.fixture(scope="session")
def office():
    """One office with a puck for all tests that leave it as it was."""
    with Office() as office:
        office.install_puck()
        yield office


@pytest.fixture
def arrived(office):
    """What the providers of the shared office receive during one test."""
    return Witness(office)


@pytest.fixture
def new_office():
    """Makes offices of a test's own; `new_office(gateway=True)(config={…})` plugs a puck in."""
    offices = []

    def make(**options):
        office = Office(**options)
        offices.append(office)
        return office

    yield make
    for office in offices:
        office.close()
