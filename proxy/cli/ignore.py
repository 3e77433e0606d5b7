"""`strangler ignore`: let a difference count no more. Shows the line it would add to the file; adds it with --write."""

import os
from datetime import datetime

import click

from proxy import clock
from proxy.cli.console_options import reporting_failures
from proxy.cli.options import config_option
from proxy.operations.ignore import plan_ignore, write_plan


@click.command("ignore", short_help="Let a difference of a route count no more.")
@click.argument("route")
@click.argument("path")
@click.option("--because", metavar="TEXT", required=True, help="Why it does not count; reports show it.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Last day of the rule: 2027-03-01.")
@click.option("--write", is_flag=True, help="Change the file. Without it, only the change is shown.")
@config_option
def command(route: str, path: str, because: str, until: datetime | None, write: bool, config: str) -> None:
    """Ignore what differs at PATH in the answers of ROUTE.

    PATH is a JSON path ($.items[*].updated_at; quote it for the shell), header:NAME, or css:SELECTOR for HTML.

    The change is one line under the route's compare.ignore; comments and layout stay. It is printed as a diff on
    stdout, and made with --write. Exit 2 when the file or the rule has errors, 4 when the file cannot be replaced.
    """
    day = until.date() if until else None
    with reporting_failures():
        plan = plan_ignore(config, route, path, because, day, os.environ, clock.now().date())
        if plan.known:
            why = f" (because: {plan.known.because})" if plan.known.because else ""
            click.echo(f"{path} is ignored already{why}; nothing to change", err=True)
            return
        if write:
            write_plan(plan)
    click.echo(plan.diff(config))
    click.echo(_told(config, plan.revision, write), err=True)


def _told(config: str, revision: str, written: bool) -> str:
    if written:
        return f"{config}: written; revision {revision}, which a running server takes within a second or two"
    return f"{config}: nothing is written; add --write to make this change"
