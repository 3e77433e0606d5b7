from django.apps import AppConfig
from django.db.models.signals import post_save


class StockConfig(AppConfig):
    name = "legacy_monolith.stock"

    def ready(self) -> None:
        from legacy_monolith.catalogue.models import Product

        from .services import open_level

        post_save.connect(open_level, sender=Product, dispatch_uid="stock.open_level")
