from collections.abc import Iterable, Iterator

from django.core.files.base import File
from django.db import transaction
from django.db.models import F, QuerySet

from legacy_monolith.sync.outbox import Change
from legacy_monolith.sync.writing import record_at_end, writing

from .images import normalise
from .models import Product, Tag
from .replica import PRODUCTS


@writing("product")
def replace_picture(*, product: Product, upload: File) -> Product:
    """Gives the product a new picture; the upload has passed `images.validate_picture`."""
    field, storage = product.image.field, product.image.storage
    picture = normalise(upload, product.sku.lower())
    old, new = product.image.name, field.generate_filename(product, picture.name)
    # The name tells the content, so a file of this name is this picture.
    if not storage.exists(new):
        storage.save(new, picture)
    if new != old:
        product.image = new
        product.save(update_fields=["image"])
        announce(product=product)
        if old:
            transaction.on_commit(lambda: storage.delete(old))
    return product


@writing("product")
def announce(*, product: Product) -> None:
    """Tells of a product that is saved in this transaction, its tags too."""
    record_at_end(_changes, [product.pk])


@writing("product")
def announce_all(*, products: QuerySet[Product]) -> None:
    """Tells of products that look different because something around them changed: a category's name, a tag."""
    keys = list(products.values_list("pk", flat=True))
    Product.objects.filter(pk__in=keys).update(version=F("version") + 1)
    record_at_end(_changes, keys)


@writing("product")
def remove_tag(*, tag: Tag) -> None:
    keys = list(tag.products.values_list("pk", flat=True))
    tag.delete()
    announce_all(products=Product.objects.filter(pk__in=keys))


def _changes(keys: Iterable[int]) -> Iterator[Change]:
    """One that is not for sale is no product to anybody but the back office."""
    products = Product.objects.select_related("category").prefetch_related("tags")
    for product in products.filter(pk__in=keys).order_by("sku"):
        if product.is_for_sale:
            yield Change("ProductChanged", product.sku, product.version, PRODUCTS.state(product))
        else:
            yield Change("ProductRemoved", product.sku, product.version, {"sku": product.sku})
