"""The public keys of whoever issues tokens: fetched when they are needed, kept in the service's own database.

A key that was ever fetched serves on while the issuer is away, also after a restart. A key that is not known makes
the set be fetched anew, at most once in a while, so that invented key ids cost the issuer nothing.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
from alembic import op
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from extracted_services.chassis.columns import UtcDateTime
from extracted_services.chassis.database import DatabaseUnavailable, reading, writing

FRESH_SECONDS = 300.0
"""As long as the issuer says that its answer may be cached."""
PAUSE_SECONDS = 10.0
"""Between two fetches, whatever is asked for."""
FETCH_SECONDS = 2.0
LONGEST_DOCUMENT = 64 * 1024


class KeysUnavailable(Exception):
    """Whether a token is genuine cannot be told at the moment."""


KeysById = Mapping[str, Ed25519PublicKey]
logger = logging.getLogger("keys")


def add_kept_keys(metadata: MetaData) -> Table:
    """The table as the code uses it; `create_kept_keys` makes it."""
    return Table("kept_keys", metadata, *_columns())


def create_kept_keys() -> None:
    """For a migration: the table as of its first version."""
    op.create_table("kept_keys", *_columns())


class IssuersKeys:
    """The `Keys` of `chassis.web.identity`, from a JWKS (RFC 7517) at `url`. `aclose()` it at the end."""

    def __init__(
        self,
        url: str,
        engine: AsyncEngine,
        table: Table,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._engine = engine
        self._table = table
        self._client = httpx.AsyncClient(transport=transport, timeout=FETCH_SECONDS, trust_env=False)
        self._clock = clock
        self._known: KeysById | None = None
        self._fetched: float | None = None
        self._tried: float | None = None
        self._fetching = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Ed25519PublicKey | None:
        """None when the issuer has no such key. Raises KeysUnavailable when that cannot be told."""
        if self._known is None:
            recalled = await self._recall()
            self._known = recalled if self._known is None else self._known  # what was fetched meanwhile is newer
        key = self._known.get(kid)
        if key is None:
            await self._fetch()
            key = self._known.get(kid)
            if key is None and not self._is_fresh():
                raise KeysUnavailable
        elif not self._is_fresh() and self._may_try():
            self._refreshing = asyncio.create_task(self._fetch())  # meanwhile the key at hand will do
        return key

    async def settle(self) -> None:
        """Wait for a fetch that goes on in the background."""
        if self._refreshing is not None:
            await self._refreshing

    async def aclose(self) -> None:
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
        await self._client.aclose()

    def _is_fresh(self) -> bool:
        return self._fetched is not None and self._clock() - self._fetched < FRESH_SECONDS

    def _may_try(self) -> bool:
        return self._tried is None or self._clock() - self._tried >= PAUSE_SECONDS

    async def _fetch(self) -> None:
        async with self._fetching:
            if not self._may_try():
                return
            self._tried = self._clock()
            try:
                document = await self._download()
                self._known = parse_keys(document)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
                logger.warning("the keys at %s cannot be fetched: %s", self._url, problem or type(problem).__name__)
                return
            self._fetched = self._clock()
            await self._keep(document)

    async def _download(self) -> str:
        answer = await self._client.get(self._url)
        answer.raise_for_status()
        if len(answer.content) > LONGEST_DOCUMENT:
            raise ValueError(f"more than {LONGEST_DOCUMENT} bytes")
        return answer.text

    async def _recall(self) -> KeysById:
        query = select(self._table.c.document).where(self._table.c.url == self._url)
        async with reading(self._engine) as connection:
            document = await connection.scalar(query)
        try:
            return {} if document is None else parse_keys(document)
        except ValueError:
            logger.warning("the keys kept of %s cannot be read", self._url)
            return {}

    async def _keep(self, document: str) -> None:
        table = self._table
        row = {"url": self._url, "document": document, "fetched_at": datetime.now(UTC)}
        try:
            async with writing(self._engine) as connection:
                kept = await connection.scalar(
                    select(table.c.document).where(table.c.url == self._url).with_for_update()
                )
                if kept != document:
                    await connection.execute(delete(table).where(table.c.url == self._url))
                    await connection.execute(insert(table), row)
        except DatabaseUnavailable as problem:
            logger.warning("the keys cannot be kept for the next start: %s", problem)


def parse_keys(document: str) -> KeysById:
    """The Ed25519 keys of a key set by their ids; others are left out. Raises ValueError."""
    found: Any = json.loads(document)
    match found:
        case {"keys": [*items]}:
            return {item["kid"]: _parse_key(item) for item in items if _is_ours(item)}
    raise ValueError("this is no key set")


def _is_ours(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("kid"), str)
        and (item.get("kty"), item.get("crv")) == ("OKP", "Ed25519")
    )


def _parse_key(item: dict[str, Any]) -> Ed25519PublicKey:
    try:
        key = jwt.PyJWK(item, algorithm="EdDSA").key
    except jwt.PyJWTError as problem:
        raise ValueError(f"a key that cannot be used: {problem}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a private key in a public key set")  # noqa: TRY004 - the document is wrong, no argument is
    return key


def _columns() -> tuple[Column[str] | Column[datetime], ...]:
    return (
        Column("url", String(500), primary_key=True),
        Column("document", Text, nullable=False),
        Column("fetched_at", UtcDateTime, nullable=False),
    )
