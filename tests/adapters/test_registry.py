"""Which provider types there are."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

import flask_idverify.adapters as adapters
from flask_idverify.adapters import GROUP, Adapter, Registry
from flask_idverify.adapters.jumio.v4 import JumioV4
from flask_idverify.errors import ConfigurationError


class Other(JumioV4):
    type = "Other"


class NoAdapter:
    type = "Broken"


def install(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> None:
    made = [EntryPoint(name, value, GROUP) for name, value in points]
    monkeypatch.setattr(adapters, "entry_points", lambda group: made)


HERE = __name__


def test_both_generations_are_there() -> None:
    registry = Registry()
    assert registry.types() == ("Jumio", "Jumio Platform")
    assert [registry.get(name).type for name in registry.types()] == list(registry.types())


def test_an_unknown_type_names_the_known() -> None:
    with pytest.raises(ConfigurationError, match="Jumio, Jumio Platform"):
        Registry().get("Onfido")


def test_a_class_can_be_registered_for_one_registry_only() -> None:
    registry = Registry(Other)
    assert registry.get("Other") is Other
    assert "Other" not in Registry().types()


def test_an_installed_package_brings_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("Other", f"{HERE}:Other"))
    assert Registry().types() == ("Jumio", "Jumio Platform", "Other")
    assert Registry().get("Other") is Other


def test_one_package_found_twice_is_no_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("Other", f"{HERE}:Other"), ("Other", f"{HERE}:Other"))
    assert Registry().get("Other") is Other


@pytest.mark.parametrize(
    "points",
    [
        [("Jumio", f"{HERE}:Other")],
        [("Other", f"{HERE}:Other"), ("Other", "elsewhere:Other")],
    ],
)
def test_a_type_claimed_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, points: list[tuple[str, str]]
) -> None:
    install(monkeypatch, *points)
    with pytest.raises(ConfigurationError, match="claimed"):
        Registry().types()


def test_a_registered_class_may_not_take_a_known_name(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, ("Other", f"{HERE}:Other"))
    with pytest.raises(ConfigurationError, match="exists already"):
        Registry().register(Other)
    with pytest.raises(ConfigurationError, match="exists already"):
        Registry(JumioV4)


@pytest.mark.parametrize(
    "value", [f"{HERE}:NoAdapter", f"{HERE}:Other", f"{HERE}:Missing", "no_such_module:X"]
)
def test_a_broken_package_breaks_only_its_own_type(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    install(monkeypatch, ("Broken", value))
    registry = Registry()
    assert registry.get("Jumio") is JumioV4
    with pytest.raises(ConfigurationError, match="Broken"):
        registry.get("Broken")


def test_what_is_no_adapter_cannot_be_registered() -> None:
    for thing in (NoAdapter, Adapter, object(), None):
        wrong: Any = thing
        with pytest.raises(ConfigurationError):
            Registry().register(wrong)


def test_no_adapter_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys; from flask_idverify.adapters import Registry; Registry().types();"
        "sys.exit('flask_idverify.adapters.jumio.v4' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_adapters_know_neither_flask_nor_a_database() -> None:
    ours = {"errors", "phrases", "states", "claims", "types", "clock", "safe_json"}
    folder = Path(adapters.__file__).parent
    own = {path.stem for path in folder.glob("*.py")}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                roots = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level:
                assert (node.module or "").partition(".")[0] in (
                    ours if node.level == 2 else own
                ), f"{path.name} imports {node.module}"
                continue
            elif isinstance(node, ast.ImportFrom):
                roots = {(node.module or "").partition(".")[0]}
            else:
                continue
            assert roots <= {*sys.stdlib_module_names, "requests", "urllib3"}, path.name
