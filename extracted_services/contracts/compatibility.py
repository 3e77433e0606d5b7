"""Whether the event schemas still say what was released: readers and writers of both ages run side by side.

A version that was released stays as it is, but for new members that may be absent: then the old reader understands the
new writer, and the new reader the old one. Whatever else changes needs a new version, in a file of its own.
`python -m extracted_services.contracts.compatibility` notes what is there now as released.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .schemas import load_schemas
from .shapes import Schema

RELEASED = Path(__file__).parent / "events" / "released.json"

_ANNOTATIONS = {"title", "description", "$schema"}


def load_released() -> dict[str, Schema]:
    """File name -> schema, as they were released."""
    released: dict[str, Schema] = json.loads(RELEASED.read_text("utf-8"))
    return released


def find_breaks(released: Mapping[str, Schema], present: Mapping[str, Schema]) -> list[str]:
    """What a reader or writer of the released schemas would stumble over, one line each."""
    missing = [f"{name} is gone" for name in released if name not in present]
    both = [name for name in released if name in present]
    return missing + [problem for name in both for problem in _compare(name, released[name], present[name])]


def _compare(at: str, released: Any, present: Any) -> Iterator[str]:
    if not (isinstance(released, dict) and isinstance(present, dict)):
        if released != present:
            yield f"{at} was {json.dumps(released)} and is {json.dumps(present)}"
        return
    for keyword in sorted((released.keys() | present.keys()) - _ANNOTATIONS):
        where = f"{at} {keyword}"
        if keyword not in present or keyword not in released:
            yield f"{where} is {'gone' if keyword in released else 'new'}"
        elif keyword in ("properties", "$defs"):
            yield from _compare_members(where, released[keyword], present[keyword])
        elif keyword in ("required", "enum") and sorted(map(str, released[keyword])) == sorted(
            map(str, present[keyword])
        ):
            continue
        elif keyword == "anyOf" and len(released[keyword]) == len(present[keyword]):
            for index, (before, now) in enumerate(zip(released[keyword], present[keyword], strict=True)):
                yield from _compare(f"{where}[{index}]", before, now)
        else:
            yield from _compare(where, released[keyword], present[keyword])


def _compare_members(at: str, released: Mapping[str, Any], present: Mapping[str, Any]) -> Iterator[str]:
    """New ones may come; whether they must be there, `required` says."""
    for name, schema in released.items():
        if name in present:
            yield from _compare(f"{at}.{name}", schema, present[name])
        else:
            yield f"{at}.{name} is gone"


def main() -> int:
    present = load_schemas()
    breaks = find_breaks(load_released() if RELEASED.exists() else {}, present)
    if breaks:
        sys.stderr.write("not compatible with what was released:\n  " + "\n  ".join(breaks) + "\n")
        return 1
    RELEASED.write_text(json.dumps(present, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
