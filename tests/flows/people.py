"""A client of a served app, as a single-page front end would be one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

CLAIM = {
    "id_type": "passport",
    "id_number": "U7301945",
    "real_name": "Lena Marie Gruber",
    "country": "AUT",
}
PATIENCE = 60.0


class Person:
    """One signed-in user with a session of their own."""

    def __init__(self, base: str, user_id: int) -> None:
        self.base = base
        self.http = requests.Session()
        assert self.http.get(f"{base}/login/{user_id}", timeout=10).text == "signed in"

    def close(self) -> None:
        self.http.close()

    def get(self, path: str, **values: Any) -> requests.Response:
        return self.http.get(self.base + path, timeout=20, **values)

    def identity(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/identity/api/identity").json()
        return answer

    def start(self, **claim: str) -> requests.Response:
        token = self.identity()["csrf_token"]
        return self.http.post(
            f"{self.base}/identity/api/verifications",
            json={"claim": {**CLAIM, **claim}, "consent": {"given": True, "country": "AUT"}},
            headers={"X-CSRFToken": token or ""},
            timeout=20,
        )

    def attempt(self, verification_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.get(f"/identity/api/verifications/{verification_id}").json()
        return answer


def eventually(look: Callable[[], Any], wanted: Any) -> Any:
    """Look until it is as wanted, or fail with the last sight."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = look()
        if seen == wanted or time.monotonic() > deadline:
            assert seen == wanted
            return seen
        time.sleep(0.05)
