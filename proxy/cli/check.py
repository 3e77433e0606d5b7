"""`strangler check`: every problem of a routes.yaml at once. Reads it and its files of endpoints, changes nothing."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from proxy import clock
from proxy.cli.options import CONFIG_VARIABLE, DEFAULT_CONFIG
from proxy.config import ConfigError, Problem, Snapshot, load_file
from proxy.config.model import DiscoverKind
from proxy.forwarding.sources import complaint_about
from proxy.routing.lint import lint

ERRORS, WARNINGS = 2, 1


@click.command("check", short_help="Check a routes.yaml and list every problem.")
@click.argument("file", envvar=CONFIG_VARIABLE, required=False)
@click.option("-c", "--config", metavar="FILE", help="The same as FILE.")
@click.option("--strict", is_flag=True, help="Exit 1 when there are warnings.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def command(file: str | None, config: str | None, strict: bool, as_json: bool) -> None:
    """Check FILE (default: $STRANGLER_CONFIG, then ./routes.yaml).

    Every problem is one line on stderr: file:line:column: message (hint). Exit 2 when there are errors, 0 when there
    are none, 1 when there are only warnings and --strict is given.
    """
    name = config or file or DEFAULT_CONFIG
    snapshot, problems = check(name, os.environ)
    code = exit_code(problems, strict=strict)
    if as_json:
        click.echo(json.dumps(_as_json(name, snapshot, problems), indent=2, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(str(problem), err=True)
        if snapshot is None:
            click.echo(f"{name}: {_count(problems)}", err=True)
        else:
            click.echo(f"{name}: {_summary(snapshot, problems)}")
    sys.exit(code)


def check(file: str, environ: Mapping[str, str]) -> tuple[Snapshot | None, Sequence[Problem]]:
    """The snapshot, None for a file with errors, and the problems: errors, or the warnings about a valid file."""
    try:
        snapshot = load_file(file, environ)
    except ConfigError as error:
        return None, error.problems
    return snapshot, [*lint(snapshot, clock.now().date()), *_endpoint_files(snapshot)]


def _endpoint_files(snapshot: Snapshot) -> Iterator[Problem]:
    """A bad file of endpoints is no error of the routes: a running server keeps the endpoints it found before."""
    for upstream in snapshot.upstreams.values():
        discover = upstream.discover
        if discover is not None and discover.kind is DiscoverKind.FILE:
            complaint = complaint_about(discover.path)
            if complaint is not None:
                message = f"upstream {upstream.name}: {discover}: {complaint}"
                yield Problem(None, message, "until it can be read there are no endpoints to ask", "warning")


def exit_code(problems: Sequence[Problem], *, strict: bool) -> int:
    if any(problem.severity == "error" for problem in problems):
        return ERRORS
    return WARNINGS if problems and strict else 0


def _count(problems: Sequence[Problem]) -> str:
    counts = [(sum(problem.severity == kind for problem in problems), kind) for kind in ("error", "warning")]
    return ", ".join(f"{number} {kind}{'s' if number > 1 else ''}" for number, kind in counts if number)


def _summary(snapshot: Snapshot, problems: Sequence[Problem]) -> str:
    stages = [route.stage for route in snapshot.routes]
    each = ", ".join(f"{stages.count(stage)} {stage}" for stage in dict.fromkeys(stages))
    routes = f"{len(stages)} route{'' if len(stages) == 1 else 's'}" + (f" ({each})" if each else "")
    found = f"; {_count(problems)}" if problems else ""
    return f"valid; {routes}; revision {snapshot.revision}{found}"


def _as_json(file: str, snapshot: Snapshot | None, problems: Sequence[Problem]) -> dict[str, Any]:
    return {
        "file": file,
        "valid": snapshot is not None,
        "revision": snapshot.revision if snapshot else None,
        "problems": [problem.as_json() for problem in problems],
    }
