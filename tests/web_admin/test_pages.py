"""What holds for every admin page, empty or full."""

from __future__ import annotations

import re

import pytest
from jinja2 import ChoiceLoader, DictLoader

from tests.hosts import Host, make_host
from tests.web_admin.desk import ADMIN, SECRET, Desk, Reader, add_provider, words


def read(desk: Desk, path: str) -> str:
    answer = desk.get(path)
    assert answer.status_code == 200, path
    return answer.text


def test_no_page_holds_inline_script_or_style(desk: Desk, paths: list[str]) -> None:
    for path in paths:
        page = read(desk, path)
        assert Reader(page).forbidden == [], path
        assert "javascript:" not in page


def test_no_page_gives_two_things_one_id(desk: Desk, paths: list[str]) -> None:
    for path in paths:
        ids = Reader(read(desk, path)).ids
        assert len(ids) == len(set(ids)), (path, ids)


def test_no_page_shows_a_secret(desk: Desk, paths: list[str]) -> None:
    for path in paths:
        page = read(desk, path)
        assert SECRET not in page, path
        assert "sandbox-secret" not in page, path


def test_every_form_carries_a_token(desk: Desk, paths: list[str]) -> None:
    filters = [f"{ADMIN}/{part}" for part in ("", "verifications", "identities", "audit")]
    for path in paths:
        reader = Reader(read(desk, path))
        for action, fields in zip(reader.actions, reader.forms, strict=True):
            assert "csrf_token" in fields or action in filters, (path, action)


def test_every_page_leads_to_the_others(desk: Desk, paths: list[str]) -> None:
    for path in paths:
        page = read(desk, path)
        own = ("reviews", "verifications", "identities", "audit")
        for part in ("", *own, "applications", "providers"):
            assert f'href="{ADMIN}/{part}"' in page


def test_no_address_holds_personal_data(desk: Desk, paths: list[str]) -> None:
    for path in paths:
        links = re.findall(r'(?:href|action)="([^"]*)"', read(desk, path))
        assert not [link for link in links if "U7301945" in link or "Gruber" in link]


def test_empty_lists_say_what_to_do(desk: Desk) -> None:
    assert "No provider is set up" in words(desk.get("/"))
    assert "No provider yet" in words(desk.get("/providers"))
    assert "No application yet" in words(desk.get("/applications"))
    assert "No verification yet" in words(desk.get("/verifications"))
    assert "Nothing fits this filter" in words(desk.get("/verifications?status=approved"))


def test_the_overview_counts_tells_what_is_missing_and_what_waits(
    desk: Desk, paths: list[str]
) -> None:
    page = words(desk.get("/"))
    assert "Approved 1 0" in page
    assert "Not accepted 2 0" in page
    assert "nobody can be verified" not in page
    assert "This app admits sandboxes" in page


def test_the_overview_misses_links_and_notices_disabled_ones(host: Host, desk: Desk) -> None:
    provider = add_provider(host)
    assert "No application uses a provider" in words(desk.get("/"))
    desk.send("/applications/new", name="default")
    application = desk.get("/applications").text.split(f"{ADMIN}/applications/")[2].split('"')[0]
    path = f"/applications/{application}"
    desk.send(f"{path}/links", path, provider=provider)
    assert "nobody can be verified" not in words(desk.get("/"))
    desk.send(f"/providers/{provider}", enabled=None)
    assert "Every linked provider is disabled" in words(desk.get("/"))


def test_a_host_may_bring_its_own_base_template() -> None:
    host = make_host(IDVERIFY_BASE_TEMPLATE="house.html")
    loader = host.app.jinja_loader
    assert loader is not None
    house = "<title>House</title><body>{% block content %}{% endblock %}</body>"
    host.app.jinja_loader = ChoiceLoader([DictLoader({"house.html": house}), loader])
    desk = Desk(host)
    page = desk.get("/providers").text
    assert "<title>House</title>" in page
    assert f'href="{ADMIN}/applications"' in page


@pytest.mark.parametrize("tag", ["title", "h1"])
def test_every_page_has_one_name(desk: Desk, paths: list[str], tag: str) -> None:
    for path in paths:
        # What a drawing is called is no name of the page.
        page = re.sub(r"<svg\b.*?</svg>", "", read(desk, path), flags=re.DOTALL)
        assert page.count(f"<{tag}") == 1, path


def current(page: str) -> list[str]:
    """Return the words of the tab that a page marks as the one it belongs to."""
    return [tab.strip() for tab in re.findall(r'aria-current="page">([^<]*)<', page)]


def test_every_page_marks_the_one_tab_that_it_belongs_to(desk: Desk, paths: list[str]) -> None:
    tabs = {"": "Overview", "identities": "Users", "audit": "Audit log"}
    tabs |= dict.fromkeys(("owed", "callbacks"), "Verifications")
    for path in [*paths, "/owed", "/callbacks"]:
        part = re.split(r"[/?]", path)[1]
        assert current(read(desk, path)) == [tabs.get(part, part.capitalize())], path


def test_the_page_of_a_refused_form_keeps_its_tab(desk: Desk, paths: list[str]) -> None:
    sent = set()
    for page in [Reader(read(desk, path)) for path in paths]:
        for action, fields in zip(page.actions, page.forms, strict=True):
            target = action.removeprefix(ADMIN)
            if target in sent or "csrf_token" not in fields:
                continue
            sent.add(target)
            answer = desk.post(target, {"csrf_token": fields["csrf_token"]})
            if answer.status_code < 400:
                continue
            part = target.split("/")[1]
            tab = {"identities": "Users", "audit": "Audit log"}.get(part, part.capitalize())
            assert current(answer.text) == [tab], target
    assert {re.sub(r"[0-9a-f-]{36}", "*", each) for each in sent} >= {
        "/verifications/*/reject",
        "/identities/*/reset",
        "/identities/*/erase",
        "/applications/*",
        "/providers/*/test",
    }


def test_tabs_are_marked_also_below_another_prefix() -> None:
    desk = Desk(make_host(IDVERIFY_URL_PREFIX="/overview/kyc"))
    page = desk.browser.get("/overview/kyc/admin/providers").text
    assert current(page) == ["Providers"]
