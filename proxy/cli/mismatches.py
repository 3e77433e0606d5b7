"""`strangler mismatches`: in what the two sides of each route differ, as far as copies of requests have shown.

Asks the running server; where none answers, it reads what the last one kept.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import click
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from proxy import clock
from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.config import load_file
from proxy.config.model import Address
from proxy.config.refused import Refused
from proxy.config.values import duration, format_duration
from proxy.operations.errors import Code, OperationError
from proxy.operations.mismatches import DEFAULT_LIMIT, DEFAULT_SINCE, MAX_LIMIT, Question, mismatches

_STYLES = {"match": "green", "mismatch": "bold red", "noisy": "yellow", "not_enough_data": "yellow"}


class _Span(click.ParamType[timedelta]):
    """A duration, as the file writes it."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return duration(timedelta(minutes=1))(value)
        except Refused as refused:
            self.fail(refused.message + (f" (hint: {refused.hint})" if refused.hint else ""), param, ctx)


@click.command("mismatches", short_help="Show in what the two sides of each route differ.")
@click.argument("route", required=False)
@click.option("--since", type=_Span(), default=format_duration(DEFAULT_SINCE), show_default=True, help="How far back.")
@click.option(
    "--limit", type=click.IntRange(1, MAX_LIMIT), default=DEFAULT_LIMIT, show_default=True, help="Fields of each route."
)
@click.option("--all", "show_all", is_flag=True, help="Show also the fields that are noise.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@config_option
@console_option
def command(
    route: str | None,
    since: timedelta,
    limit: int,
    show_all: bool,
    as_json: bool,
    config: str,
    console: Address | None,
) -> None:
    """Show the verdict on ROUTE, or on every route that is shadowed, and the fields in which its two sides differ.

    A field counts when it differs clearly more often than the side that answers differs from itself. Exit 1 when a
    route is a mismatch.
    """
    with reporting_failures():
        found = _find(config, console, Question(route, since, limit))
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found, show_all)
    sys.exit(1 if any(each["verdict"] == "mismatch" for each in found["routes"]) else 0)


def _find(config: str, console: Address | None, question: Question) -> dict[str, Any]:
    try:
        server = find_console(config, console)
    except OperationError as error:  # it takes any port, and none is running; a file with problems says so below
        why = error.message
    else:
        try:
            return server.mismatches(question)
        except OperationError as error:
            if error.code is not Code.UNREACHABLE:
                raise
            why = error.message
    snapshot = load_file(config, os.environ)
    click.echo(f"{why}: what it kept is shown", err=True)
    return mismatches(snapshot, question, clock.now())


def _print(found: Mapping[str, Any], show_all: bool) -> None:
    terminal = Terminal(highlight=False, soft_wrap=True)
    if not found["routes"]:
        terminal.print("No route is shadowed: stage: shadow copies its requests to the service, and compares.")
    for number, route in enumerate(found["routes"]):
        if number:
            terminal.print()
        _print_route(terminal, route, show_all)


def _print_route(terminal: Terminal, route: Mapping[str, Any], show_all: bool) -> None:
    verdict = Text(route["verdict"].replace("_", " "), style=_STYLES[route["verdict"]])
    terminal.print(Text.assemble((route["route"], "bold"), "  ", verdict, f"  {route['reason']}"))
    terminal.print(Text("  " + ", ".join(_counts(route))))
    groups = [group for group in route["groups"] if show_all or group["reading"] != "noise"]
    if groups:
        terminal.print(_table(groups))
    noise = sum(group["reading"] == "noise" for group in route["groups"])
    if noise and not show_all:
        terminal.print(f"  {noise} field{'s' if noise > 1 else ''} of noise (--all shows them)")
    if route["more_groups"]:
        terminal.print(f"  {route['more_groups']} more (--limit)")
    for group in groups[:1]:
        if group["ignore"]:
            terminal.print(Text(f"  if it does not count: {group['ignore']}"))


def _counts(route: Mapping[str, Any]) -> Iterator[str]:
    yield f"{route['compared']:,} compared ({route['primary']} with {route['candidate']})"
    yield f"{route['again']:,} of {route['primary']} with itself"
    reasons = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in route["undecided"].items())
    if reasons:
        yield f"not judged: {reasons}"
    if route["counted_since"]:
        yield f"since {route['counted_since']}"
    if not route["mirrored"]:
        yield "no longer copied"


def _table(groups: list[Mapping[str, Any]]) -> Table:
    table = Table("  field", "kind", "differs", "from itself", "example", box=None, pad_edge=False)
    for group in groups:
        unclear = " (unclear)" if group["reading"] == "unclear" else ""
        differs = f"{group['count']:,} ({group['share']:.1%}){unclear}"
        itself = f"{group['noise_count']:,} ({group['noise_share']:.1%})"
        table.add_row(Text(f"  {group['path']}"), group["kind"], differs, itself, _example(group))
    return table


def _example(group: Mapping[str, Any]) -> Text:
    found = group["example"]
    if found is None:
        return Text("")
    left, right = (_side(found[side]) for side in ("left", "right"))
    return Text(f"{left} → {right}  {found['request']}")


def _side(text: str | None) -> str:
    return "nothing" if text is None else text if len(text) <= 60 else text[:59] + "…"
