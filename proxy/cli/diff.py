"""`strangler diff`: what has changed of the routes since a revision of git, or against another file."""

import json
import os
import sys
from typing import Any

import click

from proxy.cli.console_options import reporting_failures
from proxy.cli.moving import place
from proxy.cli.options import config_option
from proxy.operations.diff import diff


@click.command("diff", short_help="Show what has changed of the routes since a revision of git.")
@click.argument("revision", metavar="REV", default="HEAD")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@config_option
def command(revision: str, as_json: bool, config: str) -> None:
    """Compare the file as it is with what it was at REV (HEAD), or with the file of that path; by route, not by line.

    What holds beside the file is shown too, as drift. Exit 1 when anything differs.
    """
    with reporting_failures():
        found = diff(config, revision, os.environ)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(found)
    differs = found["routes"] or found["legacy"] or found["upstreams"] or found["drift"]
    sys.exit(1 if differs else 0)


def _print(found: dict[str, Any]) -> None:
    for each in found["routes"]:
        click.echo(f"{each['route']}  {_told(each)}")
    if found["legacy"]:
        click.echo(f"defaults.legacy  {' → '.join(found['legacy'])}")
    for name in found["upstreams"]:
        click.echo(f"upstreams.{name}  changed")
    for each in found["drift"]:
        click.echo(f"drift: {each['route']} stands at {place(each)} beside the file, since {each['since']}")


def _told(route: dict[str, Any]) -> str:
    if route["change"] != "changed":
        return f"{route['change']}, at {place(route)}"
    said = [f"{place(route['from'])} → {place(route['to'])}"] if "from" in route else []
    said += [f"{key}: {old} → {new}" for key, (old, new) in route.get("settings", {}).items()]
    return "; ".join([*said, *(f"{name} changed" for name in route.get("others", ()))])
