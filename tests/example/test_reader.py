"""The walkthrough's reader of pages: it can do no more than a person in front of the page."""

from __future__ import annotations

import pytest

from example_app.walkthrough.client import shortened
from example_app.walkthrough.page import NotOnPage, Page

HTML = """
<title>A page</title><h1>Hello <b>you</b></h1>
<noscript><meta http-equiv="refresh" content="1;url=/on"></noscript>
<script>var hidden = "secret words";</script>
<a href="../there">Go <span>there</span></a>
<form method="post" action="send">
  <input type="hidden" name="token" value="t&amp;1"><input name="name" value="old">
  <input name="fixed" value="kept" readonly><input name="off" value="x" disabled>
  <select name="kind"><option value="">-</option><option value="b" selected>B</option></select>
  <input type="radio" name="end" value="good" checked><input type="radio" name="end" value="bad">
  <input type="checkbox" name="agree"><textarea name="why">because</textarea>
  <button name="do" value="it">Do</button><button>Plain</button>
</form>
"""


@pytest.fixture
def page() -> Page:
    return Page(HTML, "http://h.example/a/b")


def test_what_is_read(page: Page) -> None:
    """Words, links, where the page goes by itself; nothing out of scripts."""
    assert page.heading == "Hello you"
    assert "secret words" not in page.text
    assert page.link("Go there") == "http://h.example/there"
    assert page.refresh == "http://h.example/on"


def test_what_is_sent(page: Page) -> None:
    """What a browser sends: defaults, no disabled field, no unticked box, one button."""
    form = page.form("token")
    assert (form.method, form.action) == ("POST", "http://h.example/a/send")
    sent = form.filled({"name": "new", "end": "bad", "agree": True}, ("do", "it"))
    assert sent == [
        ("token", "t&1"),
        ("name", "new"),
        ("fixed", "kept"),
        ("kind", "b"),
        ("end", "bad"),
        ("agree", "on"),
        ("why", "because"),
        ("do", "it"),
    ]


@pytest.mark.parametrize(
    "values", [{"fixed": "x"}, {"off": "x"}, {"none": "x"}, {"kind": "c"}, {"end": "ugly"}]
)
def test_what_nobody_could_do(page: Page, values: dict[str, str | bool]) -> None:
    """Read-only and absent fields, and choices that are not offered."""
    with pytest.raises(NotOnPage):
        page.form("token").filled(values)


def test_what_is_not_there(page: Page) -> None:
    """A missing form, link or button is named."""
    with pytest.raises(NotOnPage, match="a form with nothing"):
        page.form("nothing")
    with pytest.raises(NotOnPage, match="Elsewhere"):
        page.link("Elsewhere")
    with pytest.raises(NotOnPage, match="do=that"):
        page.form("token").filled({}, ("do", "that"))


def test_a_report_holds_no_keys() -> None:
    """Callback addresses are cut to what tells them apart."""
    url = "http://h/identity/callbacks/abcdefghijklmnopqrstuvwx/ABCDEFGHIJKLMNOPQRSTUVWX?q=1"
    assert shortened(url) == "/identity/callbacks/abcdefgh…/ABCDEFGH…"
