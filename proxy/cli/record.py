"""`strangler record`: write what the running server is asked, and answers, into a capture."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from proxy.cli.console_options import console_option, find_console, reporting_failures
from proxy.cli.options import config_option
from proxy.cli.traffic_options import mask_options, progress_bar, redaction_of
from proxy.comparison.capture_file import CaptureLimits
from proxy.config.model import Address
from proxy.config.refused import Refused
from proxy.config.values import duration, share, size
from proxy.operations.record import Until, write_capture

_ENDS = {
    "count": "as many as were asked for",
    "time": "the time is over",
    "full": "the file is full",
    "server": "the server ended it",
    "stopped": "stopped",
}


class _Value(click.ParamType[Any]):
    """A value as the file writes it."""

    def __init__(self, name: str, read: Any) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except Refused as refused:
            self.fail(refused.message + (f" (hint: {refused.hint})" if refused.hint else ""), param, ctx)


@click.command("record", short_help="Write live traffic into a capture.")
@click.option("--route", metavar="NAME", help="Only what this route claims.")
@click.option("--sample", type=_Value("share", share(0.0)), default="100%", show_default=True, help="Only this share.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="capture.jsonl",
    show_default=True,
    help="The capture to write; it must not be there.",
)
@click.option("--max-size", type=_Value("size", size(64 * 1024)), default="64MiB", show_default=True, help="Of a file.")
@click.option("--files", type=click.IntRange(1, 1000), default=1, show_default=True, help="Keep the newest so many.")
@click.option("--max-count", type=click.IntRange(1), help="End after so many exchanges.")
@click.option("--for", "lasting", type=_Value("duration", duration(timedelta(seconds=1))), help="End after 10m, say.")
@mask_options
@config_option
@console_option
def command(
    route: str | None,
    sample: float,
    output: Path,
    max_size: int,
    files: int,
    max_count: int | None,
    lasting: timedelta | None,
    mask: tuple[str, ...],
    mask_pattern: tuple[str, ...],
    config: str,
    console: Address | None,
) -> None:
    """Write what clients ask the running server, and what they are answered, into a capture until Ctrl-C.

    Secrets are masked by the server, before anything leaves it. Requests never wait for a recording: what does not fit
    is left out, and counted.
    """
    redaction = redaction_of(mask, mask_pattern)
    order = {"route": route, "share": sample, "mask": list(mask), "mask_patterns": list(mask_pattern)}
    limits = CaptureLimits(file_bytes=max_size, files=files)
    until = Until(max_count, lasting.total_seconds() if lasting else None)
    with reporting_failures(), progress_bar("recording") as progress:
        lines = _told(find_console(config, console).record(order), output)
        state = write_capture(
            lines, output, limits, redaction, until, say=lambda line: click.echo(line, err=True), progress=progress
        )
    click.echo(f"{output}: {state.written:,} exchanges ({_ENDS[state.ended]})", err=True)
    if state.lost:
        missing = ", ".join(f"{count:,} {reason.replace('_', ' ')}" for reason, count in sorted(state.lost.items()))
        click.echo(f"left out: {missing}", err=True)
    sys.exit(3 if state.ended == "server" else 0)


def _told(lines: Iterator[dict[str, Any]], output: Path) -> Iterator[dict[str, Any]]:
    """The same lines; says that it goes on, as soon as it does."""
    for number, line in enumerate(lines):
        if number == 0:
            click.echo(f"recording into {output}; Ctrl-C ends it", err=True)
        yield line
