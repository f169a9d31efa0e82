"""The host app with Celery, as Flask's documentation builds it; configured by the environment."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, Task
from flask import Flask

from flask_idverify import tasks
from tests.faults.host_app import create_app


def celery_of(app: Flask) -> Celery:
    """Make the Celery app whose tasks run in *app*'s context."""

    class FlaskTask(Task):  # type: ignore[misc]  # Celery has no types
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            with app.app_context():
                return self.run(*args, **kwargs)

    made = Celery(app.name, task_cls=FlaskTask)
    made.conf.update(
        broker_url=os.environ["TEST_CELERY_BROKER"],
        task_ignore_result=True,
        task_default_queue=os.environ["TEST_CELERY_QUEUE"],
        beat_schedule=tasks.beat_schedule(1.0),
    )
    made.set_default()
    app.extensions["celery"] = made
    return made


def make() -> Flask:
    """Make the app, for gunicorn."""
    app = create_app()
    celery_of(app)
    return app


if "TEST_CELERY_WORKER" in os.environ:
    celery = celery_of(create_app())
