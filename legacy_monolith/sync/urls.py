from django.urls import path

from legacy_monolith.api.endpoint import endpoint, nothing_here

from .api import fence, internal, own, show_sync

app_name = "sync"
urlpatterns = [
    path("sync", endpoint(GET=internal(show_sync)), name="status"),
    path("sync/fence", endpoint(POST=internal(fence)), name="fence"),
    path("sync/own", endpoint(POST=internal(own)), name="own"),
    path("<path:rest>", nothing_here),
    path("", nothing_here),
]
