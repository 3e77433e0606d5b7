"""`strangler pause`: stop a canary's rollout where it is."""

import click

from proxy.cli.moving import Asked, carry_out, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("pause", short_help="Stop a canary's rollout where it is.")
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
    """Let nobody but a person move the weight of ROUTE, until strangler resume.

    With --group, those routes of the group that are at canary.
    """
    carry_out(Verb.PAUSE, Asked(route, group, because, dry_run, as_json, config, console))
