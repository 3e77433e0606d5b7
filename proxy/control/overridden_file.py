"""routes.yaml together with the moves that hold beside it: what the file says, and what is to serve.

It is told when a snapshot it gave has been taken (`settle`): only then has the file the last word on routes whose text
has changed, because a file that is refused changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from proxy import clock
from proxy.config.model import Snapshot
from proxy.config.source import load_content, read_content
from proxy.control.override_store import Kept, OverrideStore
from proxy.observability.log import Log
from proxy.rollout.overrides import Override, apply, bases, sort_out


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
        self.kept = Kept.STATE

    def load(self) -> Snapshot:
        """What is to serve, by the file as it is now. Raises ConfigError."""
        content = read_content(self.path)
        snapshot = self._adapt(load_content(content, self.path, self.environ))
        self.find_overrides(snapshot.state_dir)
        kept, ended = sort_out(self.overrides, content.decode(), snapshot) if self.overrides else ([], [])
        self._pending = Read(content, snapshot, tuple(kept), tuple(ended))
        return apply(snapshot, kept)

    def settle(self) -> None:
        """The snapshot of the last `load` serves."""
        if self._pending is None:
            return
        self.current, self._pending = self._pending, None
        if self.current.kept != self.overrides:
            for each in self.current.ended:
                self._log.info("override_ended", route=each.route, why="its text in the file has changed")
            self._keep(self.current.kept)

    def find_overrides(self, state_dir: str) -> None:
        """Takes those that were kept, once; a state folder does not change while a server runs."""
        if self._store is None:
            self._store = OverrideStore(state_dir, self._private)
            self.overrides = self._store.read(
                clock.now(), lambda said: self._log.failure("overrides_damaged", detail=said)
            )

    def over(self, added: Sequence[Override], serving: Snapshot) -> Snapshot:
        """What is to serve with these overrides too; `serving` is what does, should no good file have been read."""
        routes = {each.route for each in added}
        wanted = [*(each for each in self.overrides if each.route not in routes), *added]
        return apply(self.current.snapshot if self.current else serving, wanted)

    def add(self, added: Sequence[Override]) -> None:
        """Keeps overrides, each in the place of the one that its route had."""
        found = bases(self.current.content.decode()) if self.current else {}
        routes = {each.route for each in added}
        bound = [
            Override(each.route, each.after, found.get(each.route, ""), each.at, each.who, each.because)
            for each in added
        ]
        self._keep((*(each for each in self.overrides if each.route not in routes), *bound))

    def drop(self, routes: Collection[str]) -> None:
        """The file has the last word again on these routes."""
        self._set_if_changed(each for each in self.overrides if each.route not in routes)

    def restore(self, overrides: Sequence[Override]) -> None:
        """As they were before something that failed."""
        self._set_if_changed(overrides)

    def _set_if_changed(self, overrides: Iterable[Override]) -> None:
        wanted = tuple(overrides)
        if wanted != self.overrides:
            self._keep(wanted)

    def _keep(self, overrides: tuple[Override, ...]) -> None:
        self.overrides = overrides
        if self._store is None:
            return
        self.kept = self._store.write(overrides)
        if self.kept is not Kept.STATE:
            routes = [each.route for each in overrides]
            self._log.failure("overrides_not_kept", routes=routes, survive=self.kept.value)
