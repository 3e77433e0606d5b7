"""Methods, header names and values as routes.yaml may state them (RFC 9110 §5, §9.1).

What frames a message, names its host, or is ours to set cannot be edited: an edit there would undo what makes
forwarding safe.
"""

import re

from proxy.config.refused import Refused
from proxy.config.values import text

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
MAX_VALUE = 4096  # characters of a header's value

_COMMON_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")  # RFC 9110 section 9.2.1; TRACE reaches no route
_ANSWERED_BY_US = {"CONNECT": 501, "TRACE": 405}

_FRAMING_NAMES = """connection content-length expect host http2-settings keep-alive max-forwards proxy-connection te
    trailer transfer-encoding upgrade"""
_FRAMING = frozenset(_FRAMING_NAMES.split())
_OURS = frozenset(("forwarded", "via", "x-real-ip", "x-request-id", "x-shadow", "traceparent", "tracestate"))
_OUR_FAMILIES = ("x-forwarded-", "x-strangler-")


def method(value: object) -> str:
    """A method. They are case-sensitive; one letter beside a common one is taken for a slip."""
    given = text(value)
    if not re.fullmatch(TOKEN, given):
        several = len(given.split()) > 1
        raise Refused(value, "is not a method", "several are written GET,POST" if several else "such as GET")
    if given in _COMMON_METHODS:
        return given
    if given in _ANSWERED_BY_US:
        raise Refused(given, f"reaches no route: the proxy answers it with {_ANSWERED_BY_US[given]}")
    if slip := next((known for known in _COMMON_METHODS if given.upper() == known or is_slip(given, known)), None):
        raise Refused(value, "is not a method", f'did you mean "{slip}"?')
    return given


def safe_method(value: object) -> str:
    """A method that asks for nothing to be changed, so that it may be asked of someone else."""
    given = method(value)
    if given not in SAFE_METHODS:
        raise Refused(value, "never falls back: it may have changed something", f"safe are {', '.join(SAFE_METHODS)}")
    return given


def is_slip(given: str, meant: str) -> bool:
    """Whether one letter added, left out, changed or swapped with its neighbour turns `meant` into `given`."""
    if len(given) > len(meant):
        given, meant = meant, given
    if len(meant) - len(given) == 1:
        return any(meant[:i] + meant[i + 1 :] == given for i in range(len(meant)))
    wrong = [i for i, (a, b) in enumerate(zip(given, meant, strict=False)) if a != b]
    if len(given) != len(meant) or len(wrong) > 2:
        return False
    first, last = (wrong[0], wrong[-1]) if wrong else (0, 0)
    return len(wrong) < 2 or (last - first == 1 and given[first] == meant[last] and given[last] == meant[first])


def header_name(value: object) -> str:
    """The name of a header or a cookie: a token."""
    given = text(value)
    if not re.fullmatch(TOKEN, given):
        raise Refused(value, "is not the name of a header or cookie")
    return given


def ignored_header(value: object) -> str:
    """The name of a header, or `Set-Cookie:NAME` for one cookie alone."""
    given = text(value)
    header, colon, cookie = given.partition(":")
    if not colon:
        return header_name(given)
    if header.lower() != "set-cookie":
        raise Refused(value, "is not the name of a header", "only cookies are told apart: Set-Cookie:NAME")
    return f"{header}:{header_name(cookie)}"


def matched_header(value: object) -> str:
    """The name of a header that a match asks for, in lower case."""
    given = header_name(value).lower()
    if given == "host":
        raise Refused(None, "Host is matched by its own key", "write host: shop.example.com")
    return given


def query_key(value: object) -> str:
    """The key of a query parameter."""
    return text(value)


def edited_header(value: object) -> str:
    """The name of a header that may be set, added or removed."""
    given = header_name(value)
    folded = re.sub("[_.]", "-", given.lower())  # how CGI and WSGI read it: X_Forwarded_For is X-Forwarded-For there
    if folded in _FRAMING:
        raise Refused(given, "cannot be edited: it frames the message, and the proxy makes it anew on each side")
    if folded in _OURS or folded.startswith(_OUR_FAMILIES):
        raise Refused(given, "cannot be edited: the proxy sets it itself")
    return given


def header_value(value: object) -> str:
    """A header's value: visible ASCII, spaces and tabs inside. Never quoted in a message: it may be a token."""
    if not isinstance(value, str):
        text(value)
    given = str(value)
    if len(given) > MAX_VALUE:
        raise Refused(None, f"a header value of {len(given)} characters; at most {MAX_VALUE} are taken")
    if not re.fullmatch(r"([\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?)?", given):
        raise Refused(None, "a header value is visible ASCII on one line, with no space at either end")
    return given


def matched_value(value: object) -> str:
    """A value that a match compares with, exactly."""
    if not isinstance(value, str):
        text(value)
    given = str(value)
    if not given.isprintable():
        raise Refused(None, "a value to compare with is text on one line")
    return given


def upgrade(value: object) -> str:
    """A protocol name of the Upgrade header, in lower case (RFC 9110 §7.8)."""
    given = text(value).lower()
    if not re.fullmatch(rf"{TOKEN}(/{TOKEN})?", given):
        raise Refused(value, "is not the name of a protocol")
    if given == "websocket":
        raise Refused(None, "websocket is always allowed", "leave it out")
    return given


def reference(value: object) -> str:
    """Where a retired route points to: an absolute path, or an http(s) URL."""
    given = text(value)
    if not re.fullmatch(r"(/(?!/)|https?://[^/?#@]+(?=[/?#]|$))[^\s<>\"\\]*", given) or not given.isascii():
        subject = None if "@" in given else value  # a URL may carry a password
        raise Refused(subject, "must be a path or a URL", "begin with / or https://")
    return given
