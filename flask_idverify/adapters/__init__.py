"""Which provider types there are: ours, those a host registers, those other packages bring."""

from __future__ import annotations

import threading
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from ..errors import ConfigurationError
from .base import Adapter

__all__ = ["GROUP", "Adapter", "Registry"]

#: Entry points of this group name a provider type and point to its adapter class.
GROUP = "flask_idverify.adapters"

# Named, not imported: a type that nobody configures costs nothing.
_BUILT_IN = {
    "Jumio": "flask_idverify.adapters.jumio.v4:JumioV4",
    "Jumio Platform": "flask_idverify.adapters.jumio.platform:JumioPlatform",
}


class Registry:
    """The provider types of one app: registered classes first, entry points second.

    Nothing is shared between registries, and no class is imported before it is asked for.
    A type name that two sources claim is refused, whoever came first.

    :param adapters: further adapter classes, as :meth:`register` takes them.
    """

    def __init__(self, *adapters: type[Adapter]) -> None:
        self._lock = threading.RLock()
        self._classes: dict[str, type[Adapter]] = {}
        self._installed: dict[str, EntryPoint] | None = None
        for adapter in adapters:
            self.register(adapter)

    def register(self, adapter: type[Adapter]) -> type[Adapter]:
        """Add one adapter class and return it, so that it can stand as a decorator.

        :raises ConfigurationError: its type name is taken, or it is no adapter.
        """
        with self._lock:
            name = getattr(adapter, "type", None)
            checked = _checked(adapter, name if isinstance(name, str) else "", "was registered")
            if checked.type in self._sources():
                raise ConfigurationError(
                    f"Provider type {checked.type!r} exists already; give the adapter "
                    f"{adapter.__module__}.{adapter.__qualname__} another type."
                )
            self._classes[checked.type] = checked
            return checked

    def types(self) -> tuple[str, ...]:
        """Return the known type names: built-in ones first, then in alphabetical order."""
        with self._lock:
            names = self._sources()
        return (*_BUILT_IN, *sorted(names - set(_BUILT_IN)))

    def get(self, type: str) -> type[Adapter]:  # noqa: A002 - what a provider row calls it
        """Return the adapter class of one provider type.

        :raises ConfigurationError: naming the known types, or what is wrong with the package.
        """
        with self._lock:
            known = self._sources()
            if type not in known:
                names = ", ".join(sorted(known))
                raise ConfigurationError(
                    f"Unknown provider type {type!r}; known are: {names}. Install the package that "
                    f"brings it (entry point group {GROUP}) or register its class."
                )
            if type not in self._classes:
                self._classes[type] = self._load(type)
            return self._classes[type]

    def _sources(self) -> set[str]:
        """Return all names; the metadata of installed packages is read once per registry."""
        if self._installed is None:
            self._installed = _installed(taken=set(_BUILT_IN) | set(self._classes))
        return set(_BUILT_IN) | set(self._installed) | set(self._classes)

    def _load(self, name: str) -> type[Adapter]:
        point = (self._installed or {}).get(name)
        if point is None:
            module, _, attribute = _BUILT_IN[name].partition(":")
            return _checked(getattr(import_module(module), attribute), name, "is built in")
        try:
            found = point.load()
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"Provider type {name!r} cannot be loaded from {point.value}: {error}. "
                "Repair or uninstall that package."
            ) from error
        return _checked(found, name, f"comes from {point.value}")


def _installed(taken: set[str]) -> dict[str, EntryPoint]:
    """Return the entry points of our group, refusing a name that is claimed twice."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.get(point.name)
        if other is not None and other.value == point.value:
            continue  # one package, found twice on the path
        if other is not None or point.name in taken:
            raise ConfigurationError(
                f"Provider type {point.name!r} is claimed by {point.value} and by "
                f"{other.value if other else 'this app'}; uninstall one of them."
            )
        found[point.name] = point
    return found


def _checked(found: object, name: str, origin: str) -> type[Adapter]:
    """Return *found* if it is an adapter class for *name*; say what it is not otherwise."""
    if not isinstance(found, type) or not issubclass(found, Adapter):
        raise ConfigurationError(f"{name or found!r} {origin}, but is no subclass of Adapter.")
    if not name or getattr(found, "type", None) != name:
        raise ConfigurationError(
            f"The adapter {found.__module__}.{found.__qualname__} {origin} as {name!r}, but its "
            f"type is {getattr(found, 'type', None)!r}; the two must agree."
        )
    return found
