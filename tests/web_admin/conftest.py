"""An admin of a host, and a host with something to look after."""

from __future__ import annotations

from typing import Any

import pytest

from flask_idverify.models import Application, Verification
from tests.hosts import Host
from tests.vendor import Vendor
from tests.web_admin.desk import SECRET, Desk, add_provider, ended, start


@pytest.fixture
def desk(host: Host) -> Desk:
    """An admin."""
    return Desk(host)


@pytest.fixture
def at_vendor(host: Host, vendor: Vendor) -> str:
    """The id of a provider that is linked and answers."""
    return add_provider(
        host, vendor.url, link=True, name="Vendor in use", client_secret="sandbox-secret"
    )


@pytest.fixture
def paths(host: Host, desk: Desk, vendor: Vendor, at_vendor: str) -> list[str]:
    """Every page of the admin that shows something, with something to show."""
    spare = add_provider(host, name="Spare", client_secret=SECRET)
    approved = ended(host, vendor, "one@example.com")
    fraud = ended(host, vendor, "two@example.com", "fraud")
    differs = ended(host, vendor, "three@example.com", real_name="Karl Huber", id_number="X1")
    opened = start(host, "four@example.com")
    doubtful = ended(host, vendor, "five@example.com", "face-unclear", id_number="X2")
    with host.app.app_context():
        application: Any = host.db.session.query(Application).one()
        link = application.links[0].id
        identity = host.db.session.query(Verification).filter_by(id=approved).one().identity_id
        return [
            "/",
            "/providers",
            "/providers/new",
            "/providers/new?type=Jumio+Platform",
            f"/providers/{at_vendor}",
            f"/providers/{spare}",
            f"/providers/{at_vendor}/test",
            "/applications",
            "/applications/new",
            f"/applications/{application.id}",
            f"/applications/{application.id}/links/{link}",
            "/callbacks",
            "/verifications",
            "/verifications?status=canceled",
            f"/verifications/{approved}",
            f"/verifications/{approved}?pictures=1",
            f"/verifications/{fraud}",
            f"/verifications/{differs}",
            f"/verifications/{opened}",
            "/reviews",
            f"/reviews/{doubtful}",
            "/identities",
            "/identities?standing=verified",
            f"/identities/{identity}",
            "/audit",
            "/audit?action=identity.verified",
        ]
