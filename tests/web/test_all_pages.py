"""What holds for every page of ours."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from jinja2 import ChoiceLoader, FileSystemLoader

from flask_idverify.states import Status
from tests.hosts import make_host
from tests.web.people import ENDPOINT, Person, inline_code, seen, vendor

PAGE = "/identity/"


def test_every_page_with_personal_data_is_kept_out_of_caches_and_free_of_inline_code(
    lena_at: Person,
) -> None:
    pages = [lena_at.browser.get(PAGE), lena_at.post(real_name="x"), lena_at.browser.post(PAGE)]
    row_id = lena_at.attempt(Status.started)
    for path in ("", "/continue", "?hint=9100"):
        pages.append(seen(lena_at, row_id, path))
    pages.append(lena_at.browser.get(PAGE))
    pages.append(lena_at.browser.get("/identity/return/x"))
    pages.append(lena_at.browser.get("/identity/verifications/x"))
    with vendor():
        lena_at.post(f"/identity/verifications/{row_id}/cancel")
    lena_at.verified()
    pages.append(lena_at.browser.get(PAGE))
    for page in pages:
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert inline_code(page.text) == []
        assert page.text.lstrip().startswith("<!doctype html>")


def test_the_reader_of_these_tests_sees_inline_code() -> None:
    for bad in (
        "<p style='color:red'>",
        "<script>1</script>",
        "<style></style>",
        "<a onclick=x>",
        "<a href=' JavaScript:x'>",
    ):
        assert inline_code(bad)
    assert inline_code("<script type=module src=/x.js></script><link rel=stylesheet>") == []


def test_static_files_exist_and_may_be_cached(lena_at: Person) -> None:
    page = lena_at.browser.get(PAGE).text
    names = {part.split('"')[0].split("#")[0] for part in page.split('"/identity/static/')[1:]}
    assert {"idverify/idverify.css", "idverify/icons.svg"} <= names
    for name in [*names, "idverify/continue.js", "idverify/status.js"]:
        with lena_at.browser.get(f"/identity/static/{name}") as answer:
            assert answer.status_code == 200
            assert "no-store" not in answer.headers.get("Cache-Control", "")


def test_a_host_replaces_the_skeleton_of_all_pages(tmp_path: Path) -> None:
    (tmp_path / "ours.html").write_text(
        "<!doctype html><b>our shop</b>{% block content %}{% endblock %}"
    )
    host = make_host(IDVERIFY_BASE_TEMPLATE="ours.html")
    _add_templates(host.app, tmp_path)
    with host.app.app_context():
        host.add_provider(ENDPOINT)
    page = Person(host).browser.get(PAGE)
    assert "<b>our shop</b>" in page.text
    assert 'name="id_number"' in page.text


def _add_templates(app: Flask, folder: Path) -> None:
    loader = app.jinja_env.loader
    assert loader is not None
    app.jinja_env.loader = ChoiceLoader([FileSystemLoader(folder), loader])
