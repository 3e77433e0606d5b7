"""The schemas of the events, read from `events/` and compiled once, when first needed."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .shapes import Check, Mismatch, Schema, compile_schema

_EVENTS = Path(__file__).parent / "events"


def load_schemas() -> dict[str, Schema]:
    """File name -> schema, of every schema of this version."""
    return {file.name: json.loads(file.read_text("utf-8")) for file in sorted(_EVENTS.glob("*.v*.json"))}


@cache
def compiled() -> Mapping[str, Check]:
    """`envelope` -> what a whole event must fit, `<type>.v<version>` -> what its `data` must."""
    documents = load_schemas()

    def resolve(reference: str) -> tuple[Schema, str]:
        document, _, way = reference.partition("#")
        schema: Any = documents[document]
        for step in way.strip("/").split("/"):
            schema = schema[step]
        return schema, document

    checks = {
        name.removesuffix(".json"): compile_schema(schema, name, resolve)
        for name, schema in documents.items()
        if "type" in schema  # the shapes have none: they are only referred to
    }
    envelope = checks.pop("envelope.v1")
    return {"envelope": envelope, **{name: _within_data(check) for name, check in checks.items()}}


def _within_data(check: Check) -> Check:
    def within(data: Any) -> None:
        try:
            check(data)
        except Mismatch as mismatch:
            raise mismatch.inside("data") from None

    return within
