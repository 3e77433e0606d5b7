"""JSON paths of many rules, followed together while a value is walked: one state a value, one look-up a step.

The paths are one nondeterministic automaton over names and indexes (RFC 9535 section 2.5: segments); its deterministic
states are made when a walk first needs them. Names and indexes that no path has are one symbol each, so that how many
states there are depends on the paths and never on the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from proxy.config.json_path import JsonPath, Step

MAX_STATES: Final = 5000
"""Above it a state is made anew each time: many descending paths can have very many."""

_Position = tuple[int, int]
"""A path, and how many of its steps have been taken."""

Meaning = TypeVar("Meaning")
"""What it means for a value that some paths select it, and some it or one above it."""

_Key = tuple[frozenset[_Position], frozenset[int]]


class State(Generic[Meaning]):
    """Where the paths are at one value, and what that means for it."""

    __slots__ = ("_elements", "_members", "_paths", "_positions", "_reach", "indexed", "meaning")

    def __init__(self, paths: Paths[Meaning], positions: frozenset[_Position], above: frozenset[int]) -> None:
        self._paths = paths
        self._positions = positions
        self._members: dict[str | None, State[Meaning]] = {}
        self._elements: dict[int | None, State[Meaning]] = {}
        here = frozenset(path for path, taken in positions if taken == len(paths.paths[path]))
        self._reach = here | above
        self.meaning = paths.mean(here, self._reach)
        # Whether some path tells the elements of an array apart by their place.
        self.indexed = any(isinstance(step.selector, int) for step in self._next())

    def member(self, name: str) -> State[Meaning]:
        """The state of an object's member."""
        known = name if name in self._paths.names else None
        found = self._members.get(known)
        if found is None:
            found = self._members[known] = self._paths.after(self, known)
        return found

    def element(self, index: int) -> State[Meaning]:
        """The state of an array's element."""
        known = index if index in self._paths.indexes else None
        found = self._elements.get(known)
        if found is None:
            found = self._elements[known] = self._paths.after(self, known)
        return found

    def _next(self) -> list[Step]:
        paths = self._paths.paths
        return [paths[path][taken] for path, taken in self._positions if taken < len(paths[path])]

    def step(self, symbol: str | int | None) -> _Key:
        """The paths one step further. None is any name or index that no path has."""
        positions: set[_Position] = set()
        for path, taken in self._positions:
            if taken == len(self._paths.paths[path]):
                continue
            step = self._paths.paths[path][taken]
            if step.descends:
                positions.add((path, taken))
            if step.selector is None or (step.selector == symbol and symbol is not None):
                positions.add((path, taken + 1))
        return frozenset(positions), self._reach


class Paths(Generic[Meaning]):
    """Compiled paths, known by their place in the list. `start` is the state of a whole value.

    `mean(here, reach)` says what it means that the paths `here` select a value, and those of `reach` it or one above.
    """

    def __init__(self, paths: Sequence[JsonPath], mean: Callable[[frozenset[int], frozenset[int]], Meaning]) -> None:
        self.paths = tuple(paths)
        self.mean = mean
        selectors = {step.selector for path in paths for step in path}
        self.names = frozenset(name for name in selectors if isinstance(name, str))
        self.indexes = frozenset(index for index in selectors if isinstance(index, int))
        self._states: dict[_Key, State[Meaning]] = {}
        self.start = self._state((frozenset((number, 0) for number in range(len(paths))), frozenset()))

    def after(self, state: State[Meaning], symbol: str | int | None) -> State[Meaning]:
        return self._state(state.step(symbol))

    def _state(self, key: _Key) -> State[Meaning]:
        found = self._states.get(key)
        if found is None:
            found = State(self, *key)
            if len(self._states) < MAX_STATES:
                self._states[key] = found
        return found
