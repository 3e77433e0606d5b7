"""A first routes.yaml for a monolith: one route a resource, all at legacy, so that serving it changes nothing.

A resource is what shares the first words of a path, after words that only contain others (`/api/v1`). Its reads and its
writes are routes of their own, because they move in different ways. The same URLconf always gives the same text.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.inventory.patterns import REST, Pattern, Urlconf
from proxy.routing.reserved import is_internal
from proxy.wire.head import SAFE

UNSAFE: Final = ("POST", "PUT", "PATCH", "DELETE")
MAX_LISTED: Final = 8  # patterns named above a route
_CONTAINER = re.compile(r"api|rest|ajax|v\d{1,3}")
_PLAIN: Final = re.compile(r"[\w/.~-]+(?:/\*\*)?")  # needs no quotes in YAML
DEFAULT_LEGACY: Final = "${MONOLITH_URL:-http://127.0.0.1:8000}"

_HEAD = """\
# {title}
#
# Every route is at `stage: legacy`: the monolith answers all of it, as before. What to do next:
#
#   strangler check              says whether this file is well
#   strangler serve              put it in front of the monolith, and let traffic come for a few days
#   strangler inventory          says what is asked for, and what to extract first
#
# Then, for one route: add the service under `upstreams`, name it with `to:`, and go to `stage: shadow`.
# Routes that nobody asks for may be left out; what no route claims goes to the monolith too.

version: 1

listen:
  public: 127.0.0.1:8080     # users
  console: 127.0.0.1:8081    # operators

upstreams:
  monolith:
    url: {legacy}
  # catalogue:               # a service that takes over some of it
  #   url: ${{CATALOGUE_URL:-http://127.0.0.1:8101}}

defaults:
  legacy: monolith           # answers every request that no route below claims
"""


@dataclass(frozen=True, slots=True)
class Resource:
    """What moves together. `paths` are what its routes match; `patterns` what is known to lie below."""

    name: str
    paths: tuple[str, ...]
    patterns: tuple[Pattern, ...]


def draft(urlconf: Urlconf, legacy: str = DEFAULT_LEGACY) -> str:
    """The text of a routes.yaml."""
    title = f"Drafted from the URLconf of {urlconf.settings}." if urlconf.settings else "Drafted for a monolith."
    return _HEAD.format(title=title, legacy=legacy) + "".join(_routes(urlconf))


def _routes(urlconf: Urlconf) -> Iterator[str]:
    served = [pattern for pattern in urlconf.patterns if not is_internal(pattern.template)]
    if not urlconf.patterns:
        yield "\nroutes: []                   # such as: { name: products, match: GET /products/**, stage: legacy }\n"
        return
    yield "\nroutes:\n"
    app = None
    for resource in resources(served):
        if resource.patterns[0].app != app:
            app = resource.patterns[0].app
            yield f"  # ---- {_comment(app or 'other')} ----\n\n"
        yield from _of_resource(resource)
    if len(served) < len(urlconf.patterns):
        yield "  # Left out: /internal/**, which is never reachable through the proxy.\n"
    for template in urlconf.unsayable:
        yield f"  # Left out: {_comment(template)}, which no request that is let through has as its path.\n"


def resources(patterns: Sequence[Pattern]) -> list[Resource]:
    """By app, and within it in the order of the URLconf."""
    grouped: dict[tuple[str, ...], list[Pattern]] = {}
    for pattern in patterns:
        grouped.setdefault(_stem(pattern.template), []).append(pattern)
    apps = list(dict.fromkeys(pattern.app for pattern in patterns))
    taken: set[str] = set()
    found = [
        Resource(_name(stem, taken), _paths(stem, same), tuple(same))
        for stem, same in sorted(grouped.items(), key=lambda item: apps.index(item[1][0].app))
    ]
    return [one for one in found if one.patterns]


def _stem(template: str) -> tuple[str, ...]:
    """The literal segments that name a template's resource; none for what begins with a variable."""
    stem: list[str] = []
    for segment in template[1:].split("/"):
        if segment.startswith("{") or segment == "**" or (stem and not segment):
            break
        stem.append(segment)
        if not _CONTAINER.fullmatch(segment):
            break
    return tuple(stem)


def _name(stem: tuple[str, ...], taken: set[str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", "-".join(stem).lower()).strip("-")[:48]
    wanted = words or ("home" if stem else "pages")
    wanted = f"{wanted}-route" if wanted == "default" else wanted
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.update((name, f"{name}-write"))
    return name


def _paths(stem: tuple[str, ...], patterns: Sequence[Pattern]) -> tuple[str, ...]:
    """One prefix, or the one path there is; every template by itself where they have no literal part in common."""
    if not stem:
        return tuple(dict.fromkeys(pattern.template for pattern in patterns))
    path = "/" + "/".join(stem)
    return (path,) if all(pattern.template == path for pattern in patterns) else (path + REST,)


def _of_resource(resource: Resource) -> Iterator[str]:
    patterns = resource.patterns
    if all(pattern.admin for pattern in patterns) or _catches_all(resource):
        why = "  # the admin writes everything: it stays, until nothing is left of it\n" if patterns[0].admin else ""
        yield from _route(resource.name, resource.paths, (), patterns, why)
        return
    reading = [pattern for pattern in patterns if pattern.reads]
    writing = [pattern for pattern in patterns if pattern.writes]
    if reading:
        yield from _route(resource.name, resource.paths, ("GET",), reading, "")
    if writing:
        name = f"{resource.name}-write" if reading else resource.name
        methods = {method for pattern in writing for method in pattern.methods or UNSAFE} - SAFE
        ordered = (*(each for each in UNSAFE if each in methods), *sorted(methods.difference(UNSAFE)))
        why = "  # moves by handover: say what it writes, as in  writes: { entities: [order] }\n"
        yield from _route(name, resource.paths, ordered, writing, why)


def _catches_all(resource: Resource) -> bool:
    """Whether nothing is known but that everything below a path goes to one view."""
    below = [f"{pattern.template.rstrip('/').removesuffix(REST)}{REST}" for pattern in resource.patterns]
    known = any(pattern.methods is not None for pattern in resource.patterns)
    whole = any(pattern.template.endswith(REST) for pattern in resource.patterns)
    return whole and not known and set(below) == set(resource.paths)


def _route(
    name: str, paths: Sequence[str], methods: Sequence[str], patterns: Sequence[Pattern], why: str
) -> Iterator[str]:
    for pattern in patterns[:MAX_LISTED]:
        unknown = "" if pattern.methods is not None or not methods else "   (its methods are not known)"
        yield f"  # {_comment(pattern.template)}{unknown}\n"
    if len(patterns) > MAX_LISTED:
        yield f"  # and {len(patterns) - MAX_LISTED} more\n"
    yield why
    yield f"  - name: {name}\n"
    matches = [_scalar(" ".join(filter(None, [",".join(methods), path]))) for path in paths]
    if len(matches) == 1:
        yield f"    match: {matches[0]}\n"
    else:
        yield "    match:\n" + "".join(f"      - {each}\n" for each in matches)
    yield "    stage: legacy\n\n"


def _scalar(match: str) -> str:
    """A YAML scalar: quoted unless nothing in it could mean anything else."""
    methods, _, path = match.rpartition(" ")
    if _PLAIN.fullmatch(path) and (not methods or re.fullmatch(r"[A-Z,]+", methods)):
        return match
    return "'" + match.replace("'", "''") + "'"


def _comment(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)
