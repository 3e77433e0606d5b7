"""Paths that fail, to see what a customer sees then; the rest of the shop is there because error pages link to it."""

from django.db import OperationalError
from django.urls import path

from legacy_monolith.config import urls
from legacy_monolith.config.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def fail(request):
    raise RuntimeError("secret detail")


def lose_database(request):
    raise OperationalError("secret detail")


urlpatterns = [
    path("fail", fail),
    path("api/fail", fail),
    path("away", lose_database),
    path("api/away", lose_database),
    *urls.urlpatterns,
]
