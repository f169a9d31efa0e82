"""An endpoint is checked where it is used, not only where it was saved."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from flask_idverify import connection, inbox, service
from flask_idverify.errors import InvalidProvider, ProviderUnusable
from flask_idverify.models import Provider
from tests.hosts import Host, consent, lena
from tests.vendor import GENERATIONS, Vendor

pytestmark = pytest.mark.usefixtures("app_context")

#: No switch of a test host admits these.
REFUSED = [
    "https://evil.example",
    "https://user:secret@netverify.com",
    "https://netverify.com@evil.example",
    "http://netverify.com",
    "http://192.0.2.7",
    "http://169.254.169.254",
    "ftp://netverify.com",
    "file:///etc/passwd",
    "https://netverify.com?x=1",
    "",
]


def _moved(host: Host, endpoint: str) -> None:
    """Change the row behind everybody's back, as a restored backup or a migration would."""
    host.db.session.execute(update(Provider).values(endpoint=endpoint))
    host.db.session.commit()
    host.db.session.expire_all()


@pytest.mark.parametrize("endpoint", REFUSED)
@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_row_that_changed_unseen_is_refused_at_every_use(
    host: Host, vendor: Vendor, kind: str, endpoint: str
) -> None:
    provider = host.add_provider(vendor.url, kind)
    row = host.idverify.start(host.add_user("one@example.com"), lena(), consent())
    vendor.finish(row)
    other, admin = host.add_user("two@example.com"), host.add_user("admin@example.com")
    _moved(host, endpoint)
    asked = len(vendor.asked())
    uses: list[Any] = [
        lambda: host.idverify.start(other, lena(), consent()),
        lambda: service.start_test(admin, lena(), provider, consent()),
        lambda: host.idverify.refresh(row),
        lambda: service.image_names(row),
        lambda: service.image(row, "front", admin="7"),
    ]
    for use in uses:
        with pytest.raises(ProviderUnusable, match="endpoint"):
            use()
        host.db.session.rollback()
    (step,) = connection.check(provider)
    assert not step.ok
    vendor.notification(row.vendor_reference).arrive()
    inbox.drain()
    assert len(vendor.asked()) == asked
    _moved(host, vendor.url)
    assert host.idverify.refresh(row).status == "approved"


@pytest.mark.parametrize("endpoint", REFUSED)
@pytest.mark.parametrize("kind", GENERATIONS)
def test_such_an_endpoint_is_not_saved_either(host: Host, kind: str, endpoint: str) -> None:
    with pytest.raises(InvalidProvider, match="endpoint") as caught:
        host.add_provider(endpoint, kind)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("kind", GENERATIONS)
def test_a_rule_that_became_stricter_holds_for_what_was_saved_before(
    host: Host, vendor: Vendor, kind: str
) -> None:
    """The switch is off after a restart; the row is the same."""
    provider = host.add_provider(vendor.url, kind)
    strict = host.app.extensions["idverify"].vendors
    object.__setattr__(strict.transport, "allow_sandbox", False)
    asked = len(vendor.asked())
    with pytest.raises(ProviderUnusable, match="endpoint"):
        host.idverify.start(host.add_user("one@example.com"), lena(), consent())
    assert len(vendor.asked()) == asked
    assert provider.endpoint == vendor.url
