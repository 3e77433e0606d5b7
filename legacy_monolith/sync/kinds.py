"""What is kept in step, kind by kind: how an aggregate is found, written down as an event has it, and made equal.

An app of the shop says this for its own tables (`replica.py`); inbox, backfill and reconciliation know no table.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import models

from extracted_services.contracts.takeover import Local


class Untakable(Exception):
    """The other side's state names something that the shop does not have."""


class Kind:
    """One kind of aggregate. `key` is the field that names one in public, and by which all of them are ordered."""

    entity: str
    name: str
    key: str

    def rows(self) -> models.QuerySet:
        """All of the kind, with whatever `state` reads."""
        raise NotImplementedError

    def state(self, row: models.Model) -> dict[str, Any]:
        """As the `data` of an event has it, without an answer."""
        raise NotImplementedError

    def event_of(self, row: models.Model) -> str:
        """The type of event that says how the row came to be as it is."""
        raise NotImplementedError

    def take(self, key: str, version: int, state: Mapping[str, Any]) -> None:
        """Makes the aggregate this state of the other side. Raises `Untakable`."""
        raise NotImplementedError

    def find(self, key: str) -> Local | None:
        """The aggregate, its row locked to the end of the transaction."""
        row = self.rows().select_for_update(of=("self",)).filter(**{self.key: key}).first()
        return row and Local(row.version, row.peer_version, self.state(row))

    def agree(self, key: str, version: int) -> None:
        """Both sides have come to the same state."""
        self.rows().filter(**{self.key: key}).update(peer_version=version)

    def name_of(self, row: models.Model) -> str:
        value: Any = row
        for step in self.key.split("__"):
            value = getattr(value, step)
        return str(value)

    def after(self, key: str, count: int) -> list[models.Model]:
        """The next rows behind a key ("" for the first ones)."""
        rows = self.rows().order_by(self.key)
        if key:
            rows = rows.filter(**{f"{self.key}__gt": UUID(key) if self.key == "public_id" else key})
        return list(rows[:count])
