"""The pages about security, keys and personal data say what is so."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_idverify.errors import ErasureRefused
from tests.hosts import make_host
from tests.test_docs import ROOT, blocks


def defined(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def shown() -> list[tuple[str, str]]:
    page = (ROOT / "docs" / "security.md").read_text()
    return re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(\w+))?`", page)


def test_every_threat_names_a_test_that_there_is() -> None:
    page = (ROOT / "docs" / "security.md").read_text()
    threats = page.split("## Threats")[1].split("\n## ")[0]
    rows = [line for line in threats.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        assert "test_" in row.split("|")[3], f"nothing shows: {row.split('|')[1]}"
    for name, function in shown():
        path = ROOT / "tests" / name
        assert path.exists(), name
        assert not function or function in defined(path), f"{name} has no {function}"


def test_every_attack_test_is_named_by_a_threat() -> None:
    """Or the page would not tell what is defended."""
    named = {name for name, _ in shown()}
    files = {f"security/{path.name}" for path in (ROOT / "tests" / "security").glob("test_*.py")}
    assert files <= named, f"docs/security.md does not name {sorted(files - named)}"


def test_personal_data_page_runs() -> None:
    app = Flask("docs")
    names: dict[str, Any] = {"app": app, "held_users": lambda: {"1"}}
    for block in blocks("docs/personal-data.md", "python"):
        exec(block, names)
    config = {key: app.config[key] for key in app.config if key.startswith("IDVERIFY_")}
    assert set(config) == {"IDVERIFY_LEGAL_HOLD", "IDVERIFY_RETENTION_DAYS"}
    host = make_host(**config)
    with host.app.app_context():
        from flask_idverify import service

        held = service.identity_for(host.add_user("held@example.com"))
        with pytest.raises(ErasureRefused, match="12 C 345/26"):
            service.erase(held, actor="admin:1", reason="Asked by letter.")
        free = service.identity_for(host.add_user("free@example.com"))
        service.erase(free, actor="admin:1", reason="Asked by letter.")


@pytest.mark.parametrize("name", ["docs/personal-data.md", "docs/keys.md"])
def test_commands_on_a_page_are_commands_with_these_options(name: str) -> None:
    host = make_host()
    lines = [line for block in blocks(name, "console") for line in block.splitlines()]
    asked = [shlex.split(line) for line in lines if line.strip().startswith("flask idverify")]
    assert asked
    for words in asked:
        path, options = [], []
        for word in words[2:]:
            if word.startswith("--"):
                options.append(word)
            elif (not options and word.isidentifier()) or word in ("rotate-keys", "public-key"):
                path.append(word)
        answer = host.app.test_cli_runner().invoke(args=["idverify", *path, "--help"])
        assert answer.exit_code == 0, words
        for option in options:
            assert option in answer.output, words
