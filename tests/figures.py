"""What tests have measured, told at the end of the run, whichever process measured it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import pytest

_TOLD: list[tuple[str, Any]] = []


def tell(text: str) -> None:
    """Have *text* stand at the end of the run, whether the test passes or fails."""
    _TOLD.append(("told", text))


def tell_inputs(name: str, count: int) -> None:
    """Count the inputs that a fuzzed target has had."""
    _TOLD.append(("inputs", [name, count]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send them with the report: what a process of pytest-xdist prints is seen by nobody."""
    report = yield
    report.user_properties = [*report.user_properties, *_TOLD]
    _TOLD.clear()
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell them."""
    inputs: Counter[str] = Counter()
    for kind, value in _properties(terminalreporter):
        if kind == "told":
            terminalreporter.write_line(value)
        elif kind == "inputs":
            inputs[value[0]] += value[1]
    for name, count in sorted(inputs.items()):
        terminalreporter.write_line(f"fuzz: {count:>7} inputs  {name}")
    if inputs:
        terminalreporter.write_line(f"fuzz: {sum(inputs.values()):>7} inputs in all")


def _properties(terminalreporter: Any) -> Iterator[tuple[str, Any]]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            yield from getattr(report, "user_properties", ())
