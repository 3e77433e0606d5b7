"""`strangler rollback`: move a route back, at once."""

import click

from proxy.cli.moving import Asked, carry_out, force_option, move_options
from proxy.config.model import Address
from proxy.rollout.ports import Verb


@click.command("rollback", short_help="Move a route back to the monolith, at once.")
@move_options
@click.option(
    "--to", type=click.Choice(["legacy", "shadow", "canary", "cutover"]), help="That stage, instead of legacy."
)
@click.option("--weight", metavar="N%", help="Back to that share of the users, at canary.")
@click.option("--all", "everything", is_flag=True, help="Every route that is not at legacy, or retired.")
@click.option("--now", is_flag=True, help="Close WebSockets and event streams of the service at once.")
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
    everything: bool,
    now: bool,
    force: bool,
) -> None:
    """Move ROUTE back to the monolith. No gate is asked; where the file cannot be edited, it holds beside the file.

    What a route writes goes back by a handover. With --group, the routes come back that have gone farthest. Exit 4
    when one was refused, also when others have moved.
    """
    more = {"to": to, "weight": weight, "now": now, "force": force}
    asked = Asked(route, group, because, dry_run, as_json, config, console)
    carry_out(Verb.ROLLBACK, asked, more, everything=everything)
