"""Takes over what the monolith tells of products, stock levels and reservations: the service's side of `chassis.sync`.

A product that is removed stays as a row that is not for sale, with its version: else a backfill that read it before
would bring it back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Table, false, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from extracted_services.chassis.answers import read_answer
from extracted_services.chassis.kept_answers import KeptAnswers
from extracted_services.contracts.takeover import Local
from extracted_services.inventory.adapters import rows, states
from extracted_services.inventory.adapters.tables import kept_answers, products, reservations, stock_levels
from extracted_services.inventory.adapters.upserts import insert_missing, put
from extracted_services.inventory.domain.model import Category, Product

ENTITIES = frozenset({"stock", "product"})
_NO_TIME = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Kind:
    """Where aggregates of a kind stand, by the names that events give them, and how a row and a state are converted."""

    table: Table
    key: str
    to_state: Callable[[Row[Any]], Mapping[str, Any]]
    to_row: Callable[[Mapping[str, Any], int], Mapping[str, Any]]


KINDS: Mapping[str, Kind] = {
    "product": Kind(
        products,
        "sku",
        lambda row: {"product": states.show_product(rows.read_product(row))},
        lambda data, version: rows.write_product(states.read_product(data["product"], version)),
    ),
    "level": Kind(
        stock_levels,
        "sku",
        lambda row: {"level": states.show_level(rows.read_stock(row))},
        lambda data, version: rows.write_stock(states.read_level(data["level"], version)),
    ),
    "reservation": Kind(
        reservations,
        "id",
        lambda row: {"reservation": states.show_reservation(rows.read_reservation(row))},
        lambda data, version: rows.write_reservation(states.read_reservation(data["reservation"], version)),
    ),
}


class InventoryApplier:
    """The `Applier` port of `chassis.sync.inbox`."""

    async def find(self, connection: AsyncConnection, kind: str, id: str) -> Local | None:  # noqa: A002 - the port's name
        shelf = KINDS[kind]
        query = select(shelf.table).where(shelf.table.c[shelf.key] == id)
        row = (await connection.execute(query.with_for_update())).one_or_none()
        return None if row is None else _read_local(shelf, row)

    async def replace(
        self,
        connection: AsyncConnection,
        kind: str,
        id: str,  # noqa: A002 - the port's name
        version: int,
        peer_version: int,
        data: Mapping[str, Any] | None,
    ) -> None:
        shelf = KINDS[kind]
        if data is None:
            await _remove_product(connection, id, version, peer_version)
            return
        await put(connection, shelf.table, {**shelf.to_row(data, version), "peer_version": peer_version})

    async def keep_answer(self, connection: AsyncConnection, answer: Mapping[str, Any], *, replace: bool) -> None:
        await KeptAnswers(kept_answers, connection).adopt(read_answer(dict(answer)), replace=replace)

    async def page(
        self, connection: AsyncConnection, kind: str, after: str | None, limit: int
    ) -> Sequence[tuple[str, Local]]:
        shelf = KINDS[kind]
        key = shelf.table.c[shelf.key]
        query = select(shelf.table).where(key > (after or "")).order_by(key).limit(limit)
        if kind == "product":
            query = query.where(products.c.removed == false())
        return [(row._mapping[shelf.key], _read_local(shelf, row)) for row in await connection.execute(query)]


def _read_local(shelf: Kind, row: Row[Any]) -> Local:
    is_removed = shelf.table is products and row.removed
    return Local(row.version, row.peer_version, None if is_removed else shelf.to_state(row))


async def _remove_product(connection: AsyncConnection, sku: str, version: int, peer_version: int) -> None:
    """Mark it, or write down that there was one."""
    mark = {"removed": True, "version": version, "peer_version": peer_version}
    if (await connection.execute(update(products).where(products.c.sku == sku).values(mark))).rowcount == 0:
        nothing = Product(sku, "", "", Category("", ""), 0, (), None, _NO_TIME)
        await insert_missing(connection, products, {**rows.write_product(nothing), **mark})
