"""The two kinds of refusal: one the simulated vendor speaks, one the control API speaks."""

from __future__ import annotations


class ApiError(Exception):
    """The simulated vendor refuses a request; each generation words it in its own body."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class ControlError(ValueError):
    """The tester asked the sandbox for something it cannot do."""

    def __init__(self, problem: str, *, field: str | None = None, status: int = 400) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.problem = problem
        self.field = field
        self.status = status
