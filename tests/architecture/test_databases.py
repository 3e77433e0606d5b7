"""A database for each service, and nobody else in it: no service names, makes or imports what another one keeps."""

import ast
import asyncio
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import MetaData, inspect

from extracted_services.chassis.database import open_engine, reading
from extracted_services.chassis.schema import Schema
from extracted_services.chassis.settings import parse_database
from tests.architecture.tree import imported_by, modules, name_of
from tests.support.processes import ROOT

SERVICES = ("inventory", "orders", "payments")
SQL = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|TABLE)\b")


def schema_of(service: str) -> Schema:
    schema = import_module(f"extracted_services.{service}.adapters.schema").SCHEMA
    assert isinstance(schema, Schema)
    return schema


def tables_of(service: str) -> set[str]:
    return set(schema_of(service).metadata.tables)


def own_tables(service: str) -> set[str]:
    """Without those that every service has in its own database, such as its outbox."""
    return tables_of(service) - set.intersection(*map(tables_of, SERVICES))


def sources(service: str) -> list[Path]:
    return [path for path in modules(f"extracted_services/{service}") if "tests" not in path.parts]


def others(service: str) -> list[str]:
    return [other for other in SERVICES if other != service]


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name:
            yield node


def texts(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_two_services_keep_a_table_of_the_same_name() -> None:
    for service in SERVICES:
        assert own_tables(service), f"{service} keeps nothing of its own"
        for other in others(service):
            assert not own_tables(service) & own_tables(other)


def test_no_two_services_share_what_describes_their_tables() -> None:
    described: list[MetaData] = [schema_of(service).metadata for service in SERVICES]
    folders = {schema_of(service).versions for service in SERVICES}

    assert len(set(map(id, described))) == len(folders) == len(SERVICES)
    for service in SERVICES:
        assert schema_of(service).versions.is_relative_to(ROOT / "extracted_services" / service)


@pytest.mark.parametrize("service", SERVICES)
def test_its_migrations_make_its_own_tables_and_no_others(service: str, tmp_path: Path) -> None:
    async def migrate() -> set[str]:
        engine = open_engine(parse_database(f"sqlite:///{tmp_path / 'service.db'}"))
        try:
            await schema_of(service).migrate(engine)
            async with reading(engine) as connection:
                return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
        finally:
            await engine.dispose()

    assert asyncio.run(migrate()) == tables_of(service) | {"alembic_version"}


@pytest.mark.parametrize("service", SERVICES)
def test_it_opens_the_database_of_its_settings_and_no_other(service: str) -> None:
    opened = [call for path in sources(service) for call in calls(path, "open_engine")]

    assert opened
    assert {ast.unparse(call.args[0]) for call in opened} == {"settings.database"}
    for path in sources(service):
        for way in ("create_engine", "create_async_engine", "engine_from_config"):
            assert not list(calls(path, way)), f"{path} opens a database by itself"


@pytest.mark.parametrize("service", SERVICES)
def test_its_statements_name_no_table_of_another(service: str) -> None:
    foreign = {table for other in others(service) for table in own_tables(other)}
    for path in sources(service):
        for text in filter(SQL.search, texts(path)):
            assert not foreign & set(re.findall(r"\w+", text)), f"{path}: {text}"
        for call in (*calls(path, "Table"), *calls(path, "create_table"), *calls(path, "ForeignKey")):
            named = ast.literal_eval(call.args[0]) if isinstance(call.args[0], ast.Constant) else ""
            assert str(named).split(".")[0] not in foreign, f"{path} names {named}"


@pytest.mark.parametrize("service", SERVICES)
def test_it_imports_nothing_of_another(service: str) -> None:
    foreign = tuple(f"extracted_services.{other}" for other in others(service))
    found = [
        (name_of(path), name) for path in sources(service) for name in imported_by(path) if name.startswith(foreign)
    ]
    assert found == []
