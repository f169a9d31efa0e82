"""The declarative base of our tables. Primary keys are uuids made here."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ..columns import Exact, Moment, TextEnum
from ..states import Standing, Status


class Base(DeclarativeBase):
    """Our declarative base. Primary keys are uuids made here: ciphertexts are bound to them."""

    type_annotation_map = {  # noqa: RUF012 - the name and type are SQLAlchemy's
        datetime: Moment(),
        dict[str, Any]: JSON(),
        list[str]: JSON(),
        list[dict[str, Any]]: JSON(),
        Status: TextEnum(Status),
        Standing: TextEnum(Standing),
    }

    def __init__(self, **values: Any) -> None:
        # First of all: what is sealed below is bound to it.
        self.id = values.pop("id", None) or str(uuid.uuid4())
        for name, value in values.items():
            if not hasattr(type(self), name):
                raise TypeError(f"{type(self).__name__} has no attribute {name!r}")
            setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    id: Mapped[str] = mapped_column(Exact(36), primary_key=True, sort_order=-1)
