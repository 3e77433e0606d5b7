"""When a row was made, and when it last changed through its model."""

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
