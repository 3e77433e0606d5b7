"""Answers composed of several: `compose` is what a forwarder is given to make them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.forwarding.exchange import Exchange
    from proxy.wire.problem import LocalAnswer


async def compose(exchange: Exchange) -> LocalAnswer:
    """The answer to a request whose plan has `aggregate`.

    httpx costs a process some 10 MB and 0.2 s of start: one that never composes an answer does not load it, and one
    that does goes on serving meanwhile.
    """
    if not _load.cache_info().currsize:
        await asyncio.to_thread(_load)
    return await _load()(exchange)


@cache
def _load() -> Callable[[Exchange], Awaitable[LocalAnswer]]:
    from proxy.gateway.aggregate import compose_parts

    return compose_parts
