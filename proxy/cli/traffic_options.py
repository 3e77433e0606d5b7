"""What the commands share that ask systems themselves: headers, masks, the file of an --output, a bar of progress."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from proxy.wire.redaction import Redaction, Redactor

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

F = TypeVar("F", bound=Callable[..., Any])


class HeaderType(click.ParamType[tuple[str, str]]):
    """'Name: value'. What is refused is never quoted: it may be a credential."""

    name = "header"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, colon, found = str(value).partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            self.fail("a header is written -H 'Name: value'", param, ctx)
        if _CONTROL.search(found):
            self.fail(f"the value of header {name} holds a control character", param, ctx)
        return name, found.strip().encode().decode("latin-1")


def header_option(command: F) -> F:
    """-H, which may be repeated, as `headers: tuple[tuple[str, str], ...]`."""
    return click.option(
        "-H",
        "--header",
        "headers",
        metavar="'NAME: VALUE'",
        type=HeaderType(),
        multiple=True,
        help="A header of every request, in the place of its own of that name; may be repeated.",
    )(command)


def mask_options(command: F) -> F:
    """--mask and --mask-pattern, as `mask` and `mask_pattern`."""
    command = click.option(
        "--mask-pattern", metavar="RE2", multiple=True, help="What this matches (its first group) is secret too."
    )(command)
    return click.option(
        "--mask", metavar="NAME", multiple=True, help="A header, cookie, parameter or key whose value is secret too."
    )(command)


def redaction_of(mask: tuple[str, ...], mask_pattern: tuple[str, ...]) -> Redaction:
    """What the two options say. Raises click.UsageError for a pattern that RE2 does not take."""
    redaction = Redaction(names=mask, patterns=mask_pattern)
    try:
        Redactor(redaction)
    except ValueError as error:
        raise click.UsageError(f"--mask-pattern: {error}") from None
    return redaction


def write_output(output: Path | None, text: str) -> None:
    """To the file, or to stdout. Raises click.UsageError when it cannot be written."""
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{output}: {(error.strerror or 'cannot be written').lower()}") from None


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, if that is a terminal; it is told how many are done, of how many."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
