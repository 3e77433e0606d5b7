"""A service's part of the shop's contract: the paths it serves, and of the rest only what they refer to."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

import extracted_services

CONTRACT = Path(extracted_services.__file__).parent / "contracts" / "shop-api.yaml"


def routes(tags: Iterable[str]) -> list[BaseRoute]:
    """`/openapi.yaml`, with the operations that have one of the tags."""
    wanted = tuple(tags)

    async def openapi(_request: Request) -> Response:
        return Response(render_part(CONTRACT, wanted), media_type="application/yaml")  # RFC 9512

    return [Route("/openapi.yaml", openapi)]


@cache
def render_part(file: Path, tags: tuple[str, ...]) -> bytes:
    contract = yaml.safe_load(file.read_text(encoding="utf-8"))
    part: bytes = yaml.safe_dump(take_part(contract, tags), sort_keys=False, allow_unicode=True, encoding="utf-8")
    return part


def take_part(contract: dict[str, Any], tags: Iterable[str]) -> dict[str, Any]:
    """The contract with only the paths whose operations have one of the tags, and the components these need."""
    wanted = set(tags)
    paths = {
        path: item
        for path, item in contract["paths"].items()
        if any(wanted & set(operation.get("tags", ())) for operation in item.values() if isinstance(operation, dict))
    }
    needed = _follow(contract["components"], [*_references(paths), *_security_schemes(contract, paths)])
    components = {
        kind: {name: component for name, component in group.items() if (kind, name) in needed}
        for kind, group in contract["components"].items()
    }
    is_secured = bool(_security_schemes(contract, paths))
    return {
        **{key: value for key, value in contract.items() if key != "security" or is_secured},
        "tags": [tag for tag in contract.get("tags", ()) if tag["name"] in wanted],
        "paths": paths,
        "components": {kind: group for kind, group in components.items() if group},
    }


def _security_schemes(contract: dict[str, Any], paths: dict[str, Any]) -> list[tuple[str, str]]:
    """Those of the contract's default, unless every operation here says that it needs no token."""
    operations = [value for item in paths.values() for value in item.values() if isinstance(value, dict)]
    if all("security" in operation for operation in operations):
        return []
    return [("securitySchemes", name) for requirement in contract.get("security", ()) for name in requirement]


def _follow(components: dict[str, Any], first: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    waiting = set(first)
    while waiting:
        kind, name = waiting.pop()
        found.add((kind, name))
        waiting |= set(_references(components[kind][name])) - found
    return found


def _references(node: Any) -> Iterator[tuple[str, str]]:
    """Every `#/components/<kind>/<name>` below a node."""
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            kind, name = reference.removeprefix("#/components/").split("/")
            yield kind, name
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from _references(child)
