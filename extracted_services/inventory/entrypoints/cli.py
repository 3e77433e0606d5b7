"""The command line: the commands all services have, and backfill.

Exit codes of `chassis.command`, and 3 when the monolith cannot be used, 4 refused, nothing lost.
"""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from extracted_services.chassis.command import build_command, fail, telling_failures
from extracted_services.chassis.encoding import show_time
from extracted_services.chassis.trace import current, start_trace
from extracted_services.inventory.bootstrap import migrate_database, open_backfill, serve_forever
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.backfill import SourceEmpty, backfill
from extracted_services.inventory.service_layer.ports import RunOvertaken, SourceInvalid, SourceUnreachable, StockIsOurs
from extracted_services.inventory.settings import VARIABLES, Settings, read_settings

logger = logging.getLogger("backfill")

main = build_command(
    "inventory",
    "The inventory service: products, stock and reservations.",
    VARIABLES,
    read_settings,
    serve_forever,
    migrate_database,
)


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
        with telling_failures(), _telling_source():
            run = asyncio.run(_backfill(settings, restart=restart, allow_empty=allow_empty))
    except KeyboardInterrupt:
        fail(130, "interrupted; run it again to go on where it stopped")
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
def _telling_source() -> Iterator[None]:
    try:
        yield
    except SourceUnreachable as problem:
        fail(3, f"LEGACY_URL: the monolith cannot be read: {problem}; run it again to go on where it stopped")
    except SourceInvalid as problem:
        fail(3, f"LEGACY_URL: the monolith's answer is not what the contract describes: {problem}")
    except SourceEmpty as problem:
        fail(4, f"the monolith lists no {problem}, and this database holds some: nothing removed (--allow-empty does)")
    except StockIsOurs:
        fail(
            4, "this service writes stock itself now: what the monolith holds is the copy, and nothing was read from it"
        )
    except RunOvertaken:
        fail(4, "another backfill is at work on this database: this one stops")
