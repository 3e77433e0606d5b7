"""Which shape the database has, and how it gets the one this version needs.

All missing steps are one transaction: several processes may start at once, and a failed start leaves no
half-changed database behind.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.inventory.adapters.database import reading, writing

_FOLDER = Path(__file__).parent / "migrations"


def newest_revision() -> str:
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError(f"no migrations in {_FOLDER}")
    return revision


async def migrate(engine: AsyncEngine) -> str:
    """Bring the database of a writing engine to the newest revision, and return that."""
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade)
    return newest_revision()


async def read_revision(engine: AsyncEngine) -> str | None:
    """The database's revision; None when it was never migrated."""
    async with reading(engine) as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
