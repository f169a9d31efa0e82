"""The way to a vendor: not while it wants peace, every call counted, its refusals remembered."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from .. import clock, runtime
from ..adapters.base import Adapter
from ..errors import VendorBusy, VendorError, VendorRecordMissing, VendorRefused
from ..models import Provider
from ..types import Exchange
from ..vendors import hearing
from .backoff import (
    ProviderState,
    back_off,
    note_admitted,
    note_trouble,
    note_welcome,
    pause_for,
    require_peace_over,
    standing_of,
)
from .sessions import require_clean
from .usage import add_calls

log = logging.getLogger("flask_idverify")


#: A token, a status and its details; whatever else an operation asks is answered at once.
_SLOW_CALLS = 3


def longest_operation() -> timedelta:
    """Return how long one operation may take whose vendor is as slow as the settings let it be.

    After that whoever had begun it has lost their process.
    """
    settings = runtime.current().settings
    call = settings.connect_timeout + 2 * settings.read_timeout
    return timedelta(seconds=_SLOW_CALLS * call + 30)


@contextmanager
def asking(
    provider: Provider, *, anyway: bool = False, tells_standing: bool = True
) -> Iterator[Adapter]:
    """Lend the adapter of *provider* for one operation; inside, no transaction is open.

    ``db.session`` is committed before and after. What the vendor answers is counted, and tells
    everybody when to leave it alone and whether it lets us in.

    :param anyway: ask although the vendor wants peace: an admin has said so.
    :param tells_standing: ``False`` for a side road (a picture, a deletion): that it is closed
        (403) or open says nothing of the provider. Credentials that are refused always do.
    :raises VendorBackedOff: it wants peace; nothing was sent.
    :raises VendorBusy: it has refused just now; its ``retry_after`` says for how long.
    :raises ProviderUnusable: as :meth:`.Vendors.adapter`.
    """
    session = require_clean()
    provider_id = provider.id
    before = standing_of(provider_id)
    adapter = runtime.current().vendors.adapter(provider)
    session.commit()
    if not anyway:
        require_peace_over(before.backed_off_until)
    heard = _Heard(provider_id, before, tells_standing=tells_standing)
    with hearing(heard):
        try:
            yield adapter
        except VendorError as error:
            if not heard.calls and error.status is not None:
                # Another thread asked for all (a token), or the adapter has its own way out.
                heard.judge(error)
            if isinstance(error, VendorBusy) and heard.peace is not None:
                error.retry_after = heard.peace
            raise
        finally:
            heard.write_down()


class _Heard:
    """What a vendor said during one operation."""

    def __init__(
        self, provider_id: str, before: ProviderState, *, tells_standing: bool = True
    ) -> None:
        self._provider_id = provider_id
        self._before = before
        self._tells_standing = tells_standing
        self.calls = self._refused = self._failed = 0
        self._busy = self._ever_busy = self._welcome = False
        self._admitted: bool | None = None
        #: Whole seconds for which the vendor is left alone.
        self.peace: int | None = None
        self._trouble = ""

    def __call__(self, exchange: Exchange) -> None:
        """Take one exchange down."""
        error = exchange.error
        self.calls += 1
        self._refused += isinstance(error, VendorBusy)
        self._failed += error is not None and not isinstance(
            error, (VendorBusy, VendorRecordMissing)
        )
        if exchange.with_credentials:
            self.judge(error)

    def judge(self, error: VendorError | None) -> None:
        """Take the last word on how we stand with the vendor."""
        if isinstance(error, VendorBusy):
            self._busy = self._ever_busy = True
            self.peace = math.ceil(pause_for(error.retry_after, self._before.refusals))
            # At once: this operation may wait for a repetition, and the others must not go on.
            until = clock.now() + timedelta(seconds=self.peace)
            _quietly(back_off, self._provider_id, until)
        elif isinstance(error, VendorRefused):
            if self._tells_standing or error.status != 403:
                self._admitted = False
                # Our words only: the vendor's may name a person, and an erasure never comes here.
                self._trouble = str(error)
        elif error is None or isinstance(error, VendorRecordMissing):
            self._busy, self._welcome = False, True
            if self._tells_standing:
                self._admitted = True

    def write_down(self) -> None:
        """Count, and correct how the provider stands, if anything about it is new."""
        if self.calls:
            counted = {"calls": self.calls, "refused": self._refused, "failed": self._failed}
            _quietly(add_calls, self._provider_id, **counted)
        if self._admitted is False:
            _quietly(note_trouble, self._provider_id, self._trouble)
        if self._admitted and self._before.has_trouble:
            _quietly(note_admitted, self._provider_id)
        refused_before = self._before.refusals or self._ever_busy
        if self._welcome and refused_before and not self._busy:
            _quietly(note_welcome, self._provider_id)


def _quietly(write: Callable[..., Any], *arguments: Any, **values: Any) -> None:
    """Write without ever failing whoever asked the vendor: its answer matters more."""
    try:
        write(*arguments, **values)
    except Exception as error:  # noqa: BLE001 - whatever a database raises
        # Only the type: a driver's message can hold the row's values.
        log.error("A vendor's calls could not be counted: %s.", type(error).__name__)
        runtime.current().db.session.rollback()
