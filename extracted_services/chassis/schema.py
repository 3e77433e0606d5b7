"""Which shape a service's database has, how it gets the one the code needs, and whether it still has it.

All missing steps are one transaction: several processes may start at once, and a failed start leaves no
half-changed database behind.
"""

from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.database import reading, writing
from extracted_services.chassis.drift import find_differences

_ENVIRONMENT = Path(__file__).parent / "migrations"
_MIGRATING = 7_061_803_291  # on PostgreSQL: the lock of whoever migrates; any number that nothing else here takes


class SchemaMismatch(Exception):
    """The database does not have the shape that this version of the code needs; says how, in one line."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables of a service, and the folder of the migrations that make them."""

    metadata: MetaData
    versions: Path

    def newest_revision(self) -> str:
        revision = self._scripts().get_current_head()
        if revision is None:
            raise LookupError(f"no migrations in {self.versions}")
        return revision

    async def migrate(self, engine: AsyncEngine) -> str:
        """Bring the database to the newest revision, see that it has its shape, and return the revision.

        Raises SchemaMismatch when a newer version of the code migrated it, or somebody changed it by hand.
        """
        async with writing(engine) as connection:
            await connection.run_sync(self._upgrade)
            differences = await connection.run_sync(find_differences, self.metadata)
            if differences:
                raise SchemaMismatch("the database has drifted from its migrations: " + "; ".join(differences))
        return self.newest_revision()

    async def read_revision(self, engine: AsyncEngine) -> str | None:
        """The database's revision; None when it was never migrated."""
        async with reading(engine) as connection:
            return await connection.run_sync(_read_revision)

    async def check_revision(self, engine: AsyncEngine) -> None:
        """Raises SchemaMismatch when the database is not at the newest revision (the shape itself is not looked at)."""
        revision = await self.read_revision(engine)
        if revision != self.newest_revision():
            raise SchemaMismatch(f"the database is at {revision or 'no revision'}, not {self.newest_revision()}")

    def _upgrade(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATING})"))
        revision = _read_revision(connection)
        known = {script.revision for script in self._scripts().walk_revisions()}
        if revision is not None and revision not in known:
            raise SchemaMismatch(
                f"the database is at revision {revision}, which this version does not know "
                f"(its newest is {self.newest_revision()}): a newer version has migrated it"
            )
        config = self._config()
        config.attributes["connection"] = connection
        config.attributes["metadata"] = self.metadata
        command.upgrade(config, "head")

    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self._config())

    def _config(self) -> Config:
        config = Config()
        config.set_main_option("script_location", _escaped(_ENVIRONMENT))
        config.set_main_option("version_locations", _escaped(self.versions))
        config.set_main_option("path_separator", "newline")  # a folder's name may hold anything else
        return config


def _read_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _escaped(folder: Path) -> str:
    return str(folder).replace("%", "%%")
