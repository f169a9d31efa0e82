"""What a customer does: claim, go to the vendor and back, and try what must not work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .cases import SCENARIOS, Customer, Generation
from .client import Browser, Differs, shortened
from .page import Page
from .play import Play, until

_SAFE = "/safe-deposit"
_API = "/identity/api"
_CLAIM = ("id_type", "id_number", "real_name", "country")
#: How an outcome reads in the API: status, and whether the customer may try again.
_ENDS = {
    "approved": ("approved", False),
    "rejected": ("rejected", False),
    "retryable": ("rejected", True),
    "retry": ("approved", False),
}
_MEANS = {
    "approved": "approved",
    "rejected": "rejected, no further try",
    "retryable": "rejected, may try again",
    "retry": "approved at the second try",
}
_SAYS = {
    "approved": "Approved",
    "rejected": "Not accepted",
    "retryable": "Not accepted",
    "retry": "Approved",
}
_ONWARD = {
    "approved": "and leads on",
    "rejected": "and no further try",
    "retryable": "and 'Try again'",
    "retry": "and leads on",
}
_FINAL = ("approved", "rejected", "expired", "canceled", "error")
_ATTEMPT = r"/identity/verifications/[0-9a-f-]{36}"


@dataclass
class Stage:
    """What every customer of one generation shares.

    :ivar vendor: the visitor of the vendor's control addresses.
    :ivar flips: scenarios that the vendor plays instead of the intended ones, by case.
    """

    play: Play
    generation: Generation
    vendor: Browser
    flips: Mapping[str, str]


class Visit:
    """One customer at their browser."""

    def __init__(self, stage: Stage, customer: Customer, browser: Browser) -> None:
        self._stage = stage
        self._play = stage.play
        self._who = customer
        self._browser = browser
        self._way_in = ""
        self._page = Page("", "")

    # -- getting in -----------------------------------------------------------------------------

    def comes_in(self) -> None:
        """Ask for the safe, sign in or up, and end on the page that verifies."""
        name = self._who.first_name
        with self._play.step(f"{name} asks for the safe deposit and has to sign in first"):
            answer = self._browser.get(_SAFE).expect(302, leads_to="/sign-in")
        values = {"email": self._who.email, "password": self._who.password}
        if self._who.signs_up:
            with self._play.step(f"{name} has no account yet and opens one"):
                form = self._browser.get("/sign-up").expect(200).page.form("email", "real_name")
                values["real_name"] = self._who.real_name
                values["date_of_birth"] = self._who.born
                self._browser.submit(form, values).expect(303, leads_to="/account")
        else:
            with self._play.step(f"{name} signs in"):
                form = self._browser.get(answer.location).expect(200).page.form("email")
                self._browser.submit(form, values).expect(303, leads_to=_SAFE)
        with self._play.step("The safe deposit stays closed: to the page that verifies"):
            self._way_in = self._browser.get(_SAFE).expect(302, leads_to="/identity/").location

    # -- one attempt ----------------------------------------------------------------------------

    def verifies(self, outcome: str) -> None:
        """State the claim, show the papers at the vendor, come back to the result."""
        name, again = self._who.first_name, outcome == "retry"
        way = "takes the link Try again" if again else "states the claim"
        with self._play.step(f"{name} {way} and presses Verify"):
            opened = self._browser.get(self._page.link("Try again") if again else self._way_in)
            form = opened.expect(200).page.form("id_number")
            started = self._browser.submit(form, self._who.claim())
            started.expect(303, leads_to=f"{_ATTEMPT}/continue")
        with self._play.step("Our own page leads on to the vendor"):
            page = self._browser.get(started.location).expect(200).page
            target = page.link("Continue now")
            if page.refresh != target:
                raise Differs("a refresh to the address of the link", page.refresh or "none")
        returning, reference = self._at_the_vendor(target, outcome)
        self._called_back(reference)
        attempt = started.location.removesuffix("/continue")
        with self._play.step(f"That alone decides it: {_MEANS[outcome]} [{self._case(outcome)}]"):
            decided = self._decided(attempt)
            _compare(decided, outcome)
        with self._play.step(f"{name} comes back; the return address decides nothing"):
            back = self._browser.get(returning).expect(303)
            if urlsplit(back.location).path != urlsplit(attempt).path:
                raise Differs("a redirect to the attempt", back.location)
        with self._play.step(f"The page says so: {_SAYS[outcome]}, {_ONWARD[outcome]}"):
            page = self._browser.get(back.location).expect(200, says=_SAYS[outcome]).page
            _check_ways_on(page, outcome)
        self._page = page

    def _decided(self, attempt: str) -> Mapping[str, Any]:
        """Return the JSON of an attempt once it is final.

        Until the browser has returned, looking at it makes nobody ask the vendor.
        """
        address = urlsplit(attempt).path.replace("/identity/", "/identity/api/")

        def look() -> Mapping[str, Any] | None:
            seen: Mapping[str, Any] = self._browser.get(address).expect(200).json
            return seen if seen["status"] in _FINAL else None

        return until(look, "a decision")

    def _at_the_vendor(self, target: str, outcome: str) -> tuple[str, str]:
        scenario = self._stage.flips.get(self._case(outcome), SCENARIOS[outcome])
        with self._play.step("The vendor's page asks for the papers"):
            form = self._browser.get(target).expect(200).page.form("scenario", "number")
        with self._play.step("The papers are handed in; the vendor makes up its mind"):
            values = {"scenario": scenario, **self._who.papers()}
            handed_in = self._browser.submit(form, values, ("action", "submit"))
            handed_in.expect(303, leads_to="/identity/return/[0-9a-f-]{36}")
        query = parse_qs(urlsplit(handed_in.location).query)
        reference = query.get("transactionReference", query.get("workflowExecutionId", [""]))
        return handed_in.location, reference[0]

    def _case(self, outcome: str) -> str:
        return f"{self._stage.generation.key}-{outcome}"

    def _called_back(self, reference: str) -> None:
        with self._play.step("The vendor calls back over HTTP and is answered 200"):
            last = until(lambda: self._last_delivery(reference), "a callback that says it is over")
            self._play.note("POST", shortened(last["url"]), int(last["status"] or 0))
            if last["status"] != 200:
                raise Differs("200 for the callback", str(last["status"]))

    def _last_delivery(self, reference: str) -> dict[str, Any] | None:
        view = self._stage.vendor.get(f"/_sandbox/transactions/{reference}").expect(200).json
        done = [item for item in view["callbacks"] if item.get("status") is not None]
        final = [item for item in done if item["event"] not in ("ACQUISITION_STARTED", "ACQUIRED")]
        return {**final[-1], "url": view["callback_url"]} if final else None

    # -- afterwards -----------------------------------------------------------------------------

    def is_known(self) -> None:
        """The API and the safe deposit know the customer now."""
        with self._play.step(
            f"{self._who.first_name} is verified, and the claim is what was stated"
        ):
            seen = self._browser.get(f"{_API}/identity").expect(200).json
            claim = {name: getattr(self._who, name) for name in _CLAIM}
            if (seen["is_verified"], seen["claim"]) != (True, claim):
                raise Differs("verified with the claim", f"{seen['standing']} with {seen['claim']}")
        with self._play.step("The safe deposit opens, where the way began"):
            self._browser.get(self._page.link("Continue")).expect(200, says="Box 17")

    def stays_outside(self) -> None:
        """Somebody who was rejected is not verified, and sees no way to try again."""
        with self._play.step(f"{self._who.first_name} is not verified"):
            seen = self._browser.get(f"{_API}/identity").expect(200).json
            if seen["is_verified"]:
                raise Differs("nobody who is verified", str(seen["standing"]))
        with self._play.step("The safe deposit stays closed"):
            self._browser.get(_SAFE).expect(302, leads_to="/identity/")

    def cannot_change_the_name(self) -> None:
        """The lock holds against somebody who posts what no form offers."""
        with self._play.step("The account page shows the name read-only"):
            page = self._browser.get("/account").expect(200, says="locked").page
            form = page.form("real_name", "date_of_birth")
            if not form.named("real_name")[0].fixed:
                raise Differs("a read-only field", "one that can be changed")
        with self._play.step("A raw POST with another name is refused"):
            values = {**dict(form.filled({})), "real_name": "Somebody Else"}
            self._browser.post("/account", values).expect(409, says="Nothing was saved.")
        with self._play.step("The name is still the old one"):
            form = self._browser.get("/account").expect(200).page.form("real_name")
            kept = form.named("real_name")[0].value
            if kept != self._who.real_name:
                raise Differs(repr(self._who.real_name), repr(kept))

    def cannot_verify_twice(self) -> None:
        """A second verification is refused on the page and in the API; the vendor hears nothing."""
        before = self._transactions()
        with self._play.step("The page offers no second verification; a raw POST is refused"):
            page = self._browser.get("/identity/").expect(200, says="verified").page
            if any(form.has("id_number") for form in page.forms):
                raise Differs("a page without the form", "one with it")
            token = self._browser.get(f"{_API}/identity").expect(200).json["csrf_token"]
            values = {name: str(value) for name, value in self._who.claim().items()}
            self._browser.post("/identity/", {**values, "csrf_token": token}).expect(409)
        with self._play.step("The API refuses it too"):
            claim = {name: getattr(self._who, name) for name in _CLAIM}
            body = {"claim": claim, "consent": {"given": True, "country": "AUT"}}
            refused = self._browser.post_json(f"{_API}/verifications", body, token).expect(409)
            if refused.json["code"] != "already_verified":
                raise Differs("the code already_verified", str(refused.json["code"]))
        with self._play.step("The vendor was asked nothing"):
            after = self._transactions()
            if after != before:
                raise Differs(f"{before} transactions", str(after))

    def _transactions(self) -> int:
        seen = self._stage.vendor.get("/_sandbox/transactions").expect(200).json
        return len(seen["transactions"])


def _compare(decided: Mapping[str, Any], outcome: str) -> None:
    expected = _ENDS[outcome]
    got = (decided["status"], decided["retryable"])
    if got != expected:
        raise Differs(_in_words(*expected), _in_words(*got))
    if (decided["status"] == "approved") != (not decided["reasons"]):
        raise Differs("a reason with every rejection, and none with an approval", "otherwise")


def _check_ways_on(page: Page, outcome: str) -> None:
    if outcome == "retryable":
        page.link("Try again")
    elif any("Try again" in link.text for link in page.links):
        raise Differs("no link 'Try again'", "one")
    elif outcome != "rejected" and urlsplit(page.link("Continue")).path != _SAFE:
        raise Differs(f"a link to {_SAFE}", page.link("Continue"))


def _in_words(status: str, retryable: bool) -> str:
    return f"{status}, {'may try again' if retryable else 'no further try'}"
