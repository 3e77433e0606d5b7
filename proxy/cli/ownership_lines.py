"""Who writes what, and the handovers under way, as lines of `strangler status`."""

from collections.abc import Iterator, Mapping
from typing import Any

WRITERS = {
    "legacy": "the monolith",
    "service": "the services",
    "nobody": "nobody: hand it over again, to either side",
    "both": "BOTH SIDES",
}


def ownership_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Nothing where no route writes."""
    for name, one in found["entities"].items():
        behind = ", ".join(f"{count} {way.replace('_', ' ')}" for way, count in one["lag"].items() if count)
        since = one["written_since_cutover"]
        notes = [
            f"epoch {one['epoch']}",
            f"not heard yet: {behind}" if behind else "",
            f"{one['conflicts']} conflicts" if one["conflicts"] else "",
            f"{since} events since it was handed over" if since else "",
        ]
        yield f"{name:10} is written by {WRITERS[one['owner']]}  ({', '.join(filter(None, notes))})"
    if found["problem"]:
        yield f"who writes what is not known: {found['problem']}"
    for each in found["running"]:
        waiting = f", waits: {each['waiting_for']}" if each["waiting_for"] else ""
        yield f"handover {each['id']} to {each['to']} is {each['state']}{waiting}"
