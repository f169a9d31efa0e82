"""A served app, a served sandbox, and the people between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from flask_idverify.sandbox import SandboxServer
from tests.flows.people import Person
from tests.hosts import Host, make_host, served


class World:
    """Everything a flow needs, each part behind its own socket."""

    def __init__(self, host: Host, base: str, sandbox: SandboxServer, stack: ExitStack) -> None:
        self.host = host
        self.base = base
        self.sandbox = sandbox
        self._stack = stack

    def person(self, email: str) -> Person:
        """Make and sign in a user."""
        with self.host.app.app_context():
            user_id = self.host.add_user(email).id
        person = Person(self.base, user_id)
        self._stack.callback(person.close)
        return person

    def control(self, path: str, **body: Any) -> Any:
        """Tell the sandbox something."""
        import requests

        answer = requests.post(f"{self.sandbox.url}/_sandbox/{path}", json=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def transaction(self, verification_id: str) -> str:
        """Return the vendor's reference of a verification."""
        from flask_idverify.models import Verification

        with self.host.app.app_context():
            row = self.host.db.session.get(Verification, verification_id)
            assert row is not None
            assert row.vendor_reference
            return row.vendor_reference


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Return a function that serves a host whose provider, if any, is a sandbox of its own."""
    with ExitStack() as stack:

        def make(provider_type: str | None = "Jumio", policy: Any = None, **config: Any) -> World:
            sandbox = stack.enter_context(
                SandboxServer(allow_local_urls=True, processing_seconds=0.0)
            )
            values = {
                "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/host.db",
                "IDVERIFY_DISPATCH": "thread",
                "SERVER_NAME": None,
            }
            host = make_host(**{**values, **config})
            base = stack.enter_context(served(host.app))
            runtime = host.app.extensions["idverify"]
            # The port is known only once the server stands.
            object.__setattr__(runtime.settings, "external_url", base)
            if provider_type is not None:
                with host.app.app_context():
                    host.add_provider(sandbox.url, provider_type, policy=policy)

            def close() -> None:
                runtime.nudger.stop()
                with host.app.app_context():
                    host.db.session.remove()
                    host.db.engine.dispose()

            stack.callback(close)
            return World(host, base, sandbox, stack)

        yield make
