"""The charts of the admin pages: what was counted, its geometry, and what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ... import texts
from ...i18n import gettext as _
from ...models import Provider
from ...queries import Calls, Ended, QuotaUse, Tally, Usage
from . import charts


@dataclass(frozen=True)
class Figure:
    """A chart over days, and the table beside it.

    :ivar chart: its geometry.
    :ivar tips: what is said of each day when one points at it.
    :ivar legend: what a piece means, from the bottom to the top: its paint and its name.
    :ivar summary: the chart in a sentence, for who does not see it.
    :ivar headings: of the table's columns, after that of the day.
    :ivar cells: of the table, a row for each day.
    """

    chart: charts.Bars | charts.Line
    days: Sequence[date]
    tips: Sequence[str]
    legend: Sequence[tuple[str, str]]
    summary: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see in it."""
        if isinstance(self.chart, charts.Line):
            return not self.chart.points
        return not any(bar.pieces for bar in self.chart.bars)


@dataclass(frozen=True)
class ProviderRate:
    """How often one provider's verifications were approved."""

    provider: Provider
    tally: Tally
    rate: float


@dataclass(frozen=True)
class RateFigure:
    """The approval rates of providers, those that decided anything."""

    rows: Sequence[ProviderRate]
    chart: charts.Strips


@dataclass(frozen=True)
class Meter:
    """A share of what is allowed: in words, and as a lying bar.

    :ivar kind: the bar's paint.
    :ivar width: its length, in percent.
    """

    words: str
    kind: str
    width: float


def outcomes(found: Ended) -> Figure:
    """Return what ended, day by day."""
    approved, rejected, other = _("Approved"), _("Not accepted"), _("Undecided")
    told = _numbers(found.total)
    return Figure(
        chart=charts.bars([(one.approved, one.rejected, one.other) for _day, one in found.by_day]),
        days=[day for day, _tally in found.by_day],
        tips=[_outcome_tip(day, tally) for day, tally in found.by_day],
        legend=[("ok", approved), ("bad", rejected), ("off", other)],
        summary=_(
            "%(total)s ended: %(approved)s approved, %(rejected)s not accepted, %(other)s "
            "undecided.",
            **told,
        ),
        headings=[approved, rejected, other, _("Total")],
        cells=[list(_numbers(tally).values()) for _day, tally in found.by_day],
    )


def _outcome_tip(day: date, tally: Tally) -> str:
    return _(
        "%(day)s: %(approved)s approved, %(rejected)s not accepted, %(other)s undecided",
        day=texts.day(day),
        **_numbers(tally),
    )


def _numbers(tally: Tally) -> dict[str, str]:
    return {
        "approved": texts.number(tally.approved),
        "rejected": texts.number(tally.rejected),
        "other": texts.number(tally.other),
        "total": texts.number(tally.total),
    }


def rates(found: Ended) -> Figure:
    """Return which part of what was decided was approved, day by day."""
    total = found.total
    summary = _("Nothing was decided.")
    if total.rate is not None:
        summary = _(
            "%(rate)s of %(decided)s decided were approved.",
            rate=texts.percent(total.rate),
            decided=texts.number(total.decided),
        )
    return Figure(
        chart=charts.line([tally.rate for _day, tally in found.by_day]),
        days=[day for day, _tally in found.by_day],
        tips=[_rate_tip(day, tally) for day, tally in found.by_day],
        legend=[],
        summary=summary,
        headings=[_("Approval rate"), _("Approved"), _("Decided")],
        cells=[
            [rate(tally), texts.number(tally.approved), texts.number(tally.decided)]
            for _day, tally in found.by_day
        ],
    )


def rate(tally: Tally) -> str:
    """Return an approval rate as people read it; a dash where nothing was decided."""
    return "–" if tally.rate is None else texts.percent(tally.rate)


def _rate_tip(day: date, tally: Tally) -> str:
    if tally.rate is None:
        return _("%(day)s: nothing was decided", day=texts.day(day))
    return _(
        "%(day)s: %(rate)s approved of %(decided)s decided",
        day=texts.day(day),
        rate=texts.percent(tally.rate),
        decided=texts.number(tally.decided),
    )


def provider_rates(found: Ended, providers: Sequence[Provider]) -> RateFigure:
    """Return the approval rate of each provider that decided anything, in their order."""
    tallies = ((row, found.by_provider.get(row.id, Tally())) for row in providers)
    rows = [
        ProviderRate(row, tally, tally.rate) for row, tally in tallies if tally.rate is not None
    ]
    return RateFigure(rows, charts.strips([row.rate for row in rows]))


def vendor_calls(found: Calls) -> Figure:
    """Return the calls to vendors, day by day."""
    answered, refused, failed = _("Answered"), _("Refused"), _("Errors")
    return Figure(
        chart=charts.bars([(use.accepted, use.refused, use.failed) for _day, use in found.by_day]),
        days=[day for day, _use in found.by_day],
        tips=[_call_tip(day, use) for day, use in found.by_day],
        legend=[("wait", answered), ("warn", refused), ("bad", failed)],
        summary=_(
            "%(calls)s calls: %(refused)s refused, %(failed)s errors.", **_calls(found.total)
        ),
        headings=[_("Calls"), refused, failed],
        cells=[list(_calls(use).values()) for _day, use in found.by_day],
    )


def _call_tip(day: date, use: Usage) -> str:
    return _(
        "%(day)s: %(calls)s calls, %(refused)s refused, %(failed)s errors",
        day=texts.day(day),
        **_calls(use),
    )


def _calls(use: Usage) -> dict[str, str]:
    return {
        "calls": texts.number(use.calls),
        "refused": texts.number(use.refused),
        "failed": texts.number(use.failed),
    }


def quota(use: QuotaUse | None) -> Meter | None:
    """Return a day's calls beside what the contract allows; ``None`` where that is not known."""
    if use is None:
        return None
    words = _(
        "%(calls)s of %(allowed)s (%(share)s)",
        calls=texts.number(use.calls),
        allowed=texts.number(use.allowed),
        share=texts.percent(use.share),
    )
    return Meter(words, "warn" if use.is_near else "wait", charts.length(use.share))
