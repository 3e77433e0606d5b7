"""`strangler reload`: let a running server read its file again, and wait until it serves it."""

import json

import click

from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.config.model import Address


@click.command("reload", short_help="Let the running server read its file again.")
@config_option
@console_option
@click.option("--rolling-restart", is_flag=True, help="Replace the worker processes one by one as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(config: str, console: Address | None, rolling_restart: bool, as_json: bool) -> None:
    """Read the file and the certificates again. A file with problems changes nothing: exit 2, the old one serves on.

    Exit 3 when no server answers, 4 when it refuses.
    """
    with reporting_failures():
        server = find_console(config, console)
        answer = server.reload()
        if rolling_restart:
            answer |= {"restarting": server.restart()["workers"]}
    if as_json:
        click.echo(json.dumps(answer))
        return
    click.echo(f"revision {answer['revision']} {'serves now' if answer['changed'] else 'serves already'}")
    if answer["late"]:
        click.echo(f"not yet confirmed by worker {', '.join(map(str, answer['late']))}", err=True)
    if rolling_restart:
        click.echo(f"restarting {answer['restarting']} worker(s), one by one")
