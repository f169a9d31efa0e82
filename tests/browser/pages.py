"""Every page, in each of its states: with something to show, with nothing, and in error.

An entry names who looks, where, and what is pressed there; *says* is what proves the state. The
tests hold this list against the URL map, so that a new page must be written down here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Flask

from tests.browser.acts import (
    Act,
    claim,
    filled_in,
    overtaken,
    press,
    too_long,
    with_old_token,
)
from tests.browser.scene import Scene

if TYPE_CHECKING:
    from playwright.sync_api import Page

#: Routes that answer GET with no page, and why.
NO_PAGE = {
    "idverify.static": "files",
    "idverify_api.identity": "JSON",
    "idverify_api.verification": "JSON",
    "idverify_api.nowhere": "JSON",
    "idverify_admin.back_to_identity": "leads elsewhere",
    "idverify_admin.checked_provider": "leads elsewhere",
    "idverify_admin.back_to_audit": "leads elsewhere",
}


@dataclass(frozen=True)
class Shown:
    """One page in one state.

    :ivar address: below ``/identity``; names in braces are of the scene's ids.
    :ivar act: what is done before one looks.
    :ivar status: with which the page that is looked at was answered.
    :ivar unfold: whether all that is folded is opened.
    :ivar bare: on the host where nothing has happened yet.
    """

    endpoint: str
    state: str
    says: str
    address: str
    who: str = "admin"
    act: Act | None = None
    status: int = 200
    bare: bool = False
    unfold: bool = False

    def __str__(self) -> str:
        return f"{self.endpoint.removeprefix('idverify').lstrip('_.')}-{self.state}"


START = "idverify.start"
BUTTON = "Verify identity"
ATTEMPT = "idverify.verification"


def _user_pages() -> list[Shown]:
    found = [
        Shown(START, "new", "What will happen", "/", "newcomer"),
        Shown(START, "error", "Please correct", "/", "newcomer", press(BUTTON), status=422),
        Shown(START, "stale", "too long", "/", "newcomer", with_old_token(BUTTON), status=400),
        Shown(START, "unavailable", "not available here", "/", "newcomer", status=503, bare=True),
        Shown(START, "unfinished", "under way", "/", "capturing"),
        Shown(START, "preparing", "under way", "/", "preparing"),
        Shown(START, "in-review", "under way", "/", "doubtful"),
        Shown(START, "last-attempt", "Your last attempt", "/", "blurred"),
        Shown(START, "verified", "What was verified", "/", "verified"),
        Shown(START, "lapsed", "has expired", "/", "lapsed"),
        Shown(START, "revoked", "no longer valid", "/", "revoked"),
        Shown(START, "step-up", "One more check", "/?application=strict", "verified"),
        Shown(START, "limit", "No attempts left", "/?application=once", "limited"),
        Shown(START, "no-application", "Not found", "/?application=x", "newcomer", status=404),
        Shown(
            "idverify.proceed",
            "ready",
            "On to your pictures",
            "/verifications/{capturing}/continue",
            "capturing",
        ),
        Shown("idverify.returned", "signed-out", "You can close this page", "/return/{left}", ""),
        Shown(
            "idverify.returned", "unknown", "You can close this page", "/return/x", "", status=404
        ),
        Shown(ATTEMPT, "hint", "camera", "/verifications/{capturing}?hint=9822", "capturing"),
        Shown(ATTEMPT, "unknown", "Not found", "/verifications/x", "newcomer", status=404),
        Shown(ATTEMPT, "limit", "used all your attempts", "/verifications/{limited}", "limited"),
    ]
    for name, says in (
        ("preparing", "preparing"),
        ("capturing", "Continue with the pictures"),
        ("returned", "This page renews itself"),
        ("processing", "This page renews itself"),
        ("doubtful", "This page renews itself"),
        ("blurred", "Try again"),
        ("fraudster", "This attempt"),
        ("late", "Try again"),
        ("canceled", "Try again"),
        ("unlucky", "Try again"),
        ("verified", "Go to my verification"),
    ):
        found.append(Shown(ATTEMPT, name, says, f"/verifications/{{{name}}}", name))
    return found


def _admin(endpoint: str, state: str, says: str, address: str, **more: Any) -> Shown:
    return Shown(f"idverify_admin.{endpoint}", state, says, f"/admin{address}", **more)


def _refused(endpoint: str, says: str, address: str, act: Act, state: str = "error") -> Shown:
    return _admin(endpoint, state, says, address, act=act, status=422)


def _setup_pages() -> list[Shown]:
    new, one, account = "/providers/new", "/providers/{provider}", "provider"
    bank = "/applications/{application default}"
    policy = f"{bank}/links/{{link default}}"
    return [
        _admin("overview", "filled", "to decide", "/"),
        _admin("overview", "week", "Approval rate by day", "/?days=7"),
        _admin("overview", "near-quota", "contract with the vendor allows", "/"),
        _admin("overview", "quarter", "Busiest day", "/?days=90&provider={provider}"),
        _admin("overview", "tables", "Day (UTC)", "/", unfold=True),
        _admin("overview", "nothing-ended", "Nothing was decided", "/?days=7&provider={silent}"),
        _admin("overview", "unknown-provider", "Not found", "/?provider=x", status=404),
        _admin("overview", "empty", "No provider is set up", "/", bare=True),
        _admin("overview", "forbidden", "admin", "/", who="newcomer", status=403),
        _admin("providers", "filled", "Account in trouble", "/providers"),
        _admin("providers", "empty", "No provider yet", "/providers", bare=True),
        _admin("new_provider", "empty", "Settings of Jumio", new),
        _admin(
            "new_provider", "platform", "Settings of Jumio Platform", f"{new}?type=Jumio+Platform"
        ),
        _refused("new_provider", "Please correct", new, press("Add provider")),
        _admin(account, "used", "Callback URL", one),
        _admin(account, "tables", "Day (UTC)", one, unfold=True),
        _admin(account, "trouble", "does not let us in", "/providers/{broken}"),
        _admin(account, "near-quota", "Quota used today", "/providers/{spare}"),
        _admin(account, "unlinked", "Delete provider", "/providers/{broken}"),
        _refused(account, "is taken", one, filled_in({"name": "Account of nobody"}, "Save")),
        _admin(account, "checked", "Check again", one, act=press("Check connection")),
        _admin(
            account, "check-failed", "Failed", "/providers/{broken}", act=press("Check connection")
        ),
        _admin(account, "unknown", "Not found", "/providers/x", status=404),
        _admin(account, "stale", "", one, act=with_old_token("Save"), status=400),
        _admin("test_provider", "empty", "consent", f"{one}/test"),
        _refused("test_provider", "Please", f"{one}/test", press("Start the test")),
        _admin(
            "test_provider",
            "trouble",
            "cannot be reached",
            "/providers/{silent}/test",
            act=claim("Start the test"),
            status=503,
        ),
        _admin("test", "started", "Continue on the vendor's page", f"{one}/tests/{{test}}"),
        _admin("test", "approved", "The whole way works", f"{one}/tests/{{test done}}"),
        _admin("test", "rejected", "Test again", f"{one}/tests/{{test bad}}"),
        _admin("applications", "filled", "nobody can start", "/applications"),
        _admin("applications", "empty", "No application yet", "/applications", bare=True),
        _admin("new_application", "empty", "Display name", "/applications/new"),
        _refused(
            "new_application", "Please correct", "/applications/new", press("Add application")
        ),
        _admin("application", "filled", "Link provider", bank),
        _admin(
            "application", "empty", "nobody can be verified", "/applications/{application bare}"
        ),
        _refused("application", "Please correct", bank, too_long("display_name", "Save")),
        _admin("link", "filled", "Back without saving", policy),
        _admin(
            "link",
            "long-names",
            "Back without saving",
            "/applications/{application long}/links/{link long}",
        ),
        _admin("application", "long-names", "Remove", "/applications/{application long}"),
        _admin("test_provider", "long-names", "consent", "/providers/{spare}/test"),
        _refused("link", "Please correct", policy, filled_in({"minimum_age": "999"}, "Save")),
    ]


def _case_pages() -> list[Shown]:
    listed, one = "/verifications", "verification"
    person, somebody = "identity", "/identities/{identity of verified}"
    found = [
        _admin("verifications", "filled", "Filter", listed),
        _admin("verifications", "empty", "No verification yet", listed, bare=True),
        _admin("verifications", "no-match", "Nothing fits", f"{listed}?user=nobody"),
        _admin(one, "pictures", "open alone", f"{listed}/{{unclear}}?pictures=1#pictures"),
        _admin(
            one, "pictures-gone", "Try again now", f"{listed}/{{fraudster}}?pictures=1", status=502
        ),
        _refused(one, "give a reason", f"{listed}/{{unclear}}", press("Approve"), "no-reason"),
        _admin(one, "unknown", "Not found", f"{listed}/x", status=404),
        _admin("image", "problem", "", f"{listed}/{{fraudster}}/images/front", status=502),
        _admin(person, "verified", "Reset identity", somebody),
        _admin(person, "unverified", "Claim", "/identities/{identity of mismatch}"),
        _admin(person, "erased", "Erased person", "/identities/{identity of gone}"),
        _admin(person, "owed", "still owed", "/identities/{identity of leaving}"),
        _refused(person, "Please", somebody, press("Erase personal data"), "no-tick"),
        _refused(person, "give a reason", somebody, press("Reset identity"), "no-reason"),
        _admin("owed", "filled", "Owed since", "/owed"),
        _admin("owed", "empty", "Nothing is owed", "/owed", bare=True),
        _admin("callbacks", "filled", "failed callback", "/callbacks"),
        _admin("callbacks", "empty", "No callback has failed", "/callbacks", bare=True),
    ]
    for name, says in (
        ("verified", "What happened"),
        ("rejected", "manipulated"),
        ("unclear", "Decide"),
        ("mismatch", "Comparison"),
        ("twin", "Same face, another user"),
        ("reversed", "changed its decision"),
        ("capturing", "Cancel the attempt"),
        ("called", "Callbacks received"),
        ("gone", "Personal data removed on"),
        ("test", "never verifies anybody"),
        ("test bad", "The test's own page"),
    ):
        found.append(_admin(one, name.replace(" ", "-"), says, f"{listed}/{{{name}}}"))
    return found


def _list_pages() -> list[Shown]:
    people, queue, log, broken = "/identities", "/reviews", "/audit", "/audit?subject={silent}"
    one, back = f"{queue}/{{unclear}}", "since=2026-02-01&until=2026-01-01"
    check = press("Check this chain")
    return [
        _admin("identities", "filled", "First seen", people),
        _admin("identities", "days", "in which they were verified", f"{people}?since=2020-01-01"),
        _admin("identities", "empty", "Nobody yet", people, bare=True),
        _admin("identities", "no-match", "Nobody fits", f"{people}?user=nobody"),
        _admin("identities", "error", "before the first", f"{people}?{back}", status=422),
        _admin("reviews", "filled", "Begin with the oldest", queue),
        _admin("reviews", "empty", "Nothing waits", queue, bare=True),
        _admin("review", "waiting", "this one among them", one),
        _admin("review", "pictures", "open alone", f"{one}?pictures=1"),
        _admin("review", "decided", "does not wait any more", f"{queue}/{{rejected}}"),
        _refused("review", "give a reason", one, press("Approve and next"), "no-reason"),
        _admin("review", "overtaken", "Somebody was faster", one, act=overtaken, status=409),
        _admin("review", "unknown", "Not found", f"{queue}/x", status=404),
        _admin("audit", "filled", "Download as JSONL", log),
        _admin("audit", "chain", "Check this chain", "/audit?user={user of verified}"),
        _admin("audit", "empty", "IDVERIFY_AUDIT_SIGNING_KEY", log, bare=True),
        _admin("audit", "no-match", "Nothing fits", f"{log}?user=nobody"),
        _admin("audit", "error", "before the first", f"{log}?{back}", status=422),
        _admin("audit", "holds", "The chain holds", f"{log}?subject={{provider}}", act=check),
        _admin("audit", "broken", "Show this chain", broken, act=check),
        _admin("audit", "checked", "does not hold", log, act=press("Check the whole log")),
        _admin("owed", "signals", "Send the signals again", "/owed"),
    ]


#: All of them.
PAGES = [*_user_pages(), *_setup_pages(), *_case_pages(), *_list_pages()]


def named(shown: Iterable[Shown], others: Iterable[str] = NO_PAGE) -> set[str]:
    """Return the endpoints of a list of pages, and others that answer GET with no page."""
    return {page.endpoint for page in shown} | set(others)


def readable(app: Flask, prefix: str = "idverify") -> set[str]:
    """Return the endpoints of *app* that answer GET."""
    return {
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(prefix) and "GET" in (rule.methods or ())
    }


def opened(page: Page, scene: Scene, shown: Shown) -> None:
    """Bring a window to this page in this state, and make sure that it is that."""
    bring(page, f"{scene.base}/identity{shown.address.format_map(scene.ids)}", shown)


def bring(page: Page, address: str, shown: Shown) -> None:
    """Bring a window to *address* in this state, and make sure that it is that."""
    page.goto("about:blank")  # else the same address with a fragment is not asked for again
    answer = page.goto(address)
    if shown.act is not None:
        with page.expect_navigation() as sent:
            shown.act(page)
        answer = sent.value
    if shown.unfold:
        page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert answer is not None
    assert answer.status == shown.status
    assert shown.says in page.locator("body").inner_text()
