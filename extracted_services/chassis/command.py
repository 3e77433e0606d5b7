"""The command line that services have in common: settings from the environment, one thing to do, an exit code.

0 done · 2 wrong usage or settings (or the port is in use) · 3 something the service needs cannot be used ·
130 interrupted. Results go to stdout, everything else to stderr; an expected failure never shows a traceback.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn, TypeVar

import click

from extracted_services.chassis.database import DatabaseUnavailable
from extracted_services.chassis.internal_token import TokenUnusable
from extracted_services.chassis.logs import configure_logging
from extracted_services.chassis.schema import SchemaMismatch
from extracted_services.chassis.server import AddressInUse
from extracted_services.chassis.settings import CommonSettings, SettingsError, Variable

S = TypeVar("S", bound=CommonSettings)


def build_command(
    service: str,
    summary: str,
    variables: Mapping[str, Variable],
    read: Callable[[Mapping[str, str]], S],
    serve: Callable[[S], None],
    migrate: Callable[[S], Awaitable[str]],
) -> click.Group:
    """A group with `serve` (also without a command) and `migrate`; a service adds its own commands to it.

    They find the settings as the context's object.
    """

    @click.group(
        help=f"{summary} Without a command: bring the database up to date and serve.",
        invoke_without_command=True,
        epilog=_describe(variables),
        context_settings={"max_content_width": 120},
    )
    @click.pass_context
    def main(context: click.Context) -> None:
        try:
            context.obj = read(os.environ)
        except SettingsError as error:
            for problem in error.problems:
                click.echo(problem, err=True)
            sys.exit(2)
        configure_logging(context.obj.log_level, service)
        if context.invoked_subcommand is None:
            context.invoke(run_serve)

    @main.command("serve")
    @click.pass_obj
    def run_serve(settings: S) -> None:
        """Bring the database up to date and serve until SIGTERM or Ctrl-C."""
        try:
            with telling_failures():
                serve(settings)
        except KeyboardInterrupt:
            sys.exit(0)

    @main.command("migrate")
    @click.pass_obj
    def run_migrate(settings: S) -> None:
        """Bring the database up to date, see that it has the right shape, print its revision and end."""
        with telling_failures():
            click.echo(asyncio.run(_awaited(migrate(settings))))

    return main


@contextmanager
def telling_failures() -> Iterator[None]:
    """Ends the process with a line and an exit code on the failures that every command may meet."""
    try:
        yield
    except AddressInUse as problem:
        fail(2, str(problem))
    except (DatabaseUnavailable, SchemaMismatch) as problem:
        fail(3, f"DATABASE_URL: {problem}")
    except TokenUnusable as problem:
        fail(3, f"INTERNAL_TOKEN: {problem}")


def fail(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)


async def _awaited(result: Awaitable[str]) -> str:
    return await result


def _describe(variables: Mapping[str, Variable]) -> str:
    return "\b\nEnvironment:\n" + "\n".join(
        f"  {name:<17} {variable.meaning}\n  {'':<17} default: {variable.default or 'none'}"
        for name, variable in variables.items()
    )
