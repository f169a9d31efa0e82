"""Fixtures of the example's tests: an app of its own, and a process of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from example_app import create_app
from example_app.extensions import db

Make = Callable[..., Flask]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make the bank's app in a temporary folder, as often as a test likes."""
    made: list[Flask] = []

    def build(config: Mapping[str, Any] | None = None) -> Flask:
        app = create_app({"EXAMPLE_INSTANCE": tmp_path, **(config or {})})
        made.append(app)
        return app

    yield build
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a first start leaves; hashing three passwords takes its time."""
    folder = tmp_path_factory.mktemp("bank")
    app = create_app({"EXAMPLE_INSTANCE": folder})
    with app.app_context():
        db.engine.dispose()
    return folder


@pytest.fixture
def bank(make: Make, first_start: Path, tmp_path: Path) -> Flask:
    """The bank's app, as it is after the first start."""
    shutil.copytree(first_start, tmp_path, dirs_exist_ok=True)
    return make()
