"""Users, the audit log and the queue cost what they show, too: by the engine's own account."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest

from tests.benchmarks.many import NOW, fill_log, subject
from tests.web_admin.desk import ADMIN
from tests.web_admin.test_list_plans import Hall

DAYS = {
    "since": f"{NOW - timedelta(days=530):%Y-%m-%d}",
    "until": f"{NOW - timedelta(days=450):%Y-%m-%d}",
}
#: Rows that PostgreSQL rather sorts than walks an index for.
HANDFUL = 100
#: How SQLite calls the index of a unique constraint.
_OWN = "sqlite_autoindex_"
PERSON = subject("00000000-0000-0000-0000-000000000001")


class Asked(NamedTuple):
    """A list, what it is filtered by, and the indexes of which an engine may take either.

    The first is meant. A server that finds a step or an actor often enough walks the time and
    passes over the others.

    :ivar few: it is of one person, whose few rows may be sorted.
    :ivar probe: the index in which somebody's others are looked for, unless there are few of all.
    """

    path: str
    table: str
    indexes: tuple[str, ...]
    query: str = ""
    few: bool = False
    probe: str = ""


def _query(**given: str) -> str:
    return "&".join(f"{name}={value}" for name, value in given.items())


def _people(*indexes: str, **query: str) -> Asked:
    names = tuple(f"ix_idverify_identity_{name}" for name in indexes)
    return Asked("/identities", "idverify_identity", names, _query(**query))


def _users(**query: str) -> Asked:
    names = tuple(f"ix_idverify_verification_{name}" for name in ("application", "created"))
    table, asked = "idverify_verification", _query(**query)
    return Asked("/identities", table, names, asked, probe="ix_idverify_verification_identity")


def _person(**query: str) -> Asked:
    names = ("uq_idverify_identity_user", _OWN)
    return Asked("/identities", "idverify_identity", names, _query(**query), few=True)


def _log(*indexes: str, **query: str) -> Asked:
    names = tuple(f"ix_idverify_audit_{name}" for name in indexes)
    return Asked("/audit", "idverify_audit", names, _query(**query))


def _chain(**query: str) -> Asked:
    names = ("uq_idverify_audit_sequence", _OWN)
    return Asked("/audit", "idverify_audit", names, _query(**query), few=True)


ASKED = {
    "users": _people("created"),
    "users oldest": _people("created", order="oldest"),
    "users by standing": _people("standing", "created", standing="revoked"),
    "users by days": _people("verified", **DAYS),
    "users by days and standing": _people("verified", standing="revoked", **DAYS),
    "users by id": _person(user="user-9"),
    "users by id and standing": _person(user="user-9", standing="verified"),
    "users by application": _users(application="{application}"),
    "users by application oldest": _users(application="{application}", order="oldest"),
    "users by application and standing": _users(application="{application}", standing="verified"),
    "users by small application": _users(application="{small}")._replace(probe=""),
    "users by application and days": _people("verified", application="{application}", **DAYS),
    "users by application and id": _person(user="user-9", application="{application}"),
    "log": _log("at"),
    "log oldest": _log("at", order="oldest"),
    "log by step": _log("action", "at", action="verification.approved"),
    "log by actor": _log("actor", "at", actor="vendor"),
    "log by admin": _log("actor", "at", admin="7"),
    "log by days": _log("at", **DAYS),
    "log by step and days": _log("action", "at", action="verification.approved", **DAYS),
    "log by admin and step": _log(
        "actor", "action", "at", admin="7", action="verification.approved"
    ),
    "log of a person": _chain(subject=PERSON),
    "log of a user": _chain(user="user-0"),
    "log of a person by step": _chain(subject=PERSON, action="verification.created"),
    "queue": Asked("/reviews", "idverify_verification", ("ix_idverify_verification_status",)),
}


class Archive(Hall):
    """A host with many of everything."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        fill_log(self.host, 4 * count, self.filled.provider)

    def places(self, asked: Asked) -> list[str]:
        """Return addresses of the list: its first page, the next, and the way back from there."""
        first = f"{asked.path}?{asked.query.format(**self.filled._asdict())}"
        found = [first]
        for relation in ("next", "prev"):
            page = self.desk.get(found[-1])
            assert page.status_code == 200, found[-1]
            link = re.search(rf'<a rel="{relation}" href="([^"]*)"', page.text)
            if link is None:
                break
            found.append(link[1].replace("&amp;", "&").removeprefix(ADMIN))
        return found


def test_every_list_walks_an_index_and_sorts_nothing_but_one_persons_rows(
    volume: Callable[[int, int], int],
) -> None:
    archive = Archive(volume(4000, 20_000))
    with archive.host.app.app_context():
        served = archive.host.db.engine.dialect.name != "sqlite"
    for name, asked in ASKED.items():
        for place in archive.places(asked):
            with archive.said() as said:
                assert archive.desk.get(place).status_code == 200
            pages = [one for one in said if f"ORDER BY {asked.table}." in one[0]]
            pages = [one for one in pages if " LIMIT " in one[0] and asked.table in one[0]]
            assert pages, place
            for one in pages:
                plan = archive.plan(*one)
                told = (name, place, plan)
                meant = asked.indexes if served or asked.few else asked.indexes[:1]
                assert any(index in plan for index in meant), told
                assert asked.probe in plan, told
                # PostgreSQL sorts what it takes for a handful, such as what lies before a place
                # at the beginning of a list.
                guessed = re.search(r"Sort +\(cost=\S+ rows=(\d+) ", plan)
                handful = guessed is not None and int(guessed[1]) <= HANDFUL
                if not asked.few and not handful:
                    for word in ("TEMP B-TREE", "filesort", "Sort Key"):
                        assert word not in plan, told


def test_since_when_a_page_of_the_queue_waits_is_one_look_into_the_chains(
    volume: Callable[[int, int], int],
) -> None:
    archive = Archive(volume(4000, 20_000))
    for path in ("/reviews", "/"):
        with archive.said() as said:
            assert archive.desk.get(path).status_code == 200
        (asked,) = [one for one in said if "JOIN idverify_identity" in one[0]]
        plan = archive.plan(*asked)
        # A server that knows how rare the step is may look for that instead.
        indexes = ["uq_idverify_audit_sequence", f"{_OWN}idverify_audit"]
        with archive.host.app.app_context():
            if archive.host.db.engine.dialect.name != "sqlite":
                indexes.append("ix_idverify_audit_action")
        assert any(index in plan for index in indexes), plan
        for word in ("SCAN", "Seq Scan on idverify_audit"):
            assert word not in plan, plan


@pytest.mark.sqlite("counts the steps of its machine")
def test_a_tenfold_table_costs_no_page_more() -> None:
    small, large = Archive(2000), Archive(20_000)
    for name, asked in ASKED.items():
        places = [hall.places(asked) for hall in (small, large)]
        for pair in zip(*places, strict=False):
            costs = [hall.steps(place) for hall, place in zip((small, large), pair, strict=True)]
            # Trees are a little deeper; the counts beside a list stop at 1,000 in both.
            assert costs[1] <= 1.3 * costs[0] + 60, (name, pair, costs)


def test_a_page_takes_as_many_statements_however_many_rows(
    volume: Callable[[int, int], int],
) -> None:
    numbers = []
    for hall in (Archive(1000), Archive(volume(3000, 20_000))):
        with hall.said() as said:
            for path in ("/identities", "/audit", "/reviews"):
                assert hall.desk.get(path).status_code == 200
        numbers.append(len(said))
    assert numbers[0] == numbers[1] <= 30
