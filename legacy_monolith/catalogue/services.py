from django.core.files.base import File
from django.db import transaction

from .images import normalise
from .models import Product


@transaction.atomic
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
        if old:
            transaction.on_commit(lambda: storage.delete(old))
    return product
