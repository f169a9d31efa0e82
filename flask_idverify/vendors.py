"""From a provider row to the adapter that speaks for it; the only place that opens its secret."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .adapters import Registry
from .adapters.base import Adapter
from .config import Settings
from .errors import InvalidProvider, ProviderUnusable
from .models import Provider
from .phrases import phrase
from .types import Account, Exchange, Transport

#: Adapters keep connections and tokens, so they are kept; more providers than this is unusual.
_KEPT = 64

#: Adapters are shared between threads; whoever works with one hears of their own requests only.
_listener: ContextVar[Callable[[Exchange], None] | None] = ContextVar(
    "idverify_listener", default=None
)


@contextmanager
def hearing(listener: Callable[[Exchange], None]) -> Iterator[None]:
    """Tell *listener* of every exchange with a vendor that this thread makes meanwhile."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _tell(exchange: Exchange) -> None:
    listener = _listener.get()
    if listener is not None:
        listener(exchange)


class Vendors:
    """Makes adapters and keeps one per provider for as long as its row does not change."""

    def __init__(self, registry: Registry, settings: Settings) -> None:
        self._registry = registry
        self.transport = Transport(
            user_agent=settings.user_agent,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
            allowed_endpoints=settings.allowed_endpoints,
            allow_sandbox=settings.allow_sandbox,
            token_cache=settings.cache,
            meter=_tell,
        )
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[str, Adapter]] = OrderedDict()

    def adapter(self, provider: Provider) -> Adapter:
        """Return the adapter of *provider*, made anew when the row has changed.

        :raises ProviderUnusable: the endpoint or an option is not (or no longer) admitted.
        :raises ConfigurationError: no installed adapter speaks the provider's type.
        """
        version = _version(provider)
        with self._lock:
            kept = self._kept.get(provider.id)
            if kept and kept[0] == version:
                self._kept.move_to_end(provider.id)
                return kept[1]
        account = Account(
            client_id=provider.client_id,
            client_secret=provider.client_secret or "",
            endpoint=provider.endpoint,
            options=provider.options,
        )
        try:
            adapter = self.make(provider.type, account)
        except InvalidProvider as error:
            raise ProviderUnusable(
                phrase("Provider %(name)s, %(error)s", name=repr(provider.name), error=error)
            ) from None
        with self._lock:
            # An older adapter may be in use by another thread; it closes when nobody holds it.
            self._kept[provider.id] = (version, adapter)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return adapter

    def make(self, provider_type: str, account: Account) -> Adapter:
        """Make an adapter that is not kept, e.g. for a form that is not saved yet."""
        return self._registry.get(provider_type)(account, self.transport)

    def default_checks(self, provider: Provider) -> frozenset[str]:
        """Return the capabilities that this provider's configuration is supposed to run."""
        return self._registry.get(provider.type).default_checks(provider.options)


def _version(provider: Provider) -> str:
    content: list[Any] = [
        provider.type,
        provider.client_id,
        provider.client_secret_sealed,
        provider.endpoint,
        provider.options,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
