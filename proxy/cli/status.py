"""`strangler status`: what a running server is doing."""

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console as Terminal
from rich.table import Table

from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.cli.ownership_lines import ownership_lines
from proxy.cli.position_table import position_notes, position_table
from proxy.cli.rollout_table import rollout_notes, rollout_table
from proxy.cli.upstream_table import upstream_notes, upstream_table
from proxy.config.model import Address


@click.command("status", short_help="Show what the running server is doing.")
@config_option
@console_option
@click.option("--by-worker", is_flag=True, help="Show upstreams as each worker sees them.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(config: str, console: Address | None, by_worker: bool, as_json: bool) -> None:
    """Show the revision that serves, workers, upstreams, rollouts, and what is wrong with the file as it is now.

    Exit 1 when the server is not ready or the file was refused, 3 when no server answers, 4 when it refuses.
    """
    with reporting_failures():
        asked = find_console(config, console)
        found = {**asked.status(), **asked.upstreams(), **asked.rollouts(), "handovers": asked.handovers()}
    if as_json:
        click.echo(json.dumps(found))
    else:
        _print(found, by_worker)
    sys.exit(0 if found["ready"] and not found["config"]["error"] else 1)


def _print(found: dict[str, Any], by_worker: bool) -> None:
    terminal = Terminal(highlight=False, soft_wrap=True)
    config, workers = found["config"], found["workers"]
    state = "draining" if found["draining"] else "ready" if found["ready"] else "not ready"
    terminal.print(f"[bold]{state}[/bold]  up {_span(found['uptime_seconds'])}  version {found['version']}")
    scheme = "https" if found["listen"]["tls"] else "http"
    terminal.print(f"users      {' '.join(f'{scheme}://{each}' for each in found['listen']['public'])}", markup=False)
    terminal.print(f"operators  {' '.join(f'http://{each}' for each in found['listen']['console'])}", markup=False)
    terminal.print(
        f"file       {config['file']}  revision {config['revision']}  {config['routes']} routes", markup=False
    )
    for problem in config["problems"]:
        where = f"{problem['file']}:{problem['line']}:{problem['column']}: " if problem["file"] else ""
        hint = f" (hint: {problem['hint']})" if problem["hint"] else ""
        terminal.print(f"refused    {where}{problem['message']}{hint}", markup=False, style="red")
    terminal.print(_workers(workers))
    if len(workers["connected"]) < workers["wanted"]:
        terminal.print(f"{workers['wanted'] - len(workers['connected'])} worker(s) missing", style="red")
    terminal.print(position_table(found["routes"]))
    for line in position_notes(found["routes"], found["overrides"]):
        terminal.print(line, markup=False, style="red")
    terminal.print(upstream_table(found["upstreams"], by_worker=by_worker))
    for route in found["left"]:
        terminal.print(f"{route['route']} ({route['stage']}): {told_of_legacy(route)}", markup=False)
    for line in ownership_lines(found["handovers"]):
        terminal.print(line, markup=False)
    for line in upstream_notes(found["upstreams"]):
        terminal.print(line, markup=False, style="red")
    if (table := rollout_table(found["rollouts"])) is not None:
        terminal.print(table)
    for line in rollout_notes(found):
        terminal.print(line, markup=False)


def told_of_legacy(legacy: Mapping[str, Any]) -> str:
    """When the monolith last answered for a route that has left it."""
    if legacy["last_request"]:
        return f"the monolith last answered at {legacy['last_request']}"
    return f"nothing went to the monolith since {legacy['none_since']}"


def _workers(workers: dict[str, Any]) -> Table:
    table = Table("worker", "pid", "revision", "requests", "restarts", box=None, pad_edge=False)
    for each in workers["connected"]:
        row = (each["number"], each["pid"], each["revision"], each["requests"], each["restarts"])
        table.add_row(*map(str, row))
    return table


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m" if hours else f"{minutes}m {rest}s" if minutes else f"{rest}s"
