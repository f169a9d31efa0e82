"""Who does what is owed: signs of life, for admins to look at."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from ..columns import Exact
from .base import Base


class WorkerRow(Base):
    """One worker, and when it was last seen. Nothing depends on the row but what pages say."""

    __tablename__ = "idverify_worker"
    __table_args__ = (Index("ix_idverify_worker_seen", "seen_at"),)

    #: ``work``: a process of ``flask idverify work``; ``cron``: the last ``--once`` of a machine;
    #: ``celery``: the last task of a machine.
    kind: Mapped[str] = mapped_column(Exact(20))
    host: Mapped[str] = mapped_column(Exact(64))
    pid: Mapped[int] = mapped_column(Integer())
    #: Threads that work side by side.
    concurrency: Mapped[int] = mapped_column(Integer(), default=1)
    started_at: Mapped[datetime] = mapped_column()
    seen_at: Mapped[datetime] = mapped_column()
