"""Every route of ours from the URL map, and what each demands of whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flask import Flask
from werkzeug.routing import Rule

from tests.hosts import make_host
from tests.security.stage import Stage


class Need(Enum):
    """What a route demands."""

    nothing = "open to everybody"
    login = "a signed-in user, who sees only what is theirs"
    owner = "the user whose attempt it is"
    admin = "an admin"
    key = "the keys of the callback URL"
    nowhere = "no view stands there"


#: Pages for users are named one by one: a new one must say here whom it is for.
NEEDS = {
    "idverify.static": Need.nothing,
    "idverify.returned": Need.nothing,
    "idverify.start": Need.login,
    "idverify.submit": Need.login,
    "idverify.proceed": Need.owner,
    "idverify.verification": Need.owner,
    "idverify.cancel": Need.owner,
    "idverify_api.identity": Need.login,
    "idverify_api.start": Need.login,
    "idverify_api.verification": Need.owner,
    "idverify_api.nowhere": Need.nowhere,
}
#: Whatever stands in these blueprints has one need.
BLUEPRINTS = {"idverify_admin": Need.admin, "idverify_callbacks": Need.key}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, eq=False)
class Route:
    """One rule of the URL map with one of its methods."""

    rule: Rule
    method: str

    @property
    def endpoint(self) -> str:
        return str(self.rule.endpoint)

    @property
    def need(self) -> Need | None:
        return NEEDS.get(self.endpoint) or BLUEPRINTS.get(self.endpoint.partition(".")[0])

    @property
    def changes(self) -> bool:
        return self.method not in SAFE

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule}"

    def path(self, stage: Stage, **instead: str) -> str:
        """Return the address of something that exists, or with *instead* of something else."""
        values = {**stage.values, **stage.special.get(self.endpoint, {}), **instead}
        adapter = stage.host.app.url_map.bind("localhost")
        # A new kind of thing has no example yet: it is refused like others, but opens to nobody,
        # so that the test which wants the right user let in asks for one in ``Stage.values``.
        found = {name: values.get(name, "1") for name in self.rule.arguments}
        return adapter.build(self.endpoint, found, method=self.method)


def ours(app: Flask) -> list[Rule]:
    """Return all rules of our blueprints."""
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("idverify")]


def routes(*needs: Need, methods: tuple[str, ...] = METHODS) -> list[Route]:
    """Return rules with their own methods, those that have one of *needs*."""
    found = [
        Route(rule, method)
        for rule in ours(_APP)
        for method in methods
        if method in (rule.methods or ()) and method not in ("HEAD", "OPTIONS")
    ]
    return [route for route in found if not needs or route.need in needs]


_APP = make_host(tables=False).app
