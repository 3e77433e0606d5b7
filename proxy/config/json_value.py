"""A JSON value in routes.yaml: what stands in the place of a part that failed. Bounded, and nothing but JSON."""

import json

from proxy.config.refused import Refused

MAX_JSON = 64 * 1024  # bytes: it is sent with every answer that lacks the part


def json_value(value: object) -> object:
    """Null, true, false, a number, text, a list or a mapping. Depth is bounded by that of the file."""
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise Refused(None, "JSON has no infinity and no not-a-number", "leave it out, or write null") from None
    size = len(written.encode("utf-8", "surrogatepass"))
    if size > MAX_JSON:
        raise Refused(None, f"a value of {size:,} bytes; at most {MAX_JSON:,} are taken")
    return value
