"""Which uploads become product pictures, and in what form.

An upload is decoded and drawn anew, so that nothing of the original file reaches a customer, neither the place where it
was taken nor a script hidden behind the pixels.
"""

import hashlib
import io

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 2 * 1024 * 1024
MAX_SIDE = 4000  # pixels of the upload; 16 million in all keep a decoder below 64 MB
KEPT_SIDE = 1000  # pixels of the longer side as kept
FORMATS = ("PNG", "JPEG", "WEBP")


def validate_picture(upload: File) -> None:
    """Raises `ValidationError` unless this is a whole picture of a kind and size that we take."""
    if upload.size > MAX_BYTES:
        raise ValidationError("The file is larger than 2 MiB.")
    try:
        upload.seek(0)
        with Image.open(upload, formats=FORMATS) as picture:
            if max(picture.size) > MAX_SIDE:
                raise ValidationError(f"The picture has more than {MAX_SIDE} pixels on a side.")
            picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ValidationError("This is not a PNG, JPEG or WebP picture.") from None
    finally:
        upload.seek(0)


def normalise(upload: File, name: str) -> ContentFile:
    """The picture as we keep it: PNG, upright, at most `KEPT_SIDE` pixels wide and high.

    Its file name holds a digest of its content, so a new picture has a new address and no cache shows the old one.
    """
    upload.seek(0)
    with Image.open(upload, formats=FORMATS) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGBA" if picture.has_transparency_data else "RGB")
    upright.thumbnail((KEPT_SIDE, KEPT_SIDE))
    buffer = io.BytesIO()
    upright.save(buffer, "PNG", optimize=True)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:12]
    return ContentFile(buffer.getvalue(), name=f"{name}-{digest}.png")
