from django.contrib.auth.models import AbstractUser
from django.db import models

from legacy_monolith.identifiers import uuid7


class User(AbstractUser):
    """A customer, or one of the staff."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
