"""`strangler retire`: tell callers of a route that it is gone."""

import click

from proxy.cli.moving import Asked, carry_out, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("retire", short_help="Tell callers of a route that it is gone.")
@move_options
@click.option("--see", metavar="URL", help="Where callers find what they want now.")
@click.option("--status", type=int, metavar="N", help="410, or with --see a redirect such as 301.")
@click.option("--deprecated", metavar="DATE", help="Since when it should not be used: 2026-09-01.")
@click.option("--sunset", metavar="DATE", help="When it ended, or ends: 2027-01-31.")
def command(
    route: str | None,
    group: str | None,
    because: str | None,
    dry_run: bool,
    as_json: bool,
    config: str,
    console: Address | None,
    see: str | None,
    status: int | None,
    deprecated: str | None,
    sunset: str | None,
) -> None:
    """Answer requests for ROUTE with 410, or a redirect: neither side is asked any more.

    With --group, those routes of the group that are at cutover.
    """
    more = {"see": see, "status": status, "deprecated": deprecated, "sunset": sunset}
    carry_out(Verb.RETIRE, Asked(route, group, because, dry_run, as_json, config, console), more)
