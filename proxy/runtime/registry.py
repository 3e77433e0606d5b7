"""What outlives a snapshot: live things by key, kept where the new configuration still wants them.

A reload must not throw away warm connections of an endpoint that did not change, so things are made only for new
keys and retired only for keys that are gone.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Registry(Generic[K, V]):
    """Live things by key. `make` builds one for a key, `retire` lets one go; neither may wait."""

    def __init__(self, make: Callable[[K], V], retire: Callable[[V], None]) -> None:
        self._make = make
        self._retire = retire
        self._live: dict[K, V] = {}

    def reconcile(self, wanted: Iterable[K]) -> dict[K, V]:
        """Exactly the wanted things: those there already, new ones for new keys. The others are retired.

        Everything new is made before anything is retired: when `make` raises, nothing has changed.
        """
        kept = {key: self._live[key] if key in self._live else self._make(key) for key in wanted}
        for key, thing in self._live.items():
            if key not in kept:
                self._retire(thing)
        self._live = kept
        return kept

    def values(self) -> Iterable[V]:
        return self._live.values()

    def items(self) -> Iterable[tuple[K, V]]:
        return self._live.items()
