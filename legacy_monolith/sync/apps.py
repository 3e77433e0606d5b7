from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "legacy_monolith.sync"
    verbose_name = "In step with the services"
