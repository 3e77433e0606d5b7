"""`strangler shadow`: let a route's service be sent copies, from before or from behind that stage."""

import click

from proxy.cli.moving import Asked, carry_out, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("shadow", short_help="Let a route's service be sent copies, and the monolith answer.")
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
    """Move ROUTE to stage shadow: the monolith answers, and copies go to the service, whose answers are only compared.

    With --group, those routes of the group that are at legacy, and only read.
    """
    carry_out(Verb.SHADOW, Asked(route, group, because, dry_run, as_json, config, console))
