"""The users: they press the button, go through the vendor's page, and press again when it fails."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from flask_idverify.sandbox import SandboxServer
from flask_idverify.sandbox.errors import ControlError
from tests.faults.killing.stories import APPLICATIONS, NEVER, TYPO, Errand

#: How long one user goes on pressing before the test calls it a failure.
PATIENCE = 90.0
_TIMEOUT = 20.0
#: The vendor has opened a page long before it says so: time enough to be killed in between.
STANDING = [{"kind": "latency", "where": "start", "seconds": 0.1}]


class Crowd:
    """Client threads that work off errands over real HTTP."""

    def __init__(self, url: str, server: SandboxServer, errands: list[Errand], threads: int = 6):
        self.url = url
        self.total = len(errands)
        self.done = 0
        #: What users met on the way, by kind.
        self.met: Counter[str] = Counter()
        self.problems: list[str] = []
        self._server = server
        server.sandbox.set_faults(STANDING)
        self._queue = deque(errands)
        self._stuck: list[Errand] = []
        self._busy = 0
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"user-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(_TIMEOUT + 5)

    def again(self) -> None:
        """Let those try once more who were told to wait: time has passed."""
        with self._changed:
            self._queue.extend(self._stuck)
            self._stuck.clear()
            self._changed.notify_all()

    def wait(self, done: int, timeout: float) -> bool:
        """Wait until so many errands are done; ``False`` when only stuck users are left."""
        with self._changed:
            reached = self._changed.wait_for(
                lambda: self.done >= done or self.problems or self._is_idle(), timeout
            )
            assert not self.problems, "\n".join(self.problems)
            assert reached, f"only {self.done} of {done} errands were done in {timeout} s"
            return self.done >= done

    def _is_idle(self) -> bool:
        return not self._queue and self._busy == 0

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed.is_set())
                if self._closed.is_set():
                    return
                errand = self._queue.popleft()
                self._busy += 1
            finished = False
            try:
                with Visit(self, errand) as visit:
                    finished = visit.run()
            except Exception as error:  # noqa: BLE001 - told to the test
                self.problems.append(f"user {errand.user}: {type(error).__name__}: {error}")
            with self._changed:
                self._busy -= 1
                if finished:
                    self.done += 1
                    self.total += len(errand.then)
                    # They read the result before they try again.
                    self._queue.extend(errand.then)
                else:
                    self._stuck.append(errand)
                self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        assert not self._closed.wait(seconds), "the test is over"

    def meet(self, what: str) -> None:
        with self._changed:
            self.met[what] += 1

    @property
    def sandbox(self) -> Any:
        return self._server.sandbox


class Visit:
    """One user in a browser, for one errand."""

    def __init__(self, crowd: Crowd, errand: Errand) -> None:
        self._crowd = crowd
        self._errand = errand
        self._http = requests.Session()
        self._http.trust_env = False
        self._signed_in = False

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def run(self) -> bool:
        """Go through it all; ``False`` when it is too early and the user has to come back."""
        answer = self._press_until_answered()
        found = answer.json()
        if answer.status_code == 202:
            self._crowd.meet("told to wait: an attempt is being started")
            return False
        if answer.status_code not in (200, 201):
            assert found.get("code") == "verification_in_progress", (
                f"{answer.status_code} {found.get('code')}: {found.get('detail')}"
            )
            self._crowd.meet("told to wait: an attempt is under way")
            return False
        if not self._capture(found["redirect_url"]):
            return False
        if self._errand.comes_back:
            self._return(found["id"])
        return True

    def _press_until_answered(self) -> requests.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._press()
                if answer.status_code < 500:
                    return answer
                self._crowd.meet(f"answer {answer.status_code}")
            except requests.RequestException:
                self._crowd.meet("no answer")
            assert time.monotonic() < deadline, "pressed in vain all the time"
            self._crowd.pause(0.1)

    def _press(self) -> requests.Response:
        if not self._signed_in:
            signed = self._http.post(
                f"{self._crowd.url}/sign-in/{self._errand.user}", timeout=_TIMEOUT
            )
            if signed.status_code != 200:
                return signed
            self._signed_in = True
        state = self._http.get(f"{self._crowd.url}/identity/api/identity", timeout=_TIMEOUT)
        if state.status_code != 200:
            return state
        token = state.json()["csrf_token"]
        if not self._errand.double:
            return self._post(self._http, token)
        other = threading.Thread(target=self._post_unheard, args=(token,))
        other.start()
        try:
            return self._post(self._http, token)
        finally:
            other.join()

    def _post(self, http: requests.Session, token: str) -> requests.Response:
        return http.post(
            f"{self._crowd.url}/identity/api/verifications",
            json={
                "application": APPLICATIONS[self._errand.generation],
                "claim": dict(self._errand.claim),
                "consent": {"given": True, "country": "AUT"},
            },
            headers={"X-CSRFToken": token},
            timeout=_TIMEOUT,
        )

    def _post_unheard(self, token: str) -> None:
        with requests.Session() as other:
            other.trust_env = False
            other.cookies.update(self._http.cookies)
            try:
                self._post(other, token)
            except requests.RequestException:
                self._crowd.meet("no answer")

    def _capture(self, link: str) -> bool:
        """Go through the vendor's page, with whatever happens to the callbacks meanwhile."""
        errand, sandbox = self._errand, self._crowd.sandbox
        if errand.scenario == NEVER:
            return True
        (token,) = parse_qs(urlsplit(link).query)["authorizationToken"]
        with sandbox.lock:
            transaction = sandbox.store.by_token(token)
            assert transaction is not None, "the link leads nowhere"
            if errand.fault:
                sandbox.add_fault(errand.fault, times=1, **self._details())
            scenario = "approve" if errand.scenario == TYPO else errand.scenario
            try:
                sandbox.complete(transaction.reference, scenario, dict(errand.paper))
            except ControlError:
                self._crowd.meet("the vendor's page was closed already")
                return False
            finally:
                # What did not strike here must not strike somebody else.
                sandbox.set_faults(STANDING)
        return True

    def _details(self) -> dict[str, Any]:
        if self._errand.fault == "callback_duplicate":
            return {"copies": self._errand.copies, "concurrent": self._errand.concurrent}
        return {"seconds": 60} if self._errand.fault == "callback_late" else {}

    def _return(self, verification: str) -> None:
        """Come back from the vendor; what is seen then decides nothing."""
        try:
            back = self._http.get(
                f"{self._crowd.url}/identity/return/{verification}", timeout=_TIMEOUT
            )
            if back.status_code >= 500:
                self._crowd.meet(f"answer {back.status_code}")
        except requests.RequestException:
            self._crowd.meet("no answer")
