"""When a row was made, when it last changed through its model, and how often."""

from django.db import models
from django.utils import timezone


class Dated(models.Model):
    """Not `auto_now`: that would put today's date on imported rows."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def save(self, **kwargs) -> None:
        self.updated_at = self.created_at if self._state.adding else timezone.now()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "updated_at"}
        super().save(**kwargs)


class Versioned(Dated):
    """A row that another system may hold a copy of: the higher `version` is the newer state.

    `peer_version` is the highest version that was taken over from the other side, 0 if none was. Who saves a row holds
    its lock since before it was read.
    """

    version = models.PositiveIntegerField(default=1, editable=False)
    peer_version = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    def save(self, **kwargs) -> None:
        if not self._state.adding:
            self.version += 1
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "version"}
        super().save(**kwargs)
