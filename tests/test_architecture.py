"""The rooms stay apart: imports point down, and what only one place may touch stays there."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "flask_idverify"

#: Lowest first. A room imports from its own layer and from those below, never from above.
LAYERS = [
    ["phrases"],
    [
        *("errors", "clock", "states", "countries", "id_numbers", "names", "i18n", "networks"),
        *("origin", "safe_json"),
    ],
    ["audit_check", "formats"],
    ["claims", "texts_codes", "texts_reasons", "config_values"],
    ["types"],
    ["config", "encryption", "matching", "rules", "texts"],
    ["policy", "marking"],
    ["adapters"],
    ["runtime", "audit_chain"],
    ["columns", "signals", "engines"],
    ["models"],
    ["audit_rows"],
    ["audit_walk"],
    ["vendors", "audit"],
    ["locking", "audit_export", "audit_compare"],
    ["service", "batches"],
    ["leases"],
    ["upkeep", "key_usage", "rotation", "queries", "connection", "outbox"],
    ["processing"],
    ["inbox"],
    ["workers"],
    ["dispatch", "doctor"],
    ["guards"],
    ["web"],
    ["cli", "tasks"],
    ["extension"],
    ["__init__"],
]
RANK = {room: rank for rank, layer in enumerate(LAYERS) for room in layer}


class Import(NamedTuple):
    """One import within the package: by whom, of which room or outside package."""

    source: Path
    room: str
    for_types: bool


def rooms() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "sandbox" not in path.parts)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[Import]:
    """Yield every import of *path*; relative ones resolved to our rooms (``.x``)."""
    tree = ast.parse(path.read_text())
    types = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            types |= set(ast.walk(node))
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = path.relative_to(PACKAGE).parts[: -node.level]
            where = [*base, *(node.module or "").split(".")]
            where = [part for part in where if part]
            found = ["." + where[0]] if where else ["." + alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module or ""]
        for name in found:
            own = name.removeprefix("flask_idverify.") if name.startswith("flask_idverify.") else ""
            yield Import(path, f".{own.split('.')[0]}" if own else name, node in types)


ALL = [found for path in rooms() for found in imports(path)]


def test_every_room_has_its_place() -> None:
    assert {room_of(path) for path in rooms()} == set(RANK)


@pytest.mark.parametrize("room", sorted(RANK))
def test_imports_point_down(room: str) -> None:
    for found in ALL:
        target = found.room.removeprefix(".")
        if room_of(found.source) != room or not found.room.startswith(".") or found.for_types:
            continue
        assert RANK[target] < RANK[room] or target == room, (
            f"{found.source.relative_to(PACKAGE)} imports {target}, which stands above or beside it"
        )


def outside(path: Path) -> set[str]:
    return {found.room.split(".")[0] for found in imports(path) if not found.room.startswith(".")}


def test_adapters_know_no_flask_and_no_database() -> None:
    for path in (PACKAGE / "adapters").rglob("*.py"):
        assert not outside(path) & {"flask", "flask_sqlalchemy", "sqlalchemy", "flask_login"}, path
        inside = {found.room for found in imports(path) if found.room.startswith(".")}
        known = (".adapters", ".types", ".states", ".errors", ".claims", ".clock", ".countries")
        assert inside <= {*known, ".safe_json", ".phrases"}, path


@pytest.mark.parametrize(
    "room",
    [
        *("states", "types", "claims", "errors", "id_numbers", "names", "matching", "rules"),
        *("policy", "safe_json"),
    ],
)
def test_pure_rooms_stay_pure(room: str) -> None:
    impure = {"flask", "sqlalchemy", "requests", "os", "socket", "time", "random", "logging"}
    assert not outside(PACKAGE / f"{room}.py") & impure


def test_sandbox_and_extension_share_nothing() -> None:
    for path in (PACKAGE / "sandbox").rglob("*.py"):
        tree = ast.parse(path.read_text())
        depth = len(path.relative_to(PACKAGE).parts) - 1
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.level <= depth, f"{path.name} reaches out of the sandbox"
                assert not (node.module or "").startswith("flask_idverify") or node.module == (
                    "flask_idverify.sandbox"
                )
            if isinstance(node, ast.Import):
                assert not any(alias.name.startswith("flask_idverify") for alias in node.names)
    assert not [found for found in ALL if found.room == ".sandbox"]


def test_views_know_no_vendor_and_no_sql() -> None:
    for path in (PACKAGE / "web").rglob("*.py"):
        inside = {found.room for found in imports(path)}
        assert not inside & {".adapters", ".vendors", ".audit", ".locking", ".encryption"}, path
        assert not outside(path) & {"sqlalchemy", "flask_sqlalchemy", "requests"}, path
        assert ".session.execute(" not in path.read_text(), path


def from_flask(path: Path) -> set[str]:
    return {
        alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in ("flask", "flask_login")
        for alias in node.names
    }


def test_request_and_app_are_asked_for_in_few_places() -> None:
    users = {name: set[str]() for name in ("current_app", "request", "current_user", "g")}
    for path in rooms():
        for name in from_flask(path) & set(users):
            users[name].add(room_of(path))
    assert users["request"] <= {"guards", "web", "i18n"}
    assert users["current_user"] <= {"guards", "web"}
    assert users["g"] <= {"guards", "web", "i18n"}
    assert users["current_app"] <= {"runtime", "signals", "guards", "doctor", "web", "i18n", "cli"}


def test_time_comes_from_one_place() -> None:
    asked = {"datetime.now", "datetime.utcnow", "date.today", "time.time", "datetime.today"}
    for path in rooms():
        if path.name == "clock.py":
            continue
        calls = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        assert not calls & asked, path


def test_status_is_written_in_one_place() -> None:
    """Every other writer of a status would be one that nobody guards."""
    for path in rooms():
        if path.name in ("transitions.py", "attempts.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    written = isinstance(target, ast.Attribute) and target.attr in (
                        *("status", "standing"),
                    )
                    own = isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"
                    response = path.parent.name in ("web", "admin")
                    assert not written or own or response, f"{path}: {ast.unparse(node)}"


def test_no_file_holds_two_ideas() -> None:
    for path in PACKAGE.rglob("*.py"):
        length = len(path.read_text().splitlines())
        assert length <= 350, f"{path.relative_to(PACKAGE)} has {length} lines"


def test_public_package_imports_nothing_it_does_not_promise() -> None:
    assert len((PACKAGE / "__init__.py").read_text().splitlines()) < 20
