"""Small pictures for sample products: a shape on a ground in the product's colour, the same bytes every time."""

import io

from PIL import Image, ImageColor, ImageDraw

SIDE = 320


def draw(colour: str, shape: int) -> bytes:
    """A PNG with three colours, about a kilobyte."""
    picture = Image.new("P", (SIDE, SIDE), 0)
    red, green, blue = ImageColor.getrgb(colour)
    tint = [channel + (255 - channel) * 3 // 4 for channel in (red, green, blue)]
    picture.putpalette([*tint, red, green, blue, 255, 255, 255])
    pen = ImageDraw.Draw(picture)
    inset = 50 + 9 * (shape % 5)
    box = (inset, inset, SIDE - inset, SIDE - inset)
    match shape % 6:
        case 0:
            pen.ellipse(box, fill=1)
        case 1:
            pen.rounded_rectangle(box, radius=36, fill=1)
        case 2:
            pen.polygon([(SIDE // 2, inset), (SIDE - inset, SIDE - inset), (inset, SIDE - inset)], fill=1)
        case 3:
            pen.pieslice(box, 200, 520, fill=1)
        case 4:
            pen.ellipse(box, outline=1, width=44)
        case 5:
            pen.polygon([(160, inset), (SIDE - inset, 160), (160, SIDE - inset), (inset, 160)], fill=1)
    pen.line((inset, SIDE - 30, SIDE - inset, SIDE - 30), fill=2, width=6)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
