from django.core.files.base import File
from django.db import transaction
from django.db.models import F, QuerySet

from legacy_monolith.sync.writing import record, writing

from .images import normalise
from .models import Product
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
    """Tells of a product that was saved in this transaction, its tags too."""
    _tell(Product.objects.filter(pk=product.pk))


@writing("product")
def announce_all(*, products: QuerySet[Product]) -> None:
    """Tells of products that look different because something around them changed: a category's name, a tag."""
    keys = list(products.values_list("pk", flat=True))
    changed = Product.objects.filter(pk__in=keys)
    changed.update(version=F("version") + 1)
    _tell(changed)


@writing("product", "stock")
def remove(*, product: Product) -> None:
    """Takes the product, and its stock, out of the shop; only possible while nothing of it was ever reserved."""
    product = Product.objects.select_for_update().get(pk=product.pk)
    record("ProductRemoved", product.sku, product.version + 1, {"sku": product.sku})
    product.delete()


def _tell(products: QuerySet[Product]) -> None:
    """One that is not for sale is no product to anybody but the back office."""
    for product in products.select_related("category").prefetch_related("tags").order_by("sku"):
        if product.is_for_sale:
            record("ProductChanged", product.sku, product.version, PRODUCTS.state(product))
        else:
            record("ProductRemoved", product.sku, product.version, {"sku": product.sku})
