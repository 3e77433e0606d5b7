"""What a demo prints: plain lines, with a little colour on a terminal that wants it. Nothing here decides anything."""

from collections.abc import Iterable

import click

from proxy.demo.web import Answer

WIDTH = 100


def heading(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)


def line(text: str = "", *, fg: str | None = None, dim: bool = False) -> None:
    indented = f"  {text}".rstrip()
    click.echo(click.style(indented, fg=fg, dim=True if dim else None) if fg or dim else indented)


def block(text: str) -> None:
    """Output of something else, as it was."""
    for each in text.rstrip("\n").splitlines():
        line(each, dim=True)


def facts(rows: Iterable[tuple[str, str]]) -> None:
    """Names and what there is to say about each, in two columns."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        line(f"{name:<{width}}  {text}")


def table(rows: Iterable[tuple[str, ...]]) -> None:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line("  ".join(map(str.ljust, row, widths)))


def shortened(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 2] + " …"


def answered(answer: Answer) -> None:
    """An answer, with the beginning of its body."""
    block(f"{answer.status} {answer.reason}\nX-Strangler-Decision: {answer.decision}")
    block(shortened(answer.body.decode(errors="replace")))
