"""What `/readyz` tells of how the database was filled from the monolith."""

from collections.abc import Awaitable, Callable
from typing import Any

from extracted_services.chassis.encoding import show_time
from extracted_services.chassis.web.probes import Details, NotReady
from extracted_services.inventory.domain.backfill import Run
from extracted_services.inventory.service_layer.readiness import Gate


def check_backfill(gate: Gate) -> Callable[[], Awaitable[Details]]:
    """Ready once the monolith's import has ended, or a whole copy was made here."""

    async def check() -> Details:
        filling = await gate.read_filling()
        told = {
            "imported_at": None if filling.imported_at is None else show_time(filling.imported_at),
            "finished": None if filling.finished is None else _show_run(filling.finished),
            "unfinished": None if filling.unfinished is None else _show_run(filling.unfinished),
        }
        if not filling.is_filled:
            raise NotReady("never filled: run backfill", told)
        return told

    return check


def _show_run(run: Run) -> dict[str, Any]:
    return {
        "started_at": show_time(run.started_at),
        "finished_at": None if run.finished_at is None else show_time(run.finished_at),
        **{collection: tally.read for collection, tally in run.tallies.items()},
    }
