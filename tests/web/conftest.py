"""A host with one linked provider, and somebody signed in to it."""

from __future__ import annotations

import pytest

from tests.hosts import Host
from tests.web.people import ENDPOINT, Person


@pytest.fixture
def ready(host: Host) -> Host:
    """A host whose default application has a provider."""
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    return host


@pytest.fixture
def lena_at(ready: Host) -> Person:
    """A signed-in user of that host."""
    return Person(ready)
