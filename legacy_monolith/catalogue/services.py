from django.core.files.base import File
from django.db import transaction

from .images import normalise
from .models import Product


@transaction.atomic
def replace_picture(*, product: Product, upload: File) -> Product:
    """Gives the product a new picture; the upload has passed `images.validate_picture`."""
    old = product.image.name
    picture = normalise(upload, product.sku.lower())
    # An unchanged picture has the same name; saving it again would only add a suffix.
    if old != product.image.field.generate_filename(product, picture.name):
        product.image.save(picture.name, picture, save=False)
        product.save(update_fields=["image"])
        if old:
            storage = product.image.storage
            transaction.on_commit(lambda: storage.delete(old))
    return product
