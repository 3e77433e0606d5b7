"""`strangler schema`: the JSON Schema of routes.yaml, for editors."""

import click

from proxy.config.schema import routes_schema_text


@click.command("schema", short_help="Print the JSON Schema of routes.yaml.")
def command() -> None:
    """Print the JSON Schema of routes.yaml (draft 7).

    Editors with a YAML language server complete and check the file when its first line reads

    \b
      # yaml-language-server: $schema=./routes.schema.json
    """
    click.echo(routes_schema_text(), nl=False)
