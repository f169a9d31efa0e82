"""What the suite promises of itself: no skip goes unseen, and each run meets the same inputs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.security import fuzzing
from tests.security.fuzzing import Fuzz

ROOT = Path(__file__).parent.parent
HOOKS = "from tests.conftest import pytest_make_collect_report, pytest_runtest_makereport\n"
SKIPS = {
    "in a test": "import pytest\ndef test_it(): pytest.skip('no server')",
    "by a mark": "import pytest\n@pytest.mark.skip(reason='no server')\ndef test_it(): pass",
    "in a fixture": (
        "import pytest\n@pytest.fixture\ndef it(): pytest.skip('no server')\ndef test_it(it): pass"
    ),
    "of a file": "import pytest\npytest.skip('no server', allow_module_level=True)",
}


def ran(folder: Path, ci: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(HOOKS)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-ra",
            "--rootdir",
            ".",
            *options,
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": ci},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("skip", SKIPS.values(), ids=SKIPS)
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, skip: str) -> None:
    (tmp_path / "test_it.py").write_text(skip)
    run = ran(tmp_path, "true")
    assert run.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    assert "skipped with CI=true: no server" in run.stdout.replace("Skipped: ", "")


def test_a_skip_elsewhere_and_an_expected_failure_in_ci_are_none(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SKIPS["in a test"])
    assert ran(tmp_path, "").returncode == pytest.ExitCode.OK
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False"
    )
    assert ran(tmp_path, "true").returncode == pytest.ExitCode.OK


def test_inputs_depend_on_the_seed_and_on_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    monkeypatch.setattr(fuzzing, "tell_inputs", lambda *_: None)

    def drawn(seed: int) -> list[str]:
        found: list[str] = []
        Fuzz(lambda small, _full: small, seed)("texts", 300, 0, st.text(), found.append)
        return found

    before = drawn(1)
    (tmp_path / "some_new_module.py").write_text(
        "\n".join(f"X{number} = 'literal {number}'" for number in range(200))
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("some_new_module")
    assert drawn(1) == before
    assert drawn(2) != before


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one process", "several"])
def test_what_was_measured_is_told_at_the_end(tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "test_it.py").write_text(
        "from tests.figures import tell, tell_inputs\n"
        "def test_it():\n    tell('42 rows')\n    tell_inputs('parser', 2)\n"
        "def test_other():\n    tell_inputs('parser', 3)\n    assert False\n"
    )
    run = ran(tmp_path, "", "-p", "tests.figures", *options)
    assert "\n42 rows\n" in run.stdout
    assert "fuzz:       5 inputs  parser\n" in run.stdout
