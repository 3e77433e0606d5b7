"""`strangler routes`: the route table in the order in which it is asked. Reads the file and nothing else."""

import json
import os
import sys
from collections.abc import Sequence

import click

from proxy.cli.options import config_option
from proxy.config import load_file
from proxy.config.model import DEFAULT_ROUTE
from proxy.config.values import format_share
from proxy.routing.listing import Listed, list_routes
from proxy.routing.table import compile_table

Row = tuple[str, ...]


@click.command("routes", short_help="List the routes in the order in which they are tried.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def command(config: str, as_json: bool) -> None:
    """List the routes in the order in which they are tried: the first that matches a request gets it.

    A route with several matches stands on as many lines. What no route matches goes to the legacy upstream.
    """
    snapshot = load_file(config, os.environ)
    listed = list_routes(compile_table(snapshot))
    if as_json:
        content = {"legacy": snapshot.legacy, "routes": [one.as_json() for one in listed]}
        click.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    header, *rows = _columns(listed, snapshot.legacy)
    if sys.stdout.isatty():
        _print_table(header, rows)
    else:
        click.echo(_align([header, *rows]))


def _columns(listed: Sequence[Listed], legacy: str) -> list[Row]:
    """A header and a row for each match, then the default; columns that would be empty are left out."""
    header = ("#", "ROUTE", "REQUEST", "STAGE", "SIDE", "UPSTREAM", "COPIES TO", "PRIORITY", "OWNER", "GROUP")
    rows = [_row(one, legacy) for one in listed]
    rows.append(("", DEFAULT_ROUTE, "everything else", "", "legacy", legacy, "", "", "", ""))
    kept = [at for at in range(len(header)) if at < header.index("COPIES TO") or any(row[at] for row in rows)]
    return [tuple(row[at] for at in kept) for row in (header, *rows)]


def _row(one: Listed, legacy: str) -> Row:
    answered_by = one.upstream or " + ".join(one.parts) or f"(answers {one.status})"
    priority = str(one.priority) if one.priority else ""
    stage, side, copies = one.stage, one.side.value, one.shadow or ""
    if one.weight is not None:
        stage, side, answered_by = f"{stage} {format_share(one.weight)}", "both", f"{answered_by}, else {legacy}"
        copies = copies and "the other side"
    decided = (one.request, stage, side, answered_by, copies)
    return (str(one.rank), one.route, *decided, priority, one.owner or "", one.group or "")


def _align(rows: Sequence[Row]) -> str:
    """Columns two spaces apart, nothing cut off: for pipes and files."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _print_table(header: Row, rows: Sequence[Row]) -> None:
    from rich.console import Console  # only for people: it takes 50 ms to import
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in header:
        table.add_column(name, overflow="fold", no_wrap=name not in ("REQUEST", "ROUTE"))
    for row in rows:
        style = {"service": "green", "none": "dim"}.get(row[4])
        table.add_row(*map(Text, row), style=style)  # Text: a [ in a regex is no markup
    Console().print(table)
