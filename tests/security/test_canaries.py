"""Secrets and personal data of a life at DEBUG level stand where they must, and nowhere else."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
from _pytest.tmpdir import TempPathFactory

from flask_idverify.models import Identity, Provider, Verification
from flask_idverify.sandbox import SandboxServer
from tests.hosts import MADE, make_host
from tests.security.canaries import ADDRESS, CLAIM, PAPER, REASON, SECRET, Life, live, written
from tests.security.stage import opened
from tests.vendor import GENERATIONS, PLATFORM, Vendor

pytestmark = pytest.mark.sqlite("the bytes of its file are read")

#: The user's own words, the papers', and where they were: grouped by who may read them.
CLAIMED = {"name": CLAIM["real_name"], "last name": "Canaryvogel", "number": CLAIM["id_number"]}
READ = {name: value for name, value in PAPER.items() if name != "number"}
PERSONAL = {**CLAIMED, **READ, "address of the consent": ADDRESS, "reason": REASON}
KEYS = {"client secret": SECRET}
ID = r"[0-9a-f-]{36}"
#: Which pages have to show what: reader, path, and the canaries' names.
SHOWN: list[tuple[str, str, set[str]]] = [
    ("anna", r"/identity/", {"name", "last name", "number"}),
    ("anna", r"/identity/api/identity", {"name", "last name", "number"}),
    ("anna", r"/identity/api/verifications", {"redirect token"}),
    ("anna", rf"/identity/verifications/{ID}/continue", {"redirect token"}),
    ("admin", r"/identity/admin/providers/" + ID, {"provider key"}),
    ("admin", r"/identity/admin/providers/" + ID + "/check", {"provider key"}),
    ("admin", rf"/identity/admin/verifications/{ID}(/\w+)?", {*PERSONAL}),
    ("admin", rf"/identity/admin/identities/{ID}(/\w+)?", {*CLAIMED, *READ, "reason"}),
]


class Recorder(logging.Handler):
    """Keeps every record of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture(scope="module", params=GENERATIONS)
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: TempPathFactory
) -> Iterator[tuple[Life, list[str]]]:
    """Live the life once per generation, with every logger at DEBUG, SQLAlchemy's too."""
    recorder, root = Recorder(), logging.getLogger()
    names = ("sqlalchemy", "sqlalchemy.engine", "urllib3", "flask_idverify", "host")
    before = {name: logging.getLogger(name).level for name in names}
    level = root.level
    path = tmp_path_factory.mktemp("canaries") / "host.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", lambda _seconds: None)
        root.addHandler(recorder)
        root.setLevel(logging.DEBUG)
        for name in names:
            logging.getLogger(name).setLevel(logging.DEBUG)
        server = SandboxServer(allow_local_urls=True, processing_seconds=0.0, client_secret=SECRET)
        with server:
            vendor = Vendor(server)
            vendor.reset()
            host = make_host(SQLALCHEMY_DATABASE_URI=f"sqlite:///{path}", IDVERIFY_MAX_ATTEMPTS=100)
            MADE.remove(host)  # it outlives the test
            life = Life(host, vendor, path)
            life.canaries.update(PERSONAL | KEYS)
            try:
                live(life, request.param)
            finally:
                root.removeHandler(recorder)
                root.setLevel(level)
                for name, value in before.items():
                    logging.getLogger(name).setLevel(value)
            yield life, written(recorder.records)
            with host.app.app_context():
                host.db.session.remove()
                host.db.engine.dispose()


def places(canary: str, texts: list[str]) -> list[str]:
    return [f"…{text[max(0, text.find(canary) - 90) :][:220]}…" for text in texts if canary in text]


def test_control_every_canary_is_found_where_it_belongs(
    recorded: tuple[Life, list[str]],
) -> None:
    life, log = recorded
    plain = opened(life.host)
    inside = "\n".join(plain.values())
    for name, canary in life.canaries.items():
        if name not in ("callback key", "redirect token", "OAuth token"):
            assert canary in inside, f"{name} in no encrypted column"
    with life.host.app.app_context():
        session = life.host.db.session
        assert session.query(Provider).one().client_secret == SECRET
        rows = session.query(Verification).all()
        assert any(row.consent and row.consent.ip == ADDRESS for row in rows)
        assert {str(row.status) for row in rows} >= {"error", "rejected", "canceled"}
        assert session.query(Identity).count() == 3
        is_platform = session.query(Provider).one().type == PLATFORM
        session.rollback()
    assert is_platform == ("OAuth token" in life.canaries)
    assert {"callback key", "provider key", "redirect token"} <= set(life.canaries)
    sent = "\n".join(life.received)
    assert life.canaries["provider key"] in sent, "the vendor was told where to call back"
    assert is_platform == (ADDRESS in sent), "the Platform was told where the user is"
    assert len(life.errors) > 30
    assert len(life.answers) > 60
    assert any(line.startswith("sqlalchemy.engine") and "UPDATE" in line for line in log)
    assert any(line.startswith("urllib3") for line in log)
    assert any(line.startswith("flask_idverify") for line in log)


def test_control_every_page_that_has_to_show_a_canary_shows_it(
    recorded: tuple[Life, list[str]],
) -> None:
    life, _ = recorded
    for who, path, names in SHOWN:
        seen = [
            answer.text
            for answer in life.answers
            if answer.who == who and re.fullmatch(path, answer.path)
        ]
        assert seen, path
        found = {name for name in names if any(life.canaries[name] in text for text in seen)}
        assert found, (who, path, names)


def test_canaries_are_in_no_answer_but_on_the_pages_that_must_show_them(
    recorded: tuple[Life, list[str]],
) -> None:
    life, _ = recorded
    leaks = [
        (answer.who, answer.method, answer.path, name)
        for answer in life.answers
        for name, canary in life.canaries.items()
        if canary in answer.text
        and not any(
            answer.who == who and re.fullmatch(path, answer.path) and name in names
            for who, path, names in SHOWN
        )
    ]
    assert leaks == []


def test_canaries_are_in_no_address(recorded: tuple[Life, list[str]]) -> None:
    life, _ = recorded
    addresses = [answer.path for answer in life.answers]
    addresses += re.findall(r"Location: .*", "\n".join(answer.text for answer in life.answers))
    for name, canary in life.canaries.items():
        assert places(canary, addresses) == [], name


def test_canaries_are_in_no_log_of_any_logger(recorded: tuple[Life, list[str]]) -> None:
    life, log = recorded
    for name, canary in life.canaries.items():
        assert places(canary, log) == [], name


def test_canaries_are_in_no_exception(recorded: tuple[Life, list[str]]) -> None:
    life, _ = recorded
    for name, canary in life.canaries.items():
        assert places(canary, life.errors) == [], name


def test_canaries_are_in_no_column_and_in_no_byte_of_the_database(
    recorded: tuple[Life, list[str]],
) -> None:
    life, _ = recorded
    rows, stored = life.database().splitlines(), life.bytes()
    assert any("anna@example.com" in row for row in rows), "control: the search does find"
    assert b"anna@example.com" in stored
    for name, canary in life.canaries.items():
        assert places(canary, rows) == [], name
        for form in (canary.encode(), canary.encode("utf-16-le"), canary.encode("utf-16-be")):
            assert form not in stored, name


def test_canaries_are_in_no_repr(recorded: tuple[Life, list[str]]) -> None:
    life, _ = recorded
    with life.host.app.app_context():
        session = life.host.db.session
        rows = [*session.query(Verification), *session.query(Identity), *session.query(Provider)]
        values = [
            getattr(row, name, None) for row in rows for name in ("claim", "document", "consent")
        ]
        shown = [repr(value) for value in (*rows, *values, life.host.app.extensions["idverify"])]
        adapter = life.host.app.extensions["idverify"].vendors.adapter(rows[-1])
        shown += [repr(adapter), repr(vars(adapter)["http"]), repr(adapter.account)]
        session.rollback()
    assert sum(value is not None for value in values) > 6, "control"
    for name, canary in life.canaries.items():
        assert places(canary, shown) == [], name
