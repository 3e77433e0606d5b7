"""What the commands that move routes share: their options, whom they ask, and what they print.

They ask the running server. Where none answers, the file alone is edited, and the ledger written, as the OS user.
"""

import asyncio
import io
import json
import os
import pwd
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from proxy.cli.console_options import EXIT_CODES, GOES_ON, console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.config.errors import ConfigError
from proxy.config.model import Address
from proxy.control.lone_file import LoneFile
from proxy.observability.log import Log
from proxy.operations.errors import Code, OperationError
from proxy.operations.moves import move
from proxy.operations.orders import Scope, read_order
from proxy.rollout.ports import Verb

F = TypeVar("F", bound=Callable[..., Any])

FILE_ALONE = "no server answers: the file was edited, and a server that starts goes by it"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that every move has."""

    route: str | None
    group: str | None
    because: str | None
    dry_run: bool
    as_json: bool
    config: str
    console: Address | None


def move_options(command: F) -> F:
    """ROUTE, --group, --because, --dry-run, --json, --config, --console."""
    options = (
        click.argument("route", required=False),
        click.option("--group", metavar="GROUP", help="Those routes of a group that stand at the same stage."),
        click.option("--because", metavar="TEXT", help="Why; the ledger keeps it."),
        click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing."),
        click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON."),
        config_option,
        console_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


force_option = click.option("--force", is_flag=True, help="Go also where it is held back; needs --because.")


def carry_out(verb: Verb, asked: Asked, more: Mapping[str, Any] | None = None, *, everything: bool = False) -> None:
    """Do it, print what came of it, and exit: 0, or 1 gate not met, 2 usage, 3 unreachable, 4 refused, 5 goes on."""
    scope, name = _scope(asked, everything)
    body: dict[str, Any] = {"because": asked.because, "dry_run": asked.dry_run, "who": user(), **(more or {})}
    body = {key: value for key, value in body.items() if value not in (None, False)}
    with _failures_as_json() if asked.as_json else reporting_failures():
        found = _ask(verb, scope, name, body, asked)
    if asked.as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print(verb, found)
    sys.exit(EXIT_CODES[Code.REFUSED] if found["refused"] else GOES_ON if found["goes_on"] else 0)


def _scope(asked: Asked, everything: bool) -> tuple[Scope, str]:
    given = [each for each in (asked.route, asked.group) if each is not None]
    if len(given) + everything != 1:
        raise click.UsageError("name one ROUTE, or a --group" + (", or --all" if everything else ""))
    if everything:
        return Scope.ALL, ""
    return (Scope.ROUTE, given[0]) if asked.group is None else (Scope.GROUP, given[0])


def _ask(verb: Verb, scope: Scope, name: str, body: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    try:
        server = find_console(asked.config, asked.console)
    except OperationError:  # it takes any port, and none is running; a file with problems says so below
        return _edit_alone(verb, scope, name, body, asked)
    if asked.console is None and not server.answers():
        return _edit_alone(verb, scope, name, body, asked)
    return server.move(scope, name, verb, body)


def _edit_alone(verb: Verb, scope: Scope, name: str, body: Mapping[str, Any], asked: Asked) -> dict[str, Any]:
    order = read_order(scope, name, verb, body, "")
    try:
        alone = LoneFile(asked.config, os.environ, Log("cli", io.StringIO()))
    except ConfigError as error:
        details = tuple(map(str, error.problems))
        raise OperationError(Code.INVALID, "no server answers, and the file has errors", details) from None
    found = asyncio.run(move(alone, order))
    return {**found, "notes": [*found["notes"], *([FILE_ALONE] if found["changed"] else [])]}


def user() -> str:
    """Whom the operating system says this is."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


@contextmanager
def _failures_as_json() -> Iterator[None]:
    """A failure is an answer too, for programs: on stdout, with the exit code of its kind."""
    try:
        yield
    except OperationError as error:
        told = {"error": error.code.value, "message": error.message, "details": list(error.details), **error.data}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        sys.exit(EXIT_CODES[error.code])


def _print(verb: Verb, found: Mapping[str, Any]) -> None:
    """Moves and their diff on stdout; what stayed, notes and the next command on stderr."""
    for each in found["moves"]:
        handover = "  (by a handover)" if each["by_handover"] else ""
        click.echo(f"{each['route']}  {place(each['from'])} → {place(each['to'])}{handover}")
    if found["diff"]:
        click.echo(found["diff"])
    for each in found["refused"]:
        click.echo(f"refused: {each['route']}: {each['why']}", err=True)
    for each in found["goes_on"]:
        click.echo(f"goes on by itself: {each['route']}: {each['why']}", err=True)
    for each in found["left"]:
        click.echo(f"stays: {each['route']}: {each['why']}", err=True)
    for note in found["notes"]:
        click.echo(f"note: {note}", err=True)
    click.echo(_outcome(verb, found), err=True)


def place(given: Mapping[str, Any]) -> str:
    weight = f" {given['weight']}" if "weight" in given else ""
    return f"{given['stage']}{weight}{', paused' if given.get('paused') else ''}"


def _outcome(verb: Verb, found: Mapping[str, Any]) -> str:
    if found["dry_run"]:
        return "nothing has changed; leave out --dry-run to do it"
    if found["goes_on"]:
        return "not over yet; next: strangler status"
    if not found["moves"]:
        return "nothing has changed"
    route, stage = found["moves"][0]["route"], found["moves"][0]["to"]["stage"]
    following = {
        Verb.PAUSE: f"strangler resume {route}",
        Verb.ROLLBACK: f"strangler history {route}",
        Verb.RESUME: "strangler status",
        Verb.RETIRE: "strangler status",
    }
    by_stage = {"shadow": f"strangler mismatches {route}", "canary": f"strangler promote {route}"}
    return f"revision {found['revision']}; next: {following.get(verb) or by_stage.get(stage, 'strangler status')}"
