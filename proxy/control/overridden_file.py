"""routes.yaml together with the moves that hold beside it: what the file says, and what is to serve.

It is told when a snapshot it gave has been taken (`settle`): only then has the file the last word on routes whose text
has changed, because a file that is refused changes nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from proxy import clock
from proxy.config.model import Snapshot
from proxy.config.source import load_content, read_content
from proxy.control.override_store import OverrideStore, Survives
from proxy.observability.log import Log
from proxy.rollout.overrides import Override, apply, bases, place_base, sort_out
from proxy.rollout.ports import position


@dataclass(frozen=True, slots=True)
class Read:
    """A good file: its bytes, what it says, the overrides that hold beside it, and those that it ended."""

    content: bytes
    snapshot: Snapshot
    kept: tuple[Override, ...]
    ended: tuple[Override, ...]


class OverriddenFile:
    """Its methods block; they are called one at a time, in threads. `private`: the server's folder, if there is one."""

    def __init__(
        self,
        path: str,
        environ: Mapping[str, str],
        *,
        private: str | None,
        log: Log,
        adapt: Callable[[Snapshot], Snapshot] = lambda snapshot: snapshot,
    ) -> None:
        self.path = path
        self.environ = environ
        self._private = private
        self._log = log
        self._adapt = adapt
        self._pending: Read | None = None
        self._store: OverrideStore | None = None
        self.current: Read | None = None  # None until a good file has been taken
        self.overrides: tuple[Override, ...] = ()
        self.kept = Survives.STATE

    def load(self) -> Snapshot:
        """What is to serve, by the file as it is now. Raises ConfigError."""
        content = read_content(self.path)
        snapshot = self._adapt(load_content(content, self.path, self.environ))
        self.find_overrides(snapshot.state_dir)
        kept, ended = sort_out(self.overrides, content.decode(), snapshot) if self.overrides else ([], [])
        self._pending = Read(content, snapshot, tuple(kept), tuple(ended))
        return apply(snapshot, kept)

    def settle(self) -> None:
        """The snapshot of the last `load` serves. Overrides that were added since stay."""
        if self._pending is None:
            return
        self.current, self._pending = self._pending, None
        bound = {(each.route, each.at): each for each in self.current.kept}
        for each in self.current.ended:
            self._log.info("override_ended", route=each.route, why="the file has the last word on it again")
        before = self.overrides
        ended = self.current.ended
        self.overrides = tuple(bound.get((each.route, each.at), each) for each in before if each not in ended)
        if self.overrides != before:
            self.keep()

    def find_overrides(self, state_dir: str) -> None:
        """Takes those that were kept, once; a state folder does not change while a server runs.

        `load` does it, for a file that can be loaded. Before it is done nothing may be put or kept.
        """
        if self._store is None:
            self._store = OverrideStore(state_dir, self._private)
            self.overrides = self._store.read(
                clock.now(), lambda said: self._log.failure("overrides_damaged", detail=said)
            )

    def beside(self, serving: Snapshot) -> Snapshot:
        """What is to serve while the file cannot: the last good one, or `serving` if none was read, with overrides."""
        if self.current:
            found = bases(self.current.content.decode())
        else:
            found = {route.name: place_base(position(route)) for route in serving.routes}
        self.overrides = tuple(
            each if each.base else replace(each, base=found.get(each.route, "")) for each in self.overrides
        )
        return apply(self.current.snapshot if self.current else serving, self.overrides)

    def put(self, added: Sequence[Override], *, without: Collection[str] = ()) -> None:
        """Adds overrides, each in the place of the one its route had; `without` lists routes that are to have none.

        They hold from the next load on, or in what `beside` gives; `keep` makes them outlive this process.
        """
        gone = {*without, *(each.route for each in added)}
        known = {} if self.current else {each.route: each.base for each in self.overrides}  # of what the file said last
        bound = [replace(each, base=each.base or known.get(each.route, "")) for each in added]
        self.overrides = (*(each for each in self.overrides if each.route not in gone), *bound)

    def keep(self) -> None:
        """Writes them down, as well as it goes."""
        if self._store is None:
            return
        self.kept = self._store.write(self.overrides)
        if self.kept is not Survives.STATE:
            routes = [each.route for each in self.overrides]
            self._log.failure("overrides_not_kept", routes=routes, survive=self.kept.value)
