"""The walkthrough passes, and notices every verdict that is not the intended one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from example_app.walkthrough.cases import VERDICTS

ROOT = Path(__file__).parents[2]

#: What the vendor decides instead, chosen as near to the intended verdict as it can be.
FLIPS = {"approved": "fraud", "rejected": "blurred", "retryable": "fraud", "retry": "blurred"}


def walkthrough(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "example_app", "--walkthrough", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=90,
        check=False,
    )


@pytest.fixture(scope="module")
def whole() -> subprocess.CompletedProcess[str]:
    """The whole walkthrough, played once, in a process of its own."""
    return walkthrough()


def steps(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in done.stdout.splitlines() if re.match(r" *\d+  ", line)]


def test_everything_is_as_expected(whole: subprocess.CompletedProcess[str]) -> None:
    """Both generations, from the admin's first step to their last look."""
    assert whole.returncode == 0, whole.stdout + whole.stderr
    last = whole.stdout.splitlines()[-1]
    assert last == f"walkthrough: {len(steps(whole))} steps, all as expected"
    assert whole.stderr == ""
    for case in VERDICTS:
        assert f"[{case}]" in whole.stdout


def test_every_step_names_method_path_and_status(
    whole: subprocess.CompletedProcess[str],
) -> None:
    """A reader sees what was sent and what came back, and no key in full."""
    assert len(steps(whole)) > 100
    for line in steps(whole):
        assert re.search(r"  (GET |POST) /\S* [2-4]\d\d$", line), line
        assert not re.search(r"/[\w-]{24,}", line), line


@pytest.mark.parametrize("case", VERDICTS)
def test_a_flipped_verdict_is_noticed(case: str) -> None:
    """For every outcome of both generations: exit code 1, and the step that differs is named."""
    generation, outcome = case.split("-")
    done = walkthrough("--only", generation, "--flip", f"{case}={FLIPS[outcome]}")
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.match(rf"walkthrough: step \d+ \(.*\[{case}\]\): expected .+, got .+", last), last
    assert "all as expected" not in done.stdout


def test_a_flip_that_names_no_case_is_refused() -> None:
    """A typing mistake in a test must not pass for a passing walkthrough."""
    done = walkthrough("--flip", "jumio-aproved=fraud")
    assert done.returncode == 2
    assert "jumio-aproved" in done.stderr
