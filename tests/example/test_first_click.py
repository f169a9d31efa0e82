"""Served as a person has it, the first click ends well, whatever is claimed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from example_app.seed import PEOPLE
from example_app.serving import Site, running
from example_app.walkthrough.client import Browser
from example_app.walkthrough.play import Play, until

LENA = PEOPLE[0]
CLAIM: dict[str, str | bool] = {
    "id_number": "P4410-88",
    "real_name": "Eleni Papadopoulou",
    "country": "GRC",
    "location_country": "GRC",
    "consent": True,
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """App and vendor on sockets, with everything that a first start puts in."""
    with running(tmp_path, processing_seconds=0) as made:
        yield made


@pytest.fixture
def lena(site: Site) -> Iterator[Browser]:
    """Lena's browser, signed in."""
    play = Play()
    made = play.browser(site.url)
    form = made.get("/sign-in").page.form("email", "password")
    made.submit(form, {"email": LENA.email, "password": LENA.password}).expect(303)
    yield made
    play.close()


def start(lena: Browser, id_type: str) -> str:
    """State the claim; return the vendor's address."""
    form = lena.get("/identity/").page.form("id_number")
    started = lena.submit(form, {**CLAIM, "id_type": id_type}).expect(303)
    return lena.get(started.location).page.link("Continue now")


@pytest.mark.parametrize(
    ("id_type", "path"),
    [("passport", "/web/client"), ("id_card", "/web/v4/app"), ("driving_licence", "/web/v4/app")],
)
def test_the_first_click_ends_well(lena: Browser, id_type: str, path: str) -> None:
    """The kind of papers decides the generation; the papers shown are those that were claimed."""
    target = start(lena, id_type)
    assert path in target
    form = lena.get(target).page.form("scenario")
    back = lena.submit(form, button=("action", "submit")).expect(303)
    lena.get(back.location).expect(303)

    def verified() -> bool | None:
        return lena.get("/identity/api/identity").json["is_verified"] or None

    assert until(verified, "a verified customer")
    lena.get("/safe-deposit").expect(200, says="Eleni Papadopoulou")


def test_the_bank_takes_over_the_name_that_was_verified(lena: Browser) -> None:
    """A name that nobody checked does not end up under the lock."""
    form = lena.get("/account").page.form("real_name")
    lena.submit(form, {"real_name": "Donald Duck"}).expect(303)
    form = lena.get(start(lena, "passport")).page.form("scenario")
    lena.submit(form, button=("action", "submit")).expect(303)

    def verified() -> bool | None:
        return lena.get("/identity/api/identity").json["is_verified"] or None

    assert until(verified, "a verified customer")
    field = lena.get("/account").expect(200, says="Locked").page.form("real_name")
    assert field.named("real_name")[0].value == "Eleni Papadopoulou"
    assert field.named("real_name")[0].fixed


def test_the_claim_form_knows_the_customers_name(lena: Browser) -> None:
    """What the bank knows need not be typed again."""
    form = lena.get("/identity/").page.form("id_number")
    assert form.named("real_name")[0].value == LENA.real_name


def switch_vendor(lena: Browser, to: str) -> None:
    form = lena.get("/").page.form("switch")
    lena.submit(form, button=("switch", to)).expect(303)


def test_the_vendor_can_be_taken_down_alone_and_brought_back(lena: Browser) -> None:
    """The bank goes on and says so; when the vendor is back, so is everything."""
    switch_vendor(lena, "down")
    form = lena.get("/identity/").page.form("id_number")
    lena.submit(form, {**CLAIM, "id_type": "passport"}).expect(503, says="not available")
    lena.get("/").expect(200, says="Bring the vendor back")
    switch_vendor(lena, "up")
    assert "/web/client" in start(lena, "passport")
