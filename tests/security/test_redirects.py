"""Nobody is led off the site by a link to our pages."""

from __future__ import annotations

import pytest

from flask_idverify.states import Status
from flask_idverify.web.next_url import is_safe
from tests.web.people import TYPED, Person, vendor, words

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
def test_control_next_on_this_very_site_is_followed(target: str) -> None:
    assert is_safe(target)


@pytest.mark.parametrize("target", UNSAFE)
def test_next_to_anything_else_is_refused(target: str | None) -> None:
    assert not is_safe(target)


def test_control_next_is_offered_to_a_verified_user_also_after_the_vendors_pages(
    lena_at: Person,
) -> None:
    lena_at.verified()
    page = lena_at.browser.get("/identity/", query_string={"next": "/members?a=1&b=2"})
    assert 'href="/members?a=1&amp;b=2"' in page.text
    # It survives the way through the vendor's pages, which know nothing of it.
    assert 'href="/members?a=1&amp;b=2"' in lena_at.browser.get("/identity/").text


@pytest.mark.parametrize("target", [target for target in UNSAFE if target and "evil" in target])
def test_next_to_evil_leads_nowhere_from_any_page(lena_at: Person, target: str) -> None:
    """From the pages before, while and after verifying, and for the API's clients."""
    evil = {"next": target, "next_url": target, "redirect": target, "return_to": target}
    row_id = lena_at.attempt(Status.started)
    pages = ["/identity/", f"/identity/verifications/{row_id}", f"/identity/return/{row_id}"]
    pages += [f"{pages[1]}/continue", "/identity/api/identity"]

    def look() -> None:
        for path in pages:
            answer = lena_at.browser.get(path, query_string=evil)
            assert answer.status_code in ((200, 303) if target.isprintable() else (404, 200))
            assert "evil" not in answer.text
            assert "evil" not in answer.headers.get("Location", "")

    with vendor():
        look()
        answer = lena_at.post(**evil, **TYPED)
        assert "evil" not in answer.text + answer.headers.get("Location", "")
        lena_at.post(f"/identity/verifications/{row_id}/cancel", **evil)
        lena_at.verified()
        look()
    assert "Your identity is verified" in words(lena_at.browser.get("/identity/"))


def test_next_in_a_forged_session_is_checked_again(lena_at: Person) -> None:
    lena_at.verified()
    with lena_at.browser.session_transaction() as session:
        session["idverify_next"] = "//evil.example"
    page = lena_at.browser.get("/identity/")
    assert "evil" not in page.text
    assert "Your identity is verified" in words(page)
