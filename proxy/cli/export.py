"""`strangler export`: captures in the form that other tools read, and theirs as captures."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click

from proxy.cli.traffic_options import mask_options, redaction_of, write_output
from proxy.operations.errors import OperationError
from proxy.operations.export import as_capture, as_har

DEFAULT_ORIGIN = "http://localhost"

_OUTPUT = click.Path(dir_okay=False, path_type=Path)
_INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("export", short_help="Turn a capture into a HAR, or a HAR into a capture.")
def command() -> None:
    """Give recorded traffic to other tools, or take theirs."""


@command.command("har", short_help="A capture as HAR 1.2.")
@click.argument("capture", type=_INPUT)
@click.option("--origin", metavar="URL", default=DEFAULT_ORIGIN, show_default=True, help="What precedes the targets.")
@click.option("-o", "--output", type=_OUTPUT, help="Write to this file instead of stdout.")
def har(capture: Path, origin: str, output: Path | None) -> None:
    """Write what CAPTURE holds as HAR 1.2, which browsers and most tools for HTTP read. Masked secrets stay masked."""
    try:
        write_output(output, as_har(capture, origin, _say))
    except OperationError as error:
        _fail(error)


@command.command("jsonl", short_help="A HAR as a capture.")
@click.argument("har", type=_INPUT)
@click.option("--origin", "origins", metavar="URL", multiple=True, help="Take only what was asked of it; repeatable.")
@click.option("-o", "--output", type=_OUTPUT, default="capture.jsonl", show_default=True, help="Must not be there.")
@mask_options
def jsonl(
    har: Path, origins: tuple[str, ...], output: Path, mask: tuple[str, ...], mask_pattern: tuple[str, ...]
) -> None:
    """Write what HAR holds, as a browser saved it, into a capture. Secrets are masked on the way."""
    redaction = redaction_of(mask, mask_pattern)
    try:
        written, left_out = as_capture(har, origins, output, redaction, _say)
    except OperationError as error:
        _fail(error)
    click.echo(f"{output}: {_count(written, 'exchange')}" + (f"; {left_out} left out" if left_out else ""), err=True)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _fail(error: OperationError) -> None:
    lines: Iterable[str] = (str(error), *(str(detail) for detail in error.details))
    for line in lines:
        click.echo(f"strangler export: {line}", err=True)
    sys.exit(2)
