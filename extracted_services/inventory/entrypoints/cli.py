"""The command line: settings from the environment, one thing to do, and an exit code that a script can act on.

0 done · 2 wrong usage or settings · 3 the monolith or the database cannot be used · 4 refused, nothing lost ·
130 interrupted. Results go to stdout, everything else to stderr; an expected failure never shows a traceback.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NoReturn

import click

from extracted_services.inventory.bootstrap import migrate_database, open_backfill
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.entrypoints.representations import show_time
from extracted_services.inventory.entrypoints.server import AddressInUse, serve
from extracted_services.inventory.logs import configure_logging
from extracted_services.inventory.service_layer.backfill import SourceEmpty, backfill
from extracted_services.inventory.service_layer.ports import (
    DatabaseUnavailable,
    RunOvertaken,
    SourceInvalid,
    SourceUnreachable,
)
from extracted_services.inventory.settings import VARIABLES, Settings, SettingsError, read_settings
from extracted_services.inventory.trace import current, start_trace

logger = logging.getLogger("inventory.backfill")

ENVIRONMENT = "\b\nEnvironment:\n" + "\n".join(
    f"  {name:<17} {variable.meaning}\n  {'':<17} default: {variable.default}" for name, variable in VARIABLES.items()
)


@click.group(invoke_without_command=True, epilog=ENVIRONMENT, context_settings={"max_content_width": 120})
@click.pass_context
def main(context: click.Context) -> None:
    """The inventory service: products and stock. Without a command: bring the database up to date and serve."""
    try:
        context.obj = read_settings(os.environ)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    configure_logging(context.obj.log_level)
    if context.invoked_subcommand is None:
        context.invoke(run_serve)


@main.command("serve")
@click.pass_obj
def run_serve(settings: Settings) -> None:
    """Bring the database up to date and serve until SIGTERM or Ctrl-C."""
    try:
        with _telling_failures():
            serve(settings)
    except KeyboardInterrupt:
        sys.exit(0)


@main.command("migrate")
@click.pass_obj
def run_migrate(settings: Settings) -> None:
    """Bring the database up to date and end."""
    with _telling_failures():
        click.echo(asyncio.run(migrate_database(settings)))


@main.command("backfill")
@click.option("--restart", is_flag=True, help="Begin from the first page even if the last run can be gone on with.")
@click.option("--allow-empty", is_flag=True, help="Believe a monolith that lists nothing, and remove everything here.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_obj
def run_backfill(settings: Settings, restart: bool, allow_empty: bool, as_json: bool) -> None:
    """Copy products and stock from the monolith (LEGACY_URL); run it again to bring the copy up to date.

    Serving goes on meanwhile. An interrupted run goes on where it stopped when it is run again within an hour.
    """
    try:
        with _telling_failures():
            run = asyncio.run(_backfill(settings, restart=restart, allow_empty=allow_empty))
    except KeyboardInterrupt:
        _fail(130, "interrupted; run it again to go on where it stopped")
    click.echo(json.dumps(show_run(run)) if as_json else describe_run(run))


async def _backfill(settings: Settings, *, restart: bool, allow_empty: bool) -> Run:
    trace = start_trace()
    current.set(trace)
    await migrate_database(settings)
    async with open_backfill(settings, trace) as (source, store):
        return await backfill(source, store, _now, _report, restart=restart, allow_empty=allow_empty)


def show_run(run: Run) -> dict[str, object]:
    return {
        "source": run.source,
        "started_at": show_time(run.started_at),
        "finished_at": None if run.finished_at is None else show_time(run.finished_at),
        **{
            collection: {
                "read": tally.read,
                "added": tally.added,
                "changed": tally.changed,
                "unchanged": tally.unchanged,
                "removed": tally.removed,
            }
            for collection, tally in run.tallies.items()
        },
    }


def describe_run(run: Run) -> str:
    seconds = (run.advanced_at - run.started_at).total_seconds()
    lines = [f"copied from {run.source} in {seconds:.1f} s"]
    for collection, tally in run.tallies.items():
        lines.append(
            f"  {collection:<9} {tally.read} read: {tally.added} added, {tally.changed} changed, "
            f"{tally.unchanged} unchanged; {tally.removed} removed"
        )
    return "\n".join(lines)


def _report(run: Run) -> None:
    fields: dict[str, object] = {"collection": run.collection, "pages": run.pages}
    fields |= {collection: tally.read for collection, tally in run.tallies.items()}
    logger.info("at page %d", run.pages, extra={"fields": fields})


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _telling_failures() -> Iterator[None]:
    try:
        yield
    except AddressInUse as problem:
        _fail(2, str(problem))
    except DatabaseUnavailable as problem:
        _fail(3, f"DATABASE_URL: {problem}")
    except SourceUnreachable as problem:
        _fail(3, f"LEGACY_URL: the monolith cannot be read: {problem}; run it again to go on where it stopped")
    except SourceInvalid as problem:
        _fail(3, f"LEGACY_URL: the monolith's answer is not what the contract describes: {problem}")
    except SourceEmpty as problem:
        _fail(4, f"the monolith lists no {problem}, and this database holds some: nothing removed (--allow-empty does)")
    except RunOvertaken:
        _fail(4, "another backfill is at work on this database: this one stops")


def _fail(code: int, message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
