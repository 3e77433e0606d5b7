"""`strangler history`: who moved what, when and why. Where no server answers, it reads the ledger itself."""

import json
import os
import sys
from typing import Any

import click

from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.moving import place
from proxy.cli.options import config_option
from proxy.config import load_file
from proxy.config.model import Address
from proxy.operations.errors import OperationError
from proxy.operations.history import DEFAULT_LIMIT, MAX_LIMIT, history


@click.command("history", short_help="Show who moved what, when and why.")
@click.argument("route", required=False)
@click.option(
    "--limit", type=click.IntRange(1, MAX_LIMIT), default=DEFAULT_LIMIT, show_default=True, help="The newest so many."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@config_option
@console_option
def command(route: str | None, limit: int, as_json: bool, config: str, console: Address | None) -> None:
    """Show the moves of ROUTE, or of every route, the newest last. Exit 1 when the ledger was changed or cut."""
    with reporting_failures():
        found = _find(config, console, route, limit)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found, route)
    sys.exit(1 if found["broken"] else 0)


def _find(config: str, console: Address | None, route: str | None, limit: int) -> dict[str, Any]:
    try:
        server = find_console(config, console)
        if console is not None or server.answers():
            return server.history(route, limit)
    except OperationError:
        if console is not None:
            raise
    return history(load_file(config, os.environ).state_dir, route, limit)


def _print(found: dict[str, Any], route: str | None) -> None:
    rows = [
        (
            each["at"],
            each["route"],
            f"{place(each['from'])} → {place(each['to'])}",
            each["verb"] + (" (forced)" if each["evidence"].get("forced") else ""),
            each["who"],
            each["why"],
        )
        for each in found["entries"]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
    if not rows:
        click.echo(f"no move{f' of a route {route}' if route else ''} is in the ledger", err=True)
    for line in found["unfinished"]:
        click.echo(f"{found['file']}:{line}: it was never finished, by a crash or a full disk", err=True)
    for name in found["set_aside"]:
        click.echo(f"a damaged ledger is kept beside it: {name}", err=True)
    if found["broken"]:
        click.echo(f"{found['file']}:{found['broken']['line']}: {found['broken']['why']}", err=True)
