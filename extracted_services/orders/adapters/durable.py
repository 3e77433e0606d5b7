"""dbos, as far as sagas need it: functions that are run to their end, whatever dies, on a database of its own.

The only module that knows dbos. It keeps what each act came to, runs a function again that a dead process left behind,
and lets only one run of it write: a run that was overtaken finds that out when it writes next.
There is one of it in a process, because dbos has one.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID
from sqlalchemy import URL

from extracted_services.orders.saga.outcomes import Json

VERSION = "1"
"""Of the way in which functions are journalled. A process takes over only functions of its own version, so a change of
`saga.drive` that asks the journal in another order needs a new one here, and the old processes' work done before."""

LONGEST_PAUSE_SECONDS = 5.0


class _QuickConnection(sqlite3.Connection):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")


# A commit of the journal does not wait for the disk. What a power cut (not a kill) may take away are its last entries:
# their acts are done again, under the same keys, and a saga it forgot is started anew.
_SQLITE = {"connect_args": {"factory": _QuickConnection}}
_SERVER = {"connect_args": {"options": "-c synchronous_commit=off"}}

Run = Callable[..., Awaitable[str]]

logger = logging.getLogger("orders.durable")


def journal_url(database: URL) -> str:
    """Beside the service's own: another file for SQLite, another schema (`dbos`) of the same PostgreSQL database."""
    if database.get_backend_name() == "sqlite":
        file = Path(database.database or "")
        return f"sqlite:///{file.with_name(f'{file.stem}.sagas{file.suffix}')}"
    return database.set(drivername="postgresql").render_as_string(hide_password=False)


class DurableFunctions:
    """Functions by name, run durably. Arguments and results are JSON, and must hold no secret."""

    def __init__(self, url: str, executor: str) -> None:
        self._config: DBOSConfig = {
            "name": "orders",
            "system_database_url": url,
            "application_version": VERSION,
            "executor_id": executor,
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "use_listen_notify": False,  # nothing here waits for another function's message
            "log_level": "WARNING",
            "db_engine_kwargs": _SQLITE if url.startswith("sqlite") else _SERVER,
        }
        self._functions: dict[str, Any] = {}
        self._running: set[asyncio.Task[Any]] = set()

    def launch(self, **functions: Run) -> None:
        """On the loop on which the functions shall run: dbos brings those of the dead to the loop it was started on."""
        logging.getLogger("dbos").addHandler(logging.NullHandler())  # else it writes lines of its own to stderr
        DBOS(config=self._config)
        for name, function in functions.items():
            self._functions[name] = DBOS.workflow(name=name, max_recovery_attempts=None)(self._tracked(function))
        DBOS.launch()

    async def start(self, name: str, function_id: str, *arguments: str | int | None) -> None:
        """Nothing happens if the function with this id was started before, by whomever."""
        with SetWorkflowID(function_id):
            await DBOS.start_workflow_async(self._functions[name], *arguments)

    async def is_known(self, function_id: str) -> bool:
        """Whether it was started before, by whomever."""
        return await DBOS.get_workflow_status_async(function_id) is not None

    async def adopt(self, executors: Sequence[str]) -> int:
        """Let living processes go on with what these, which are dead, left behind; how many functions that were."""
        left = await DBOS.list_workflows_async(
            status="PENDING", executor_id=list(executors), load_input=False, load_output=False
        )
        for function in left:
            await DBOS.resume_workflow_async(function.workflow_id)
        return len(left)

    async def forget(self, before: datetime) -> int:
        """What ended before that moment, a thousand at a time; how many functions that were."""
        ended = await DBOS.list_workflows_async(
            status="SUCCESS", completed_before=before.isoformat(), limit=1000, load_input=False, load_output=False
        )
        if ended:
            await DBOS.delete_workflows_async([function.workflow_id for function in ended])
        return len(ended)

    async def close(self) -> None:
        """What runs is left to others as it is, as if this process had died, only more quickly."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await anyio.to_thread.run_sync(lambda: DBOS.destroy(destroy_registry=True))
        # dbos made its threads the loop's own, and has ended them.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="loop"))

    def _tracked(self, function: Run) -> Run:
        async def run(*arguments: Any) -> str:
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                return await function(*arguments)
            finally:
                self._running.discard(task)

        return run


class DbosJournal:
    """The `Journal` port, within a durable function."""

    async def once(self, name: str, act: Callable[[], Awaitable[Json]]) -> Json:
        async def insist() -> Json:
            return await _insist(name, act)

        return await DBOS.run_step_async({"name": name}, insist)

    async def pause(self, duration: timedelta) -> None:
        await DBOS.sleep_async(duration.total_seconds())


async def _insist(name: str, act: Callable[[], Awaitable[Json]]) -> Json:
    """An act that fails here (its database is away) must not become what the journal remembers: it is tried again for
    as long as it takes."""
    pause = 0.1
    while True:
        try:
            return await act()
        except Exception as failure:
            logger.warning("%s waits: %s", name, failure, extra={"fields": {"step": name}})
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
