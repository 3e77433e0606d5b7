"""`strangler`: the group of all commands. A command's module is imported only when it runs, so that help comes at once.

Here too is the one place where an invalid routes.yaml that nobody caught becomes its lines on stderr and exit 2.
"""

import os
from importlib import import_module
from typing import Any

import click

from proxy import __version__

COMMANDS = {
    "serve": ("proxy.cli.serve", "Run the proxy."),
    "demo": ("proxy.cli.demo", "Run the bundled shop behind the proxy, and watch a route move."),
    "init": ("proxy.cli.init", "Draft a routes.yaml for a monolith."),
    "routes": ("proxy.cli.routes", "List the routes in the order in which they are tried."),
    "status": ("proxy.cli.status", "Show what the running server is doing."),
    "mismatches": ("proxy.cli.mismatches", "Show in what the two sides of each route differ."),
    "inventory": ("proxy.cli.inventory", "Say what is asked for, what to extract next, and what is dead."),
    "promote": ("proxy.cli.promote", "Move a route on: to its next step, or its next stage."),
    "shadow": ("proxy.cli.shadow", "Let a route's service be sent copies, and the monolith answer."),
    "pause": ("proxy.cli.pause", "Stop a canary's rollout where it is."),
    "resume": ("proxy.cli.resume", "Let a rollout go on, and the file have the last word again."),
    "rollback": ("proxy.cli.rollback", "Move a route back to the monolith, at once."),
    "retire": ("proxy.cli.retire", "Tell callers of a route that it is gone."),
    "history": ("proxy.cli.history", "Show who moved what, when and why."),
    "diff": ("proxy.cli.diff", "Show what has changed of the routes since a revision of git."),
    "handover": ("proxy.cli.handover", "Let the other side write what a route or a group writes."),
    "explain": ("proxy.cli.explain", "Say which route a request takes, to which side, and why."),
    "check": ("proxy.cli.check", "Check a routes.yaml and list every problem."),
    "compare": ("proxy.cli.compare", "Ask two systems the same, and say in what their answers differ."),
    "record": ("proxy.cli.record", "Write live traffic into a capture."),
    "replay": ("proxy.cli.replay", "Ask a system what was recorded of another."),
    "export": ("proxy.cli.export", "Turn a capture into a HAR, or a HAR into a capture."),
    "ignore": ("proxy.cli.ignore", "Let a difference of a route count no more."),
    "schema": ("proxy.cli.schema", "Print the JSON Schema of routes.yaml."),
    "reload": ("proxy.cli.reload", "Let the running server read its file again."),
}
"""Name -> module with a `command`, and its line in the help, which must not need the module."""

_EXIT_CODES = """\b
Exit codes:
  0  well
  1  the answer is no: a warning under --strict, a server that is not ready, two sides that differ, a gate not met
  2  wrong usage, or a routes.yaml with errors
  3  the server could not be reached
  4  the server refused
  5  not over yet: the server goes on with it by itself
"""


class LazyGroup(click.Group):
    """A group whose commands are a table of modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"No such command '{name}'.{_did_you_mean(name)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            from proxy.config.errors import ConfigError  # only now: the help must not wait for it

            if not isinstance(error, ConfigError):
                raise
            click.echo(str(error), err=True)
            ctx.exit(2)


def _did_you_mean(name: str) -> str:
    from difflib import get_close_matches  # only now, likewise

    close = get_close_matches(name, COMMANDS, n=1)
    return f" Did you mean '{close[0]}'?" if close else " See 'strangler --help'."


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, "-V", "--version", prog_name="strangler")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Move a monolith's routes to new services, one at a time, and back."""
    if os.environ.get("NO_COLOR"):  # https://no-color.org: set and not empty
        ctx.color = False
