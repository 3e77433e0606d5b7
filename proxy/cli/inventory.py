"""`strangler inventory`: what is asked for, what to extract next, what is dead, what no route claims, how far it is.

Asks the running server; where none answers, it reads what the last one kept.
"""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.console import Console as Terminal
from rich.table import Table
from rich.text import Text

from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.cli.status import told_of_legacy
from proxy.config import Snapshot, load_file
from proxy.config.model import Address
from proxy.inventory.patterns import Urlconf
from proxy.operations.errors import Code, OperationError
from proxy.operations.inventory import Observation, from_answer, from_folder, view
from proxy.operations.urlconf import ask_django, read_document, read_file

LINES = 20
WIDE = 1000  # columns, where nobody's terminal says how many there are: a table is as wide as it wants to be


@click.command("inventory", short_help="Say what is asked for, what to extract next, and what is dead.")
@click.option(
    "--django", "settings", metavar="MODULE", help="Join the URLconf of a Django project with these settings."
)
@click.option("--python", default=sys.executable, metavar="FILE", help="The project's own interpreter, if not this.")
@click.option("--urls", metavar="FILE", help="Join a URLconf that strangler init --json printed.")
@click.option("--all", "show_all", is_flag=True, help=f"Show all, and not only {LINES} of each.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@config_option
@console_option
def command(
    settings: str | None,
    python: str,
    urls: str | None,
    show_all: bool,
    as_json: bool,
    config: str,
    console: Address | None,
) -> None:
    """Join the route table, the traffic of the last 30 days and, if it is named, the monolith's URLconf.

    Paths are shown as templates: what is no word is {id}. Where no server answers, what the last one kept is shown.
    Exit 4 when the server refuses, or what was kept cannot be read.
    """
    if settings and urls:
        raise click.UsageError("the URLconf comes from --django or from --urls, not from both")
    snapshot = load_file(config, os.environ)
    with reporting_failures():
        urlconf = _urlconf(settings, python, urls)
        found = view(snapshot, _observation(snapshot, config, console), urlconf)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found, None if show_all else LINES)


def _urlconf(settings: str | None, python: str, urls: str | None) -> Urlconf | None:
    if settings:
        return read_document(ask_django(settings, python), f"the URLconf of {settings}")
    return read_file(urls) if urls else None


def _observation(snapshot: Snapshot, config: str, console: Address | None) -> Observation:
    try:
        return from_answer(find_console(config, console).inventory())
    except OperationError as error:
        if error.code is not Code.UNREACHABLE and not (error.code is Code.INVALID and console is None):
            raise
        click.echo(f"{error.message}: what it kept is shown", err=True)
        return from_folder(snapshot)


def _print(found: Mapping[str, Any], most: int | None) -> None:
    terminal = Terminal(highlight=False, soft_wrap=True)
    if not terminal.is_terminal:
        terminal = Terminal(highlight=False, soft_wrap=True, width=WIDE)
    terminal.print(_progress(found), markup=False)
    if found["not_kept"]:
        terminal.print(f"what is counted cannot be written: {found['not_kept']}", markup=False, style="red")
    if not found["requests"]:
        terminal.print("Nothing was asked for yet: what follows says little.")
    if found["next"]:
        _section(terminal, "What to extract next", _candidates(found["next"][:most]))
    if found["lines"]:
        _section(terminal, "What is asked for", _lines(found["lines"][:most]))
    dead, unrouted, not_found = found["dead"], found["unrouted"], found["not_found"]
    _list(terminal, f"Routes nobody asked for since {dead['since']}", [_at(each) for each in dead["routes"]], most)
    patterns = [f"{each['template']}  ({each['view']})" for each in dead["patterns"]]
    _list(terminal, f"Paths of the monolith nobody asked for since {dead['since']}", patterns, most)
    _list(terminal, "Asked for, and claimed by no route", unrouted["no_route"], most)
    _list(terminal, "Asked for, and not in the URLconf", unrouted["no_pattern"] or (), most)
    _list(terminal, "What has left the monolith", [_left(each) for each in found["leaving"]], most)
    if not_found["requests"]:
        callers = _join(not_found["callers"])
        terminal.print(f"\n{not_found['requests']:,} requests for paths that are none (404): {callers}", markup=False)
    if found["without_template"]:
        counts = _join(found["without_template"])
        terminal.print(f"\nCounted without a path, because there were too many: {counts}", markup=False)


def _progress(found: Mapping[str, Any]) -> str:
    moved = found["progress"]
    parts = [f"{moved['routes_moved']:g} of {moved['routes']} routes"]
    parts += [
        f"{moved[f'{what}_moved'] / moved[what]:.1%} of {moved[what]:,} {what}"
        for what in ("requests", "writes")
        if moved[what]
    ]
    return f"moved: {', '.join(parts)}; observed since {found['since']}, at most {found['window_days']} days"


def _section(terminal: Terminal, title: str, table: Table) -> None:
    terminal.print(f"\n{title}", style="bold")
    terminal.print(table)


def _candidates(candidates: Iterable[Mapping[str, Any]]) -> Table:
    table = Table("  route", "requests", "share", "score", "", box=None, pad_edge=False)
    for each in candidates:
        named = each["template"] or each["route"]
        row = (f"  {named}", f"{each['requests']:,}", f"{each['share']:.1%}", f"{each['score']:.4f}", each["why"])
        table.add_row(*map(Text, row))
    return table


def _lines(lines: Iterable[Mapping[str, Any]]) -> Table:
    names = ("  path", "route", "stage", "requests", "share", "methods", "answers", "callers", "last seen")
    table = Table(*names, box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for line in lines:
        row = (f"  {line['template']}", line["route"], line["stage"] or "", f"{line['requests']:,}")
        counts = (_join(line["methods"]), _join(line["classes"]), _join(line["callers"]))
        table.add_row(*map(Text, (*row, f"{line['share']:.1%}", *counts, line["last_seen"])))
    return table


def _join(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _list(terminal: Terminal, title: str, items: Iterable[str], most: int | None) -> None:
    items = list(items)
    if not items:
        return
    terminal.print(f"\n{title}", style="bold")
    for item in items[:most]:
        terminal.print(Text(f"  {item}"))
    if most is not None and len(items) > most:
        terminal.print(f"  and {len(items) - most} more (--all)")


def _at(each: Mapping[str, Any]) -> str:
    return f"{each['route']} ({each['stage']})"


def _left(each: Mapping[str, Any]) -> str:
    still = f"; may still ask it: {', '.join(each['ties'])}" if each["ties"] else ""
    retired = each["retired"]
    called = f"; still called by {_join(retired['callers'])}" if retired and retired["requests"] else ""
    return f"{_at(each)}: {told_of_legacy(each['legacy'])}{still}{called}"
