"""Side-by-side tests: every step is taken against the monolith and against the service, and the answers are compared.

pytest loads `proxy.testing.plugin` by itself. What is here is for annotations and for fixtures of one's own; nothing is
imported before it is asked for, because pytest loads this package for every project that has it installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.testing.answer import PairedAnswer
    from proxy.testing.both import Both
    from proxy.testing.paired import Paired
    from proxy.testing.side import SideClient
    from proxy.testing.sides import Sides
    from proxy.wire.exchange import Exchange

__all__ = ["Both", "Exchange", "Paired", "PairedAnswer", "SideClient", "Sides"]

_FROM = {
    "Both": "proxy.testing.both",
    "Exchange": "proxy.wire.exchange",
    "Paired": "proxy.testing.paired",
    "PairedAnswer": "proxy.testing.answer",
    "SideClient": "proxy.testing.side",
    "Sides": "proxy.testing.sides",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_FROM[name]), name)
