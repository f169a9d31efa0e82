"""Nobody is led off the site by a link to our pages."""

from __future__ import annotations

import pytest

from flask_idverify.web.next_url import is_safe
from tests.web.people import Person, words

SAFE = [
    "/",
    "/members",
    "/a/b?c=d&e=%2F%2Fevil.example",
    "/a#part",
    "/caf\u00e9",
    "/a?u=https://x.example/",
]
UNSAFE = [
    None,
    "",
    "members",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/a\\..\\evil",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "/\x00/evil.example",
    "https://evil.example/",
    "HTTPS:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/.//evil.example",
    "/a//evil.example",
    "//[",
    "/\u2028/evil.example",
    "/" + "a" * 1000,
]


@pytest.mark.parametrize("target", SAFE)
def test_a_path_of_this_site_is_followed(target: str) -> None:
    assert is_safe(target)


@pytest.mark.parametrize("target", UNSAFE)
def test_anything_else_is_not(target: str | None) -> None:
    assert not is_safe(target)


def test_a_verified_user_is_offered_the_way_on_to_where_they_wanted_to_go(lena_at: Person) -> None:
    lena_at.verified()
    page = lena_at.browser.get("/identity/", query_string={"next": "/members?a=1&b=2"})
    assert 'href="/members?a=1&amp;b=2"' in page.text
    # It survives the way through the vendor's pages, which know nothing of it.
    assert 'href="/members?a=1&amp;b=2"' in lena_at.browser.get("/identity/").text


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_a_foreign_target_is_forgotten(lena_at: Person, target: str) -> None:
    lena_at.verified()
    page = lena_at.browser.get("/identity/", query_string={"next": target})
    assert page.status_code == 200
    assert "evil" not in page.text


def test_a_target_in_a_forged_session_is_checked_again(lena_at: Person) -> None:
    lena_at.verified()
    with lena_at.browser.session_transaction() as session:
        session["idverify_next"] = "//evil.example"
    page = lena_at.browser.get("/identity/")
    assert "evil" not in page.text
    assert "Your identity is verified" in words(page)
