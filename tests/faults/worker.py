"""Workers in processes of their own, which begin to drain at one moment.

``python -m tests.faults.worker URL COUNT`` imports once, makes the workers by fork, and prints one
line of JSON for each: what it did, from when to when, and what the database refused it.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from flask_idverify import inbox
from tests.faults.races import Troubles
from tests.hosts import make_host

_fork = multiprocessing.get_context("fork")


def drain(url: str, barrier: Any, told: Any) -> None:
    """Drain once everybody is ready, and tell how it went."""
    host = make_host(tables=False, SQLALCHEMY_DATABASE_URI=url)
    troubles = Troubles(host)
    with host.app.app_context():
        host.db.session.connection()  # what a running worker has done long ago
        host.db.session.rollback()
        barrier.wait(60)
        begun = time.monotonic()
        try:
            done, raised = inbox.drain(), None
        except SQLAlchemyError as error:
            done, raised = 0, repr(error)
        span = [begun, time.monotonic()]
    told.put({"done": done, "met": troubles.met, "raised": raised, "span": span})


def main(url: str, count: int) -> None:
    barrier, told = _fork.Barrier(count), _fork.Queue()
    workers = [_fork.Process(target=drain, args=(url, barrier, told)) for _ in range(count)]
    for worker in workers:
        worker.start()
    for _ in workers:
        print(json.dumps(told.get(timeout=900)), flush=True)
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
