"""Where endpoints are found: DNS addresses, DNS services, a file. Each answers `find`, once, and remembers no endpoint.

What could not be found out is `NotFoundError`: whether the endpoints before still hold is not decided here.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from proxy.config.discovery import parse_endpoints
from proxy.config.errors import ConfigError
from proxy.config.model import MAX_ENDPOINTS, Discover, DiscoverKind, Endpoint

if TYPE_CHECKING:
    from proxy.forwarding.name_service import Addresses, NameService, Target

FILE_SECONDS: Final = 1.0
SETTLE_SECONDS: Final = 0.1
"""A file is believed when two looks agree: it is not written in one instant."""

MAX_FILE_BYTES: Final = 1024 * 1024

MAX_ASKED: Final = 32
"""Targets of a service whose addresses are asked for at one time: an answer may name a thousand, each two sockets."""

Sleep = Callable[[float], Awaitable[object]]


class NotFoundError(Exception):
    """Nothing can be said about the endpoints now. The message says why; `gone`: the name does not exist."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Found:
    """Endpoints, sorted where the source has no order of its own, and for how many seconds they hold."""

    endpoints: tuple[Endpoint, ...]
    good_for: float


class Source(Protocol):
    """`slowest` is how many seconds at most may pass between two questions while it fails."""

    slowest: float

    async def find(self) -> Found:
        """Raises NotFoundError."""
        ...


def open_source(discover: Discover) -> Source:
    """The source that an upstream names."""
    if discover.kind is DiscoverKind.FILE:
        return FileSource(discover.path)
    from proxy.forwarding.name_service import NameService  # only now: dnspython takes a while, and few need it

    names = NameService(discover.resolver)
    if discover.kind is DiscoverKind.SRV:
        return ServiceSource(names, discover.name, discover.scheme)
    return AddressSource(names, discover.name, discover.port, discover.scheme)


class AddressSource:
    """`dns://`: each address of a name, A and AAAA, with one port for all."""

    slowest = 30.0

    def __init__(self, names: NameService, name: str, port: int, scheme: str) -> None:
        self._names = names
        self._name = name
        self._port = port
        self._scheme = scheme

    async def find(self) -> Found:
        found = await self._names.addresses(self._name)
        return _found((Endpoint(self._scheme, ip, self._port) for ip in found.ips), found.ttl)


class ServiceSource:
    """`srv://`: the targets of the best priority that has any addresses. Weights are not used: `balance` is."""

    slowest = 30.0

    def __init__(self, names: NameService, name: str, scheme: str) -> None:
        self._names = names
        self._name = name
        self._scheme = scheme

    async def find(self) -> Found:
        service = await self._names.service(self._name)
        for priority in sorted({target.priority for target in service.targets}):
            group = [target for target in service.targets if target.priority == priority]
            resolved = await self._resolve_all(group)
            endpoints = [
                Endpoint(self._scheme, ip, target.port)
                for target, found in zip(group, resolved, strict=True)
                for ip in (found.ips if found else ())
            ]
            if endpoints:
                return _found(endpoints, min([service.ttl, *(found.ttl for found in resolved if found)]))
        raise NotFoundError(f"no target of {self._name} has an address")

    async def _resolve_all(self, targets: Sequence[Target]) -> list[Addresses | None]:
        """In their order. The first that cannot be found out ends the asking: nothing is known then."""
        if len(targets) > MAX_ENDPOINTS:
            raise NotFoundError(f"{len(targets)} targets; at most {MAX_ENDPOINTS} are taken")
        places = asyncio.Semaphore(MAX_ASKED)
        try:
            async with asyncio.TaskGroup() as asking:
                asked = [asking.create_task(self._resolve(target, places)) for target in targets]
        except* NotFoundError as failures:
            raise NotFoundError(str(failures.exceptions[0])) from None
        return [task.result() for task in asked]

    async def _resolve(self, target: Target, places: asyncio.Semaphore) -> Addresses | None:
        """None for a target without addresses: one dead entry must not hold up the others."""
        if target.known is not None:
            return target.known
        try:
            async with places:
                return await self._names.addresses(target.host)
        except NotFoundError as error:
            if error.gone:
                return None
            raise


class FileSource:
    """`file://`: a YAML list of URLs. Content counts, not time, so that any way of replacing the file is seen."""

    slowest = FILE_SECONDS

    def __init__(self, path: str, sleep: Sleep = asyncio.sleep) -> None:
        self._path = Path(path)
        self._sleep = sleep
        self._read: tuple[bytes, tuple[Endpoint, ...] | NotFoundError] | None = None

    async def find(self) -> Found:
        content = await self._content()
        if self._read is None or self._read[0] != content:
            await self._sleep(SETTLE_SECONDS)
            if await self._content() != content:
                raise NotFoundError("the file is being written")
            self._read = (content, await asyncio.to_thread(_parse, content, self._path.name))
        found = self._read[1]
        if isinstance(found, NotFoundError):
            raise found
        return Found(found, FILE_SECONDS)

    async def _content(self) -> bytes:
        try:
            content = await asyncio.to_thread(_read_file, self._path)
        except OSError as error:
            raise NotFoundError((error.strerror or str(error)).lower()) from None
        if len(content) > MAX_FILE_BYTES:
            raise NotFoundError(f"the file is larger than {MAX_FILE_BYTES} bytes")
        return content


def complaint_about(path: str) -> str | None:
    """What is wrong with a file of endpoints as it is now, if anything. Reads it once."""
    try:
        content = _read_file(Path(path))
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if len(content) > MAX_FILE_BYTES:
        return f"the file is larger than {MAX_FILE_BYTES} bytes"
    parsed = _parse(content, Path(path).name)
    return str(parsed) if isinstance(parsed, NotFoundError) else None


def _read_file(path: Path) -> bytes:
    with open(path, "rb", opener=_open_at_once) as file:
        return file.read(MAX_FILE_BYTES + 1) or b""


def _open_at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to would hold a thread for ever, and the end of the process with it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _parse(content: bytes, name: str) -> tuple[Endpoint, ...] | NotFoundError:
    try:
        return parse_endpoints(content, name)
    except ConfigError as error:
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        return NotFoundError(f"{error.problems[0]}{more}")


def _found(endpoints: Iterable[Endpoint], ttl: float) -> Found:
    """In an order of our own: name servers shuffle their answers, and that is no change."""
    distinct = sorted(set(endpoints), key=_order)
    if len(distinct) > MAX_ENDPOINTS:
        raise NotFoundError(f"{len(distinct)} endpoints; at most {MAX_ENDPOINTS} are taken")
    return Found(tuple(distinct), ttl)


def _order(endpoint: Endpoint) -> tuple[int, bytes, int]:
    ip = ipaddress.ip_address(endpoint.host)
    return ip.version, ip.packed, endpoint.port
