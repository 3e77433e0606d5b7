"""Where routes stand, for people: those that have left the monolith, or stand elsewhere than the file says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from proxy.cli.moving import place


def position_table(routes: Sequence[Mapping[str, Any]]) -> Table:
    """One line a route that is on its way; the others are a number, for a file may have thousands."""
    table = Table("route", "stands at", "in the file", "group", box=None, pad_edge=False)
    moving = [each for each in routes if each["stage"] != "legacy" or "file" in each]
    for each in moving:
        in_file = place(each["file"]) if "file" in each else ""
        table.add_row(*map(Text, (each["route"], place(each), in_file, each["group"] or "")))
    if rest := len(routes) - len(moving):
        table.add_row(Text(f"{rest} {'more' if moving else 'routes'} at legacy"))
    return table


def position_notes(routes: Sequence[Mapping[str, Any]], overrides: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What an operator should mend: the file is not what serves."""
    drifting = {each["route"]: each["file"] for each in routes if "file" in each}
    for each in overrides:
        said = f", where the file says {place(drifting[each['route']])}" if each["route"] in drifting else ""
        yield f"drift: {each['route']} stands at {place(each)}{said}; it survives {each['survives']}"
