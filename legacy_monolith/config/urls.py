"""Every path of the shop. Pages end in a slash, the API and files do not."""

from django.contrib import admin
from django.urls import include, path

from legacy_monolith.accounts import api as accounts_api

from . import files, views

urlpatterns = [
    path("", include("legacy_monolith.catalogue.urls")),
    path("accounts/", include("legacy_monolith.accounts.urls")),
    path("cart/", include("legacy_monolith.cart.urls")),
    path("", include("legacy_monolith.orders.urls")),
    path("admin/", admin.site.urls),
    path("api/", include("legacy_monolith.api.urls")),
    path(".well-known/jwks.json", accounts_api.jwks, name="jwks"),
    path("internal/", include("legacy_monolith.sync.urls")),
    path("static/<path:path>", files.static_file, name="static"),
    path("media/<path:path>", files.media_file, name="media"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
]
handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.not_found
handler500 = views.server_error
