"""Single values of `compare`: how far numbers may differ, which elements are meant. Each raises Refused."""

import math
import re

from proxy.config.compare import Tolerance
from proxy.config.refused import Refused
from proxy.config.values import SHARE, share, text

MAX_SELECTOR = 500  # characters

_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?([eE]-?[0-9]{1,2})?")
_SHARE = re.compile(SHARE)


def tolerance(value: object) -> Tolerance:
    """0.005 is a distance, 1% a share of the larger number."""
    if isinstance(value, str) and _SHARE.fullmatch(value):
        return Tolerance(relative=share(0.000001)(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(value, "is not a tolerance", "a distance such as 0.005, or a share such as 1%")
    if not 0 < value < math.inf:
        raise Refused(value, "is not a tolerance: it is above 0", "without one, numbers must be equal")
    return Tolerance(absolute=float(value))


def selector(value: object) -> str:
    """A CSS selector of the elements of an HTML page."""
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError  # here: most files have none, and it takes 50 ms

    given = text(value)
    if len(given) > MAX_SELECTOR:
        raise Refused(None, f"a selector of {len(given)} characters; at most {MAX_SELECTOR} are taken")
    try:
        LexborHTMLParser("<p>").css(given)
    except SelectolaxError:
        raise Refused(value, "is not a CSS selector that we read", "such as .clock, #build or footer > small") from None
    return given
