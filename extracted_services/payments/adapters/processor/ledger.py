"""The processor's own book: what it took and gave back, under the id that each request carried.

It lies in a file of its own, is written in transactions of its own, and never knows of the service's database:
what the two agree on, they agree on by asking. One id is charged at most once and given back at most once,
whoever asks, however often, from however many processes.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

from extracted_services.payments.domain.agreement import Account, Took
from extracted_services.payments.domain.charge import Verdict

LOCK_TIMEOUT_SECONDS = 10.0

_SHAPE = """
CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    order_id TEXT,
    card_last4 TEXT,
    amount_cents INTEGER NOT NULL,
    took TEXT NOT NULL,
    charge_asks INTEGER NOT NULL DEFAULT 0,
    return_asks INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID
"""
_VERDICTS = {
    Took.MONEY: Verdict.CAPTURED,
    Took.NOTHING: Verdict.DECLINED,
    Took.AND_GAVE_BACK: Verdict.BARRED,
    Took.NOTHING_EVER: Verdict.BARRED,
}


class Ledger:
    """Blocking; every method is one transaction. Raises sqlite3.Error when the file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def charge(
        self, payment_id: UUID, *, order_id: UUID, card_last4: str, amount_cents: int, declines: bool
    ) -> tuple[Verdict, int]:
        """What becomes of the charge, and the how many-th request for it this was. `declines` counts at the first."""
        took = Took.NOTHING if declines else Took.MONEY
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO accounts (id, order_id, card_last4, amount_cents, took) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO NOTHING",
                (str(payment_id), str(order_id), card_last4, amount_cents, took),
            )
            row = connection.execute(
                "UPDATE accounts SET charge_asks = charge_asks + 1 WHERE id = ? RETURNING took, charge_asks",
                (str(payment_id),),
            ).fetchone()
        return _VERDICTS[Took(row[0])], row[1]

    def give_back(self, payment_id: UUID) -> int:
        """Returns the how many-th request for it this was; what was taken is given back, and nothing taken later."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO accounts (id, amount_cents, took) VALUES (?, 0, ?) ON CONFLICT (id) DO NOTHING",
                (str(payment_id), Took.NOTHING_EVER),
            )
            row = connection.execute(
                "UPDATE accounts SET return_asks = return_asks + 1, took = CASE took WHEN ? THEN ? ELSE took END"
                " WHERE id = ? RETURNING return_asks",
                (Took.MONEY, Took.AND_GAVE_BACK, str(payment_id)),
            ).fetchone()
        asks: int = row[0]
        return asks

    def read(self) -> list[Account]:
        """Every account, by id."""
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT id, order_id, amount_cents, took, charge_asks, return_asks FROM accounts ORDER BY id"
            ).fetchall()
        return [
            Account(UUID(identifier), UUID(order_id) if order_id else None, cents, Took(took), charges, returns)
            for identifier, order_id, cents, took, charges, returns in rows
        ]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # A connection for each request: there is nothing to lose with a process that is killed, and no thread owns one.
        # With a rollback journal: who comes while another turns a new file to WAL is refused, and not let wait.
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._file, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")  # money that was taken is never forgotten
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(_SHAPE)
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
