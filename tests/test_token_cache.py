"""Processes that share a cache share the vendor's token."""

from __future__ import annotations

from typing import Any

import pytest

from flask_idverify.errors import ConfigurationError
from tests.hosts import consent, lena, make_host
from tests.vendor import PLATFORM, Vendor


class Shared:
    """What a cachelib cache looks like; two apps stand for two processes."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def set(self, key: str, value: Any, timeout: int) -> bool:
        self.kept[key] = value
        return True


@pytest.mark.parametrize("shared", [True, False])
def test_two_apps_with_one_cache_ask_for_one_token(vendor: Vendor, shared: bool) -> None:
    cache = Shared()
    for _ in range(2):
        config: dict[str, Any] = {"IDVERIFY_CACHE": cache} if shared else {}
        host = make_host(**config)
        with host.app.app_context():
            host.add_provider(vendor.url, PLATFORM)
            host.idverify.start(host.add_user("lena@example.com"), lena(), consent())
    assert len(vendor.asked("start")) == 2
    assert len(vendor.asked("token")) == (1 if shared else 2)
    # The name of a token tells neither account nor secret.
    assert not any("sandbox" in key for key in cache.kept)


def test_something_else_than_a_cache_stops_the_start() -> None:
    with pytest.raises(
        ConfigurationError, match=r"IDVERIFY_CACHE: expected an object with get\(\)"
    ):
        make_host(IDVERIFY_CACHE="redis://localhost")
