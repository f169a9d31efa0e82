"""What the README and the docs show is what the code does: every snippet runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
from flask import Flask, request
from flask_login import login_user

from flask_idverify import clock, config, doctor, service
from flask_idverify.sandbox import SandboxServer
from flask_idverify.signals import identity_erased
from tests.hosts import Host, consent, lena, make_host, served

ROOT = Path(__file__).parent.parent
TRANSLATING = "docs/translating.md"
KEY = "q3ZkXo0m6l0bC1Yw2vHq0m8h5d7s9a1f3g5h7j9k1l0"


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of one language in a page."""
    text = (ROOT / name).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def pages() -> list[str]:
    found = sorted((ROOT / "docs").glob("*.md"))
    return ["README.md", *(path.relative_to(ROOT).as_posix() for path in found)]


def table() -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    rows += [f"| `{key.name}` | {key.default} | {key.meaning} |" for key in config.describe()]
    return "\n".join(rows)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(allow_local_urls=True, processing_seconds=0) as server:
        yield server


@pytest.fixture
def quickstart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The README's app, made by running the README's lines with the README's settings."""
    values = {
        "FLASK_SECRET_KEY": "a test's secret",
        "FLASK_SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path}/app.db",
        "FLASK_IDVERIFY_ENCRYPTION_KEYS": KEY,
        "FLASK_IDVERIFY_EXTERNAL_URL": "https://id.example.com",
        "FLASK_IDVERIFY_AUDIT_KEYS": "A" * 43,
        "FLASK_IDVERIFY_FINGERPRINT_KEYS": "F" * 43,
        "FLASK_IDVERIFY_USER_AGENT": "ExampleCo Members/1.0",
    }
    (ini,) = blocks("README.md", "ini")
    assert {line.partition("=")[0] for line in ini.splitlines()} == set(values)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    namespace: dict[str, Any] = {"__name__": "quickstart"}
    for block in blocks("README.md", "python")[:2]:
        exec(compile(block, "README.md", "exec"), namespace)
    app: Flask = namespace["app"]
    with app.app_context():
        namespace["db"].create_all()
    yield namespace
    with app.app_context():
        namespace["db"].session.remove()
        namespace["db"].engine.dispose()


def test_every_snippet_belongs_to_a_test_below() -> None:
    counted = {name: len(blocks(name, "python")) for name in pages()}
    assert counted == {
        "README.md": 3,
        "docs/api.md": 4,
        "docs/architecture.md": 0,
        "docs/host.md": 12,
        "docs/keys.md": 0,
        "docs/personal-data.md": 2,
        "docs/policies.md": 1,
        "docs/sandbox.md": 2,
        "docs/scaling.md": 2,
        "docs/security.md": 0,
        "docs/translating.md": 0,
    }
    languages = {
        found
        for name in pages()
        for found in re.findall(r"^```(\w+)$", (ROOT / name).read_text(), re.MULTILINE)
    }
    assert languages <= {"python", "console", "ini", "sql", "json", "http"}


def test_readme_lists_every_configuration_key_with_default_and_meaning() -> None:
    text = (ROOT / "README.md").read_text()
    found = re.search(r"<!-- configuration table: .*?-->\n(.*?)\n?<!-- /conf", text, re.DOTALL)
    assert found
    assert found[1] == table(), f"put this into README.md:\n{table()}"


def test_links_between_pages_lead_somewhere() -> None:
    for name in pages():
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text()):
            assert ((ROOT / name).parent / target).exists(), f"{name}: {target}"


def test_quickstart_is_twenty_lines_of_code() -> None:
    code = [line for line in blocks("README.md", "python")[0].splitlines() if line.strip()]
    assert len(code) <= 20


def test_doctor_finds_nothing_in_the_quickstart_but_what_it_says(
    quickstart: dict[str, Any],
) -> None:
    with quickstart["app"].app_context():
        provider = quickstart["idverify"].add_provider(
            name="Jumio EU",
            type="Jumio",
            client_id="token",
            client_secret="secret",
            endpoint="https://lon.netverify.com",
        )
        quickstart["idverify"].link(provider)
        quickstart["idverify"].add_provider(
            name="Jumio KYX",
            type="Jumio Platform",
            client_id="client",
            client_secret="secret",
            endpoint="https://emea-1.jumio.ai",
            options={"workflow_key": "10011"},
        )
        quickstart["db"].session.commit()
        found = {advice.about for advice in doctor.examine() if advice.level != "ok"}
    assert found == {
        *("Flask-Login", "SESSION_COOKIE_SECURE", "database"),
        "provider 'Jumio KYX'",
    }


def test_quickstart_erases_its_copy_with_the_person(quickstart: dict[str, Any]) -> None:
    db, user_model = quickstart["db"], quickstart["User"]
    with quickstart["app"].app_context():
        user = user_model(real_name="Ada Example")
        db.session.add(user)
        db.session.commit()
        for user_id in ("closed:1", "7", "1"):
            assert user.real_name == "Ada Example"
            identity_erased.send(quickstart["app"], user_id=user_id, identity="x")
        assert user.real_name is None


def test_quickstart_guards_its_page_and_sends_to_ours(quickstart: dict[str, Any]) -> None:
    app: Flask = quickstart["app"]
    db, user_model = quickstart["db"], quickstart["User"]

    @app.get("/in")
    def sign_in() -> str:
        login_user(db.session.get(user_model, 1))
        return "in"

    with app.app_context():
        db.session.add(user_model(real_name="Ada Example"))
        db.session.commit()
    client = app.test_client()
    assert client.get("/account/open").status_code == 401
    client.get("/in")
    answer = client.get("/account/open")
    assert answer.status_code == 302
    assert answer.location.startswith("/identity/?next=")
    assert client.get("/identity/").status_code == 503, "no provider is linked yet"
    with app.app_context():
        provider = quickstart["idverify"].add_provider(
            name="Jumio EU",
            type="Jumio",
            client_id="token",
            client_secret="secret",
            endpoint="https://lon.netverify.com",
        )
        quickstart["idverify"].link(provider)
        db.session.commit()
    assert client.get("/identity/").status_code == 200


def test_readme_commands_set_up_a_provider(quickstart: dict[str, Any]) -> None:
    lines = [
        line
        for block in blocks("README.md", "console")
        for line in block.splitlines()
        if line.startswith("flask ")
    ]
    assert len(lines) == 5
    runner = quickstart["app"].test_cli_runner()
    with requests_mock.Mocker() as vendor:
        vendor.get(requests_mock.ANY, status_code=404, json={})
        vendor.post(re.compile("https://id.example.com/"), text="idverify-callback-ok")
        for line in lines:
            answer = runner.invoke(args=shlex.split(line)[1:], input="the-secret\n")
            assert answer.exit_code == 0, (line, answer.output, answer.exception)
            assert "the-secret" not in answer.output


def test_readme_start_from_an_own_view_runs(
    quickstart: dict[str, Any], sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, db, user_model = quickstart["app"], quickstart["db"], quickstart["User"]
    settings = app.extensions["idverify"].settings
    # The README's app is one for production; this test alone points it to a sandbox.
    object.__setattr__(settings, "allow_sandbox", True)
    vendors = app.extensions["idverify"].vendors
    vendors.transport = type(vendors.transport)(user_agent="ExampleCo App/1.0", allow_sandbox=True)
    with app.app_context():
        provider = quickstart["idverify"].add_provider(
            name="sandbox",
            type="Jumio",
            client_id="sandbox-id",
            client_secret="sandbox-secret",
            endpoint=sandbox.url,
        )
        quickstart["idverify"].link(provider)
        user = user_model(real_name="Ada Example")
        db.session.add(user)
        db.session.commit()
        with app.test_request_context():
            login_user(user)
            code = compile(blocks("README.md", "python")[2], "README.md", "exec")
            exec(code, quickstart)
            assert quickstart["verification"].status == "started"
            assert quickstart["verification"].redirect_url.startswith(sandbox.url)


def test_host_page_runs(sandbox: SandboxServer) -> None:
    host = make_host(tables=False)
    for column in ("date_of_birth", "public_id"):
        setattr(host.User, column, host.db.Column(host.db.String(40)))
    with host.app.app_context():
        host.db.create_all()
    namespace: dict[str, Any] = {"__name__": "hostpage", "app": host.app, "db": host.db}
    namespace |= {"User": host.User, "idverify": host.idverify}
    exec("from flask_login import current_user", namespace)
    for block in blocks("docs/host.md", "python"):
        exec(compile(block, "docs/host.md", "exec"), namespace)
    form = {"number": "U7301945", "name": "Lena Marie Gruber"}
    with host.app.test_request_context("/", environ_base={"REMOTE_ADDR": "203.0.113.7"}):
        user = host.add_user("ada@example.com")
        goal = namespace["begin"](user, form, request, clock.now())
        assert goal == "/sorry?why=not_configured", "no provider is linked yet"
        host.add_provider(sandbox.url)
        goal = namespace["begin"](user, form, request, clock.now())
        assert goal.startswith(sandbox.url)
        user_id = user.id
    client = host.app.test_client()
    client.get(f"/login/{user_id}")
    for asked, lang in (("de-AT", "de"), ("zh-CN, en;q=0.8", "zh-Hans-CN"), ("fr, es;q=0.5", "es")):
        page = client.get("/identity/", headers={"Accept-Language": asked}).text
        assert f'<html lang="{lang}"' in page
    with host.app.app_context():
        host.db.session.remove()
        host.db.engine.dispose()


def test_a_language_is_added_as_the_page_on_translating_says(tmp_path: Path) -> None:
    renew, begin, compile_all = (block.splitlines() for block in blocks(TRANSLATING, "console"))
    assert renew == ["python -m tests.catalogues"]
    left = shutil.ignore_patterns("__pycache__", "instance")
    for name in ("flask_idverify", "example_app", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(line: str) -> subprocess.CompletedProcess[str]:
        words = shlex.split(line)
        assert words[0] in ("pybabel", "python")
        tool = ["-m", "babel.messages.frontend"] if words[0] == "pybabel" else []
        return subprocess.run(
            [sys.executable, *tool, *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert [run(line).returncode for line in begin] == [0, 0]
    french = tmp_path / "flask_idverify/translations/fr/LC_MESSAGES/idverify.po"
    untouched = french.read_text()
    assert 'msgid "Passport"\nmsgstr ""' in untouched
    french.write_text(
        untouched.replace('msgid "Passport"\nmsgstr ""', 'msgid "Passport"\nmsgstr "Passeport"')
    )
    for line in compile_all:
        assert run(line).returncode == 0
    with french.with_suffix(".mo").open("rb") as file:
        assert GNUTranslations(file).gettext("Passport") == "Passeport"
    told = run(renew[0])
    assert told.returncode == 1
    assert "fr: " in told.stdout
    assert "de: " in told.stdout


def test_api_page_runs(sandbox: SandboxServer, tmp_path: Path) -> None:
    host = make_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db")
    with host.app.app_context():
        user_id = host.add_user("ada@example.com").id
        host.add_provider(sandbox.url)
    with served(host.app) as base, requests.Session() as session:
        session.get(f"{base}/login/{user_id}", timeout=10)
        namespace: dict[str, Any] = {"session": session, "base": base}
        for block in blocks("docs/api.md", "python"):
            exec(compile(block, "docs/api.md", "exec"), namespace)
        assert namespace["redirect_url"].startswith(sandbox.url)
    with host.app.app_context():
        host.db.session.remove()
        host.db.engine.dispose()


def test_policies_page_runs(host: Host) -> None:
    with host.app.app_context():
        host.add_provider("https://lon.netverify.com", name="Jumio EU")
        for block in blocks("docs/policies.md", "python"):
            exec(block, {"idverify": host.idverify, "db": host.db})
        link = service.application_named("default").links[0]
        assert link.policy["minimum_age"] == 18
        assert link.conditions["id_types"] == ["id_card", "passport"]


def test_sandbox_page_runs(
    host: Host, sandbox: SandboxServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with host.app.app_context():
        host.add_provider(sandbox.url)
        user = host.add_user("ada@example.com")
        verification = host.idverify.start(user, lena(), consent())
        names = {"sandbox": sandbox, "idverify": host.idverify, "verification": verification}
        for block in blocks("docs/sandbox.md", "python"):
            exec(block, names)
    assert "http://127.0.0.1:" in capsys.readouterr().out


def test_sandbox_page_commands_run() -> None:
    lines = [line for block in blocks("docs/sandbox.md", "console") for line in block.splitlines()]
    assert lines[0] == "flask idverify sandbox --help"
    host = make_host()
    answer = host.app.test_cli_runner().invoke(args=shlex.split(lines[0])[1:])
    assert answer.exit_code == 0
    for option in re.findall(r"--[a-z-]+", lines[1]):
        assert option in answer.output
    for line in lines[2:]:
        answer = host.app.test_cli_runner().invoke(args=shlex.split(line)[1:], input="a-secret\n")
        assert answer.exit_code == 0, (line, answer.output)


@pytest.mark.sqlite("the snippet is about it")
def test_scaling_page_sets_wal_for_good(tmp_path: Path) -> None:
    host = make_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path}/host.db")
    with host.app.app_context():
        host.db.engine.dispose()
    exec(blocks("docs/scaling.md", "python")[0], {"app": host.app, "db": host.db})
    with host.app.app_context():
        host.db.engine.dispose()  # connections remember the mode they met
        (advice,) = (each for each in doctor.examine() if each.about == "database")
        assert (advice.level, advice.message) == ("ok", "SQLite with WAL.")
        host.db.session.remove()
        host.db.engine.dispose()


def test_scaling_page_runs() -> None:
    host = make_host(CELERY={"broker_url": "memory://"}, IDVERIFY_DISPATCH="celery")
    names: dict[str, Any] = {}
    exec(blocks("docs/scaling.md", "python")[1], names)
    celery_app = names["celery_init_app"](host.app)
    assert {"idverify.work", "idverify.purge"} <= set(celery_app.tasks)
    scheduled = {entry["task"] for entry in celery_app.conf.beat_schedule.values()}
    assert scheduled == {"idverify.work", "idverify.purge"}
    assert celery_app.tasks["idverify.work"].apply().get() == 0
    celery_app.close()
