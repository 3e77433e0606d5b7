"""`strangler replay`: ask a system what was recorded of another, with sessions and tokens of its own."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from proxy.cli.console_options import reporting_failures
from proxy.cli.traffic_options import header_option, mask_options, progress_bar, redaction_of
from proxy.comparison.remap import NUMBERED
from proxy.comparison.replay import Pace, Replayed
from proxy.operations.replay import ReplayPlan, replay

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PACE = re.compile(r"([0-9]+(?:\.[0-9]+)?)(x|/s)")


class PaceType(click.ParamType[Pace]):
    """2x, or 100/s."""

    name = "pace"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Pace:
        if isinstance(value, Pace):
            return value
        match = _PACE.fullmatch(str(value))
        if not match or float(match[1]) <= 0:
            self.fail(f"{value!r} is no pace, such as 2x or 100/s", param, ctx)
        number = float(match[1])
        return Pace(speed=number) if match[2] == "x" else Pace(a_second=number)


@click.command("replay", short_help="Ask a system what was recorded of another.")
@click.argument("capture", metavar="FILE", type=_FILE)
@click.option("--to", metavar="URL", required=True, help="The system to ask.")
@click.option(
    "--rate", type=PaceType(), default="1x", show_default=True, help="2x: at twice the recorded pace; or 100/s."
)
@click.option("--concurrency", type=click.IntRange(1, 1024), default=32, show_default=True, help="Requests at a time.")
@click.option("--allow-writes", is_flag=True, help="Send also what is not GET, HEAD or OPTIONS.")
@click.option("--resume", is_flag=True, help="Go on where a replay of this file was broken off.")
@click.option("--secrets", type=_FILE, help="Values of marks, as lines of ***1=value; for logins that were recorded.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a capture of the answers.")
@click.option("--timeout", "seconds", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds.")
@header_option
@mask_options
def command(
    capture: Path,
    to: str,
    rate: Pace,
    concurrency: int,
    allow_writes: bool,
    resume: bool,
    secrets: Path | None,
    output: Path | None,
    seconds: float,
    headers: tuple[tuple[str, str], ...],
    mask: tuple[str, ...],
    mask_pattern: tuple[str, ...],
) -> None:
    """Ask the system at URL what the capture FILE recorded, in its order and at its pace.

    Cookies, tokens and ids that the recorded answers gave out are replaced by what this system gives out. Exit 0 when
    all answers have the recorded status, 1 when not, 3 when the system does not answer.
    """
    plan = ReplayPlan(
        capture,
        to,
        rate,
        concurrency,
        seconds,
        headers,
        allow_writes,
        resume,
        output,
        redaction_of(mask, mask_pattern),
        dict(_secrets(secrets)) if secrets else {},
    )
    with reporting_failures(), progress_bar("replaying") as progress:
        result = asyncio.run(replay(plan, lambda line: click.echo(line, err=True), progress))
    click.echo("\n".join(_said(result)))
    sys.exit(0 if result.well else 1)


def _secrets(file: Path) -> Iterator[tuple[str, str]]:
    """Never quotes a line: it is a secret."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        mark, equals, found = line.partition("=")
        if line.strip() and not (equals and NUMBERED.fullmatch(mark.strip())):
            raise click.UsageError(f"{file}:{number}: not of the form ***1=value")
        if line.strip():
            yield mark.strip(), found


def _said(result: Replayed) -> Iterator[str]:
    answered = len(result.seconds)
    yield f"{result.asked:,} asked, {answered:,} answered, {result.same_status:,} with the recorded status"
    for name, counts in (
        ("another status", result.other_status),
        ("no answer", result.failed),
        ("not asked", result.skipped),
    ):
        if counts:
            yield f"{name}: {_listed(counts)}"
    if result.unknown_secrets:
        yield f"{result.unknown_secrets:,} sent with a secret missing that no answer gave out (--secrets, or -H)"
    if answered:
        ours, theirs = (_percentiles(each) for each in (result.seconds, result.recorded_seconds))
        yield f"time to answer: {ours}; recorded: {theirs}"


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.most_common())


def _percentiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    half, high = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95))
    return f"half within {half * 1000:,.1f} ms, 95 % within {high * 1000:,.1f} ms"
