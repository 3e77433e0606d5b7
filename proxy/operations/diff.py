"""What has changed of the routes since a revision of git, or against another file: by route and setting, not by line.

Reads files and asks git for one; it needs no server. Settings other than those of a move are named, not shown.
"""

import dataclasses
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from proxy.config.compare import DEFAULT_SHADOW
from proxy.config.errors import ConfigError
from proxy.config.model import Route, Snapshot, Stage
from proxy.config.moving import Canary
from proxy.config.source import load_content, read_content
from proxy.control.override_store import OverrideStore, Survives
from proxy.operations.errors import Code, OperationError
from proxy.operations.positions import as_json
from proxy.rollout.ledger import place_as_json
from proxy.rollout.overrides import sort_out
from proxy.rollout.ports import position

GIT_SECONDS: Final = 20
_SHOWN: Final = ("to", "group", "owner", "priority")


def diff(file: str, revision: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """`{revision, routes, legacy, drift}`. `revision` is one of git, or the path of a file. Raises OperationError."""
    before = _load(_content_of(file, revision), file, environ, f"{revision}: ")
    content = read_content(file)
    after = load_content(content, file, environ)
    old, new = ({route.name: route for route in each.routes} for each in (before, after))
    names = [*new, *(name for name in old if name not in new)]
    compared = [found for name in names if (found := _compare(name, old.get(name), new.get(name)))]
    return {
        "revision": revision,
        "routes": compared,
        "legacy": None if before.legacy == after.legacy else [before.legacy, after.legacy],
        "upstreams": sorted(_differing(before, after)),
        "drift": _drift(after, content.decode()),
    }


def _content_of(file: str, revision: str) -> bytes:
    if Path(revision).is_file():
        return read_content(revision)
    if revision.startswith("-"):
        raise OperationError(Code.INVALID, f"{revision} is neither a revision of git nor a file")
    path = Path(file).resolve()
    command = ["git", "-C", str(path.parent), "show", f"{revision}:./{path.name}"]
    try:
        # No shell, and what the person typed is one argument that begins with no dash.
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperationError(Code.INVALID, f"git cannot be asked: {error}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise OperationError(Code.INVALID, f"no file and no revision of git: {revision}", tuple(said[:1]))
    return done.stdout


def _load(content: bytes, file: str, environ: Mapping[str, str], where: str) -> Snapshot:
    try:
        return load_content(content, file, environ)
    except ConfigError as error:
        details = tuple(f"{where}{problem}" for problem in error.problems)
        raise OperationError(Code.INVALID, "what it was then is no valid file now", details) from error


def _compare(name: str, old: Route | None, new: Route | None) -> dict[str, Any] | None:
    """What differs of one route; None when nothing does."""
    if old is None or new is None:
        known = old or new
        assert known is not None
        return {"route": name, "change": "added" if old is None else "removed", **place_as_json(position(known))}
    found: dict[str, Any] = {}
    if position(old) != position(new):
        found |= {"from": place_as_json(position(old)), "to": place_as_json(position(new))}
    settings = {key: [getattr(old, key), getattr(new, key)] for key in _SHOWN if getattr(old, key) != getattr(new, key)}
    others = _others(old, new)
    found |= {"settings": settings} if settings else {}
    found |= {"others": others} if others else {}
    return {"route": name, "change": "changed", **found} if found else None


def _others(old: Route, new: Route) -> list[str]:
    """Names of the settings that differ and are not shown: a header's value may be a credential."""
    left, right = _at_rest(old), _at_rest(new)
    names = [each.name for each in dataclasses.fields(Route) if each.name not in _SHOWN]
    return [name for name in names if _placeless(getattr(left, name)) != _placeless(getattr(right, name))]


def _at_rest(route: Route) -> Route:
    """Without what a move changes, and what comes with a stage unsaid."""
    canary = dataclasses.replace(route.moving.canary or Canary(), weight=0.0, paused=False)
    shadow = None if route.shadow == DEFAULT_SHADOW else route.shadow
    moving = dataclasses.replace(route.moving, canary=canary)
    return dataclasses.replace(route, stage=Stage.LEGACY, shadow=shadow, moving=moving, place=None)


def _placeless(value: Any) -> Any:
    """Without the lines it was written on."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: _placeless(getattr(value, each.name)) for each in dataclasses.fields(value)}
        return {name: each for name, each in fields.items() if name != "place"}
    return [_placeless(each) for each in value] if isinstance(value, tuple) else value


def _differing(before: Snapshot, after: Snapshot) -> list[str]:
    names = {*before.upstreams, *after.upstreams}
    return [n for n in names if _placeless(before.upstreams.get(n)) != _placeless(after.upstreams.get(n))]


def _drift(snapshot: Snapshot, text: str) -> list[dict[str, Any]]:
    """What the last server kept beside the file, and still holds."""
    kept, _ = sort_out(OverrideStore(snapshot.state_dir, None).read(None, lambda _said: None), text, snapshot)
    return [as_json(each, Survives.STATE.value) for each in kept]
