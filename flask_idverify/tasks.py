"""Tasks for a host's Celery app, made as Flask's documentation makes it (extra ``celery``).

A task is a nudge, as the background thread is: the row in the database is what is owed. Import
this module where the Celery app is made, and give it the schedule::

    from flask_idverify import tasks

    celery_app.conf.beat_schedule = {**tasks.beat_schedule(), …}
"""

from __future__ import annotations

from typing import Any

from celery import shared_task

from . import inbox, service, workers


@shared_task(name="idverify.work", ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def work() -> int:
    """Do what is owed now: callbacks, polls, endings, deliveries. Return how much that was."""
    life = workers.Heartbeat("celery")

    def is_over() -> bool:
        life.beat()
        return False

    return inbox.drain(until=is_over)


@shared_task(name="idverify.purge", ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def purge() -> int:
    """Remove personal data whose days are over, where days are set, and old numbers of calls."""
    return service.purge().attempts.total()


def beat_schedule(seconds: float = 10.0) -> dict[str, dict[str, Any]]:
    """Return the entries for Celery's beat: work every few *seconds*, and purge once a day."""
    return {
        # A run that waited longer than its interval has been overtaken by the next.
        "idverify-work": {
            "task": "idverify.work",
            "schedule": seconds,
            "options": {"expires": seconds * 3},
        },
        "idverify-purge": {"task": "idverify.purge", "schedule": 86400.0},
    }
