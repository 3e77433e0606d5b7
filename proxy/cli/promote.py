"""`strangler promote`: move a route on, if its gates let it."""

import click

from proxy.cli.moving import Asked, carry_out, force_option, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("promote", short_help="Move a route on: to its next step, or its next stage.")
@move_options
@click.option("--to", type=click.Choice(["shadow", "canary", "cutover"]), help="That stage, instead of the next one.")
@click.option("--weight", metavar="N%", help="At canary, for that share of the users.")
@force_option
def command(
    route: str | None,
    group: str | None,
    because: str | None,
    dry_run: bool,
    as_json: bool,
    config: str,
    console: Address | None,
    to: str | None,
    weight: str | None,
    force: bool,
) -> None:
    """Move ROUTE to the next step of its canary, or else to its next stage: shadow, canary, cutover.

    What it writes is handed over on the way to cutover. When a gate is not met, nothing changes, and its measured
    value is shown beside its limit: exit 1. With --group, the routes move that lag behind most; those that write last.
    """
    more = {"to": to, "weight": weight, "force": force}
    carry_out(Verb.PROMOTE, Asked(route, group, because, dry_run, as_json, config, console), more)
