"""Paths that fail, to see what a customer sees then; the rest of the shop is there because error pages link to it."""

from django.urls import path

from legacy_monolith.config import urls
from legacy_monolith.config.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def fail(request):
    raise RuntimeError("secret detail")


urlpatterns = [path("fail", fail), path("api/fail", fail), *urls.urlpatterns]
