from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "legacy_monolith.api"
    verbose_name = "API"
