"""`strangler resume`: let a rollout go on, and end what holds beside the file."""

import click

from proxy.cli.moving import Asked, carry_out, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("resume", short_help="Let a rollout go on, and the file have the last word again.")
@move_options
def command(
    route: str | None,
    group: str | None,
    because: str | None,
    dry_run: bool,
    as_json: bool,
    config: str,
    console: Address | None,
) -> None:
    """Let the rollout of ROUTE go on. A move that holds beside the file ends: the route stands where the file says.

    With --group, those routes of the group that are paused.
    """
    carry_out(Verb.RESUME, Asked(route, group, because, dry_run, as_json, config, console))
