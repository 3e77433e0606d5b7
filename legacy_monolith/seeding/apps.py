from django.apps import AppConfig


class SeedingConfig(AppConfig):
    name = "legacy_monolith.seeding"
