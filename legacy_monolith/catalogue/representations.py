"""A product as the API writes it."""

from legacy_monolith.api.encoding import money, time

from .models import Product


def show(product: Product) -> dict:
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": {"slug": product.category.slug, "name": product.category.name},
        "price": money(product.price),
        "tags": sorted(tag.slug for tag in product.tags.all()),
        "image": product.image.url if product.image else None,
        "updated_at": time(product.updated_at),
    }
