"""Which program sends a request, as far as it says so: the first product of its User-Agent (RFC 9110 section 10.1.5).

`curl/8.5.0` is `curl`, every browser is `Mozilla`. The version and everything behind it are left out, and so is a name
that is none: whatever a client writes there is kept, so it must be short and must not look like a key.
"""

import re
from functools import lru_cache
from typing import Final

from proxy.wire.path_template import is_word

NONE: Final = "-"
"""Of a request without the field, or with one that names no product."""

MAX_PRODUCTS: Final = 50
"""Told apart in one table."""

LONGEST: Final = 40  # bytes that are looked at: space, a product, and what ends it

_SPELLED: Final = (b"\r\nUser-Agent:", b"\r\nuser-agent:")
_ANY_CASE = re.compile(rb"\r\nuser-agent:", re.IGNORECASE)
_PRODUCT = re.compile(rb"[ \t]{0,7}([A-Za-z][A-Za-z0-9._-]{0,31})(?=[/ \t;(\r]|\Z)")


def product_of(block: bytes) -> str:
    """The product that the field lines in `block` name, each with a leading CRLF."""
    for name in _SPELLED:
        at = block.find(name)
        if at >= 0:
            at += len(name)
            break
    else:
        found = _ANY_CASE.search(block)
        if found is None:
            return NONE
        at = found.end()
    return _first_product(block[at : at + LONGEST].partition(b"\r")[0])


@lru_cache(maxsize=256)
def _first_product(value: bytes) -> str:
    """What the beginning of a value names. Programs are few."""
    match = _PRODUCT.match(value)
    if match is None:
        return NONE
    product = match[1].decode("ascii")
    return product if is_word(product) else NONE
