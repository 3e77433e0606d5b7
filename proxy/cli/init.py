"""`strangler init`: a first routes.yaml, drafted from a Django project's URLconf, or a small one for any monolith."""

import json
import sys
from pathlib import Path

import click

from proxy.cli.console_options import reporting_failures
from proxy.cli.options import DEFAULT_CONFIG
from proxy.operations.drafting import compose_draft, write_draft
from proxy.operations.urlconf import ask_django, read_document


@click.command("init", short_help="Draft a routes.yaml for a monolith.")
@click.option("--django", "settings", metavar="MODULE", help="The settings of a Django project, as myshop.settings.")
@click.option("--python", default=sys.executable, metavar="FILE", help="The project's own interpreter, if not this.")
@click.option("--legacy", metavar="URL", help="Where the monolith is.  [default: $MONOLITH_URL when serving]")
@click.option("-o", "--output", default=DEFAULT_CONFIG, show_default=True, metavar="FILE", help="- is stdout.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the URLconf as JSON, and draft nothing.")
def command(settings: str | None, python: str, legacy: str | None, output: str, force: bool, as_json: bool) -> None:
    """Write a routes.yaml in which every path of the monolith has a route, and every route is still at legacy.

    The project's settings are imported by its own interpreter, in this folder; no view is called. What --json prints,
    strangler inventory takes as --urls.
    """
    if settings is None and (as_json or legacy is None):
        raise click.UsageError("name a Django project with --django MODULE, or any other monolith with --legacy URL")
    with reporting_failures():
        document = ask_django(settings, python) if settings else {"patterns": []}
        if as_json:
            click.echo(json.dumps(document, indent=2))
            return
        urlconf = read_document(document, f"the URLconf of {settings}")
        text, snapshot = compose_draft(urlconf, legacy)
        if output == "-":
            click.echo(text, nl=False)
            return
        write_draft(text, Path(output), force=force)
    click.echo(f"{output}: {len(snapshot.routes)} routes from {len(urlconf.patterns)} paths of the monolith")
    click.echo(f"next: strangler check {output}", err=True)
