"""What tests of erasure, retention and export share: a life lived, a search for its traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import requests
from sqlalchemy import select

from flask_idverify import inbox, service
from flask_idverify.columns import Sealed
from flask_idverify.models import Base, Identity, OutboxRow, Verification
from tests.hosts import Host, consent, lena
from tests.vendor import Vendor

NOTE = "Canary-Note, spoke to Lena on the phone"
USER_ID = "member-canary-77"
#: What tells who somebody is, wherever it might be written.
PERSONAL = ["U7301945", "Lena", "LENA", "Gruber", "GRUBER", "203.0.113.24", "Canary", USER_ID]
SIGNED = {"actor": "admin:7", "reason": "Art. 17 request of Lena Gruber"}


def everything(host: Host) -> str:
    """Return every value of our tables as text: plain columns, and sealed ones opened."""
    host.db.session.rollback()
    found: list[str] = []
    for mapper in Base.registry.mappers:
        model = mapper.class_
        sealed = [name for name, value in vars(model).items() if isinstance(value, Sealed)]
        for row in host.db.session.scalars(select(model).execution_options(populate_existing=True)):
            values = [getattr(row, attribute.key) for attribute in mapper.column_attrs]
            values += [_plain(getattr(row, name)) for name in sealed]
            found.append(f"{model.__name__} {values!r}")
    host.db.session.rollback()
    return "\n".join(found)


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def identity_of(host: Host, user: Any) -> Identity:
    found = host.idverify.identity_of(user)
    assert found is not None
    return found


def verified(host: Host, vendor: Vendor, user: Any, **paper: str) -> Verification:
    """Let *user* go through and be approved."""
    row = host.idverify.start(user, lena(), consent())
    vendor.finish(row, "approve", **paper)
    return host.idverify.refresh(row)


def live(host: Host, vendor: Vendor, user: Any) -> list[str]:
    """Live a whole life with the default provider; return the vendor's references, all live."""
    host.idverify.user_id_getter(lambda someone: USER_ID if someone.id == user.id else f"{someone}")
    poor = host.idverify.start(user, lena(), consent())
    vendor.finish(poor, "blurred")
    host.idverify.refresh(poor)
    good = host.idverify.start(user, lena(), consent())
    vendor.finish(good, "face-unclear")
    assert vendor.notification(good.vendor_reference).arrive()
    inbox.drain()
    service.decide(good, "approved", admin="7", reason=NOTE)
    test = service.start_test(user, lena(), good.provider, consent())
    vendor.finish(test)
    host.idverify.refresh(test)
    return [str(row.vendor_reference) for row in (poor, good, test)]


def deleted(vendor: Vendor, reference: str) -> bool:
    """Whether the vendor holds nothing of a transaction any more."""
    return next(
        bool(item["deleted"])
        for item in vendor.sandbox.transactions()
        if item["reference"] == reference
    )


def owed(host: Host) -> list[OutboxRow]:
    host.db.session.rollback()
    rows = select(OutboxRow).execution_options(populate_existing=True)
    return list(host.db.session.scalars(rows))


@contextmanager
def during_a_call(act: Callable[[], Any], word: str) -> Iterator[list[str]]:
    """Do something, once, after the vendor has answered a request whose address has *word*."""
    done: list[str] = []
    send = requests.Session.send

    def hooked(self: requests.Session, request: Any, **options: Any) -> Any:
        answer = send(self, request, **options)
        if word in str(request.url) and not done:
            done.append(str(request.url))
            act()
        return answer

    with patch.object(requests.Session, "send", hooked):
        yield done
    assert done, f"no request had {word!r} in its address"
