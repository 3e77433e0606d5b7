"""Whether bytes are JSON, and whether they are nested too deep to be read: judged, never read and written again.

So whoever passes them on keeps a number's digits (`12.30` is not `12.3`) and the order of keys. The judgement is
bounded before it begins: what is nested too deep is found without recursion.
"""

import json
import re
from itertools import accumulate
from typing import Final, NoReturn

MAX_DEPTH: Final = 64

_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_IDLE: Final = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STEPS: Final = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")  # as signed bytes: one level down, one up
WHITE_SPACE: Final = b" \t\n\r"


def is_deep(text: bytes) -> bool:
    """Whether arrays and objects are nested deeper than `MAX_DEPTH`, as far as brackets say it."""
    if b"\\" in text:
        text = _ESCAPE.sub(b"", text)
    # Without escapes every second piece between quotes is a string.
    steps = b"".join(text.translate(_STEPS, _IDLE).split(b'"')[::2])
    # One pass, whatever the shape. What was never closed is no JSON, but a parser would go as deep before it knows.
    return max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH


def is_json(text: bytes) -> bool:
    """Whether this is one JSON text in UTF-8 (RFC 8259), without NaN and Infinity.

    An object with a key twice passes: whoever reads the part from its own address meets it too. Not to be called with
    what is nested too deep.
    """
    try:
        _DECODER.decode(text.decode("utf-8"))
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


# Numbers are not made: a long one would take time, and more than 4,300 digits are an error.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
