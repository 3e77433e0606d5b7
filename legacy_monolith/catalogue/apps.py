from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "legacy_monolith.catalogue"
