"""`strangler handover`: let the other side write, and the routes follow, while clients notice nothing but a pause."""

import json
import sys
from typing import Any

import click

from proxy.cli.console_options import GOES_ON, console_option, find_console, reporting_failures
from proxy.cli.moving import user
from proxy.cli.options import config_option
from proxy.cli.ownership_lines import WRITERS
from proxy.config.model import Address
from proxy.operations.errors import Code, OperationError

PATIENCE_LINES = 60  # signs of life, one a second, after which it goes on without us


@click.command("handover", short_help="Let the other side write what a route or a group writes.")
@click.argument("name")
@config_option
@console_option
@click.option("--back", is_flag=True, help="To the monolith.")
@click.option("--route", "is_route", is_flag=True, help="NAME is a route, also when a group is named like it.")
@click.option("--dry-run", is_flag=True, help="Say what would move, and what speaks against it.")
@click.option("--force", is_flag=True, help="With --back: also behind a point of no return; needs --because.")
@click.option("--despite-conflicts", is_flag=True, help="Also when the side that is to write has conflicts.")
@click.option("--because", default="", help="A word on why, for the ledger.")
@click.option("--json", "as_json", is_flag=True, help="Print every line as JSON.")
def command(
    name: str,
    config: str,
    console: Address | None,
    back: bool,
    is_route: bool,
    dry_run: bool,
    force: bool,
    despite_conflicts: bool,
    because: str,
    as_json: bool,
) -> None:
    """Hand the writing of a group's, or a route's, entities over to the services, or --back, and let the routes follow.

    NAME is a group, or else a route. All routes that write the same move together. Writes that come meanwhile wait;
    the databases of both sides decide who may write, so none is lost and none is done twice.

    Exit 1 when writing went back to the side that had it, 3 when no server answers, 4 when it refuses, 5 when it waits
    for long and goes on by itself.
    """
    order: dict[str, object] = {
        "back": back,
        "dry_run": dry_run,
        "force": force,
        "despite_conflicts": despite_conflicts,
    }
    order |= {"because": because, "who": user()}
    with reporting_failures():
        server = find_console(config, console)
        groups = {route["group"] for route in server.routes()["routes"]}
        kind = "group" if name in groups and not is_route else "route"
        ending = _follow(server.hand_over(kind, name, order), as_json)
    sys.exit({"done": 0, "dry_run": 0, "goes_on": GOES_ON}.get(ending, 1))


def _follow(lines: Any, as_json: bool) -> str:
    """Print each line; how it ended, or that it goes on. Raises OperationError when the server has gone."""
    silent = 0
    for line in lines:
        if as_json:
            click.echo(json.dumps(line))
        else:
            _print(line)
        silent = silent + 1 if line["event"] == "waiting" else 0
        if line["event"] == "end":
            return str(line["ending"])
        if silent > PATIENCE_LINES:
            click.echo(f"it is still {line['state']}, and goes on by itself: see strangler status", err=True)
            click.echo(f"it waits for: {line['for']}", err=True)
            return "goes_on"
    message = "the server has gone; what it began, it takes up when it is back: see strangler status"
    raise OperationError(Code.UNREACHABLE, message)


def _print(line: dict[str, Any]) -> None:
    match line["event"]:
        case "plan":
            _print_plan(line)
        case "step":
            click.echo(f"{line['seconds']:7.3f} s  {line['text']}")
        case "end":
            _print_end(line)


def _print_plan(plan: dict[str, Any]) -> None:
    click.echo(f"{', '.join(plan['entities'])} to {plan['side']}, as epoch {plan['epoch']}")
    click.echo(f"routes that move: {', '.join(plan['routes'])}")
    if plan["stay"]:
        click.echo(f"routes of the group that write nothing, and stay: {', '.join(plan['stay'])}")
    for name, one in plan["entities"].items():
        since = plan["written_since_cutover"].get(name)
        written = f", {since} events since cutover" if since is not None else ""
        click.echo(f"{name:10} written by {WRITERS[one['owner']]}; events to hear: {one['lag_now']}{written}")
    for route in plan["point_of_no_return"]:
        click.echo(f"{route} has a point of no return: once it is behind, only --back --force leads back", err=True)


def _print_end(end: dict[str, Any]) -> None:
    if end["ending"] == "dry_run":
        return
    if end["ending"] == "refused":
        click.echo(f"refused, nothing was touched: {end['problem']}", err=True)
        if end["hint"]:
            click.echo(f"hint: {end['hint']}", err=True)
        return
    held = end["held"]
    refused = held["expired"] + held["full"]
    click.echo(
        f"{end['ending'].replace('_', ' ')} in {end['seconds']:.2f} s; writes that waited: {held['released']}, "
        f"the longest {held['longest']:.2f} s; told to come again: {refused}"
    )
    if end["problem"]:
        click.echo(end["problem"], err=True)
    if end["override"]:
        click.echo("the file could not be written: the routes hold beside it", err=True)
