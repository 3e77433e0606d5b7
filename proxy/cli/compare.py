"""`strangler compare`: ask two systems the same, and say in what their answers differ."""

import asyncio
import os
import sys
from pathlib import Path

import click

from proxy import clock
from proxy.cli.console_options import reporting_failures
from proxy.cli.options import config_option
from proxy.cli.traffic_options import header_option, mask_options, progress_bar, redaction_of, write_output
from proxy.comparison.report import FAILS, UNDECIDED, Report
from proxy.comparison.report_html import as_html
from proxy.comparison.report_text import as_github, as_json, as_junit, as_text, summary
from proxy.config import Snapshot, load_file
from proxy.operations.compare import Requests, Terms, Where, compare_systems, sides_of
from proxy.wire.redaction import Redactor

_REPORTS = {"text": as_text, "json": as_json, "html": as_html, "junit": as_junit, "github": as_github}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FAIL_ON = tuple(name for name in FAILS if name != UNDECIDED)


@click.command("compare", short_help="Ask two systems the same, and say in what their answers differ.")
@click.option("--left", metavar="URL", help="The system that is right by definition; it is asked again to find noise.")
@click.option("--right", metavar="URL", help="The system that is compared with it.")
@click.option("--route", metavar="NAME", help="Compare the two sides of this route of the file, on what it claims.")
@click.option("--capture", type=_FILE, help="Ask what was recorded in this capture.")
@click.option("--har", type=_FILE, help="Ask what was recorded in this HAR.")
@click.option("--openapi", type=_FILE, help="Ask what schemathesis makes up from this OpenAPI document.")
@click.option("--crawl", metavar="PATH", multiple=True, help="Ask this page and all that it links to; may be repeated.")
@click.option("--exclude", metavar="RE2", multiple=True, help="Ask nothing whose path and query this matches.")
@click.option("--max-requests", "most", type=click.IntRange(1), default=1000, show_default=True, help="Ask no more.")
@click.option("--depth", type=click.IntRange(0), default=5, show_default=True, help="Follow no more links in a row.")
@click.option("--allow-writes", is_flag=True, help="Ask also what is not GET, HEAD or OPTIONS: both sides will write.")
@click.option(
    "--again",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Ask the left side twice after this share of equal answers, and after all that differ; 0: never.",
)
@click.option("--concurrency", type=click.IntRange(1, 256), default=4, show_default=True, help="Requests at a time.")
@click.option("--timeout", "seconds", type=click.FloatRange(0.1), default=30.0, show_default=True, help="Seconds.")
@header_option
@click.option("--ignore", metavar="PATH", multiple=True, help="$.a.b, header:NAME or css:SELECTOR; may be repeated.")
@click.option(
    "--fail-on",
    type=click.Choice(FAILS),
    multiple=True,
    default=_FAIL_ON,
    help="Only these kinds of differences count; may be repeated. [default: all but undecided]",
)
@mask_options
@click.option("--report", type=click.Choice(list(_REPORTS)), default="text", show_default=True, help="What to write.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    left: str | None,
    right: str | None,
    route: str | None,
    capture: Path | None,
    har: Path | None,
    openapi: Path | None,
    crawl: tuple[str, ...],
    exclude: tuple[str, ...],
    most: int,
    depth: int,
    allow_writes: bool,
    again: float,
    concurrency: int,
    seconds: float,
    headers: tuple[tuple[str, str], ...],
    ignore: tuple[str, ...],
    fail_on: tuple[str, ...],
    mask: tuple[str, ...],
    mask_pattern: tuple[str, ...],
    report: str,
    output: Path | None,
    config: str,
) -> None:
    """Ask two systems the same requests at the same time, and say in what their answers differ.

    \b
    strangler compare --left http://127.0.0.1:8000 --right http://127.0.0.1:8080 --crawl /
    strangler compare --route products --capture products.jsonl --report html --output report.html

    Each answer is compared by the rules of the route that claims the request, where there is a routes.yaml. Exit 0 when
    they are equal, 1 when not, 3 when a system does not answer.
    """
    if sum(map(bool, (capture, har, openapi, crawl))) != 1:
        raise click.UsageError("say what to ask, with one of --capture, --har, --openapi and --crawl")
    if not all(path.startswith("/") for path in crawl):
        raise click.UsageError("--crawl takes a path, which begins with /")
    requests = Requests(capture, har, openapi, crawl, headers, allow_writes, most, depth, exclude)
    redactor = Redactor(redaction_of(mask, mask_pattern))
    with reporting_failures():
        snapshot = _snapshot(ctx, config, route)
        terms = Terms(snapshot, ignore, frozenset(fail_on), redactor, clock.now().date(), again)
        one, other = _sides(snapshot, left, right, route)
        with progress_bar("comparing") as progress:
            comparing = compare_systems(
                one,
                other,
                requests,
                terms,
                route=route,
                concurrency=concurrency,
                seconds=seconds,
                say=lambda line: click.echo(line, err=True),
                progress=progress,
            )
            found = asyncio.run(comparing)
    _write(found, report, output)
    sys.exit(0 if found.equal else 1)


def _snapshot(ctx: click.Context, config: str, route: str | None) -> Snapshot | None:
    """The file, if it was named, is needed, or is there."""
    chosen = ctx.get_parameter_source("config") is not click.core.ParameterSource.DEFAULT
    return load_file(config, os.environ) if chosen or route or Path(config).exists() else None


def _sides(snapshot: Snapshot | None, left: str | None, right: str | None, route: str | None) -> tuple[Where, Where]:
    """The two systems; a URL of the command line stands in for the one that the file has."""
    if route and snapshot:
        if left and right:
            return Where(left), Where(right)
        legacy, service = sides_of(snapshot, route)
        return Where(left) if left else legacy, Where(right) if right else service
    if not left or not right:
        raise click.UsageError("say which systems, with --left and --right, or with --route")
    return Where(left), Where(right)


def _write(found: Report, report: str, output: Path | None) -> None:
    write_output(output, _REPORTS[report](found))
    if output is not None or report in ("json", "html", "junit"):
        click.echo(summary(found), err=True)
