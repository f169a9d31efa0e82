"""What the admin does: set up the vendor, and look at what came of it."""

from __future__ import annotations

import re

from .cases import VERA, Generation
from .client import Browser, Differs
from .page import Form, NotOnPage, Page
from .play import Play

_ADMIN = "/identity/admin"
_ATTEMPT = re.compile(rf"{_ADMIN}/verifications/[0-9a-f-]{{36}}$")
#: A piece of the vendor's label for the fraud of the play.
_LABELS = {"jumio": ["MANIPULATED_DOCUMENT"], "platform": ["MANIPULATED_DOCUMENT_PHOTO"]}
#: As the sandbox has it; no secret.
_CREDENTIALS = {"client_id": "sandbox-id", "client_secret": "sandbox-secret"}  # nosec B105  # as said


class Employee:
    """The admin at their browser."""

    def __init__(self, play: Play, browser: Browser) -> None:
        self._play = play
        self._browser = browser

    def signs_in(self) -> None:
        """The admin pages are closed to everybody else."""
        with self._play.step("The admin pages send an unknown visitor to sign in"):
            answer = self._browser.get(f"{_ADMIN}/").expect(302, leads_to="/sign-in")
        with self._play.step("Vera, an employee, signs in"):
            form = self._browser.get(answer.location).expect(200).page.form("email", "password")
            values = {"email": VERA.email, "password": VERA.password}
            self._browser.submit(form, values).expect(303, leads_to=f"{_ADMIN}/")

    def sets_up(self, generation: Generation, vendor_url: str, *, first: bool) -> None:
        """Add a provider of this generation, check it, and link it in front of all others."""
        name = generation.provider_name
        with self._play.step(f"Vera opens the form of a provider, type {generation.provider_type}"):
            new = f"{_ADMIN}/providers/new"
            form = self._browser.get(new).expect(200).page.form("client_secret")
            chosen = self._browser.submit(
                form, {"type": generation.provider_type}, self._button(form, "show_type")
            )
            form = chosen.expect(200).page.form("client_secret")
        with self._play.step("She adds the provider, pointing at the simulated vendor"):
            values = {"name": name, "endpoint": vendor_url, **_CREDENTIALS}
            added = self._browser.submit(form, values).expect(
                303, leads_to=rf"{_ADMIN}/providers/.+"
            )
        with self._play.step("The stored secret is not on its page"):
            page = self._browser.get(added.location).expect(200, says=name).page
            if page.form("client_secret").named("client_secret")[0].value:
                raise Differs("an empty field for the secret", "one that is filled")
        with self._play.step("She checks the connection, which costs nothing"):
            checked = self._browser.submit(page.form(action="/check#check"))
            checked.expect(
                200, says="Your public callback URL answers as it should.", silent_on="Failed"
            )
        if first:
            self._adds_application()
        with self._play.step("She links the provider to the application"):
            page = self._application()
            form = page.form("provider", action="/links")
            chosen_id = form.named("provider")[0].choices[-1]
            linked = self._browser.submit(form, {"provider": chosen_id})
            linked.expect(303, leads_to=rf"{_ADMIN}/applications/.+")
            page = self._browser.get(linked.location).expect(200, says=name).page
        if not first:
            with self._play.step("She moves it in front of the other one"):
                form = [each for each in page.forms if each.action.endswith("/move")][-1]
                moved = self._browser.submit(form, button=("direction", "up"))
                moved.expect(303, leads_to=rf"{_ADMIN}/applications/.+")

    def looks_back(self, generation: Generation) -> None:
        """See every attempt of this generation, and what the vendor said of the rejected one."""
        with self._play.step("Vera sees the four attempts and how they ended"):
            form = self._browser.get(f"{_ADMIN}/verifications").expect(200).page.form("provider")
            listed = self._browser.submit(form, {"provider": self._provider_id(generation)})
            page = listed.expect(200, says=["Approved", "Not accepted"]).page
            attempts = [link.url for link in page.links if _ATTEMPT.search(link.url)]
            if len(attempts) != 4:
                raise Differs("4 attempts", str(len(attempts)))
        with self._play.step("She reads what the vendor said of the rejected one"):
            # Latest first: the retry, the retryable one, the rejected one, the approved one.
            self._browser.get(attempts[2]).expect(
                200, says=["Not accepted", *_LABELS[generation.key]]
            )

    def _provider_id(self, generation: Generation) -> str:
        page = self._browser.get(f"{_ADMIN}/providers").expect(200).page
        return page.link(generation.provider_name).rpartition("/")[2]

    def _adds_application(self) -> None:
        with self._play.step("She adds the application that customers are verified for"):
            form = self._browser.get(f"{_ADMIN}/applications/new").expect(200).page.form("name")
            values = {"name": "default", "display_name": "Alpenbank"}
            self._browser.submit(form, values).expect(303, leads_to=rf"{_ADMIN}/applications/.+")

    def _application(self) -> Page:
        page = self._browser.get(f"{_ADMIN}/applications").expect(200).page
        return self._browser.get(page.link("default")).expect(200).page

    @staticmethod
    def _button(form: Form, name: str) -> tuple[str, str]:
        button = form.named(name)[0]
        if button.kind != "submit":
            raise NotOnPage(f"a button {name!r}")
        return button.name, button.value
