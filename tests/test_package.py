"""What is installed is what is in the repository."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def _files() -> list[str]:
    """Return the files of the checkout that are, or would be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [name for name in listed if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    target = tmp_path_factory.mktemp("wheel")
    # A copy: setuptools would leave build/ and egg-info in the checkout.
    source = tmp_path_factory.mktemp("source")
    for name in _files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    made = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, source],
        check=False,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    kinds = {".py", ".html", ".css", ".js", ".svg", ".typed", ".txt", ".po", ".mo"}
    wanted = {name for name in _files() if name.startswith("flask_idverify/")}
    strangers = {name for name in wanted if Path(name).suffix not in kinds}
    assert not strangers, "a new kind of file: name it here and in package-data"
    assert any(name.startswith("flask_idverify/templates/idverify/") for name in wanted)
    assert any(name.startswith("flask_idverify/static/idverify/") for name in wanted)
    assert "flask_idverify/py.typed" in wanted
    assert "flask_idverify/translations/zh_Hans/LC_MESSAGES/idverify.mo" in wanted
    assert wanted <= set(wheel.namelist())


def test_wheel_holds_nothing_but_the_package(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"flask_idverify"}


def test_wheel_carries_licence_and_metadata(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if ".dist-info/" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (metadata,) = [name for name in names if name.endswith("/METADATA")]
    text = wheel.read(metadata).decode()
    assert "Name: Flask-IDVerify" in text
    assert "Requires-Python: >=3.10" in text
