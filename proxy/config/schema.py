"""The JSON Schema of routes.yaml, for completion and checks in editors (draft 7, which all of them read).

It says what one key may hold. What takes two keys to see is left to `strangler check`.
"""

import json
from datetime import timedelta
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from proxy.config.model import Address
from proxy.config.values import format_duration
from proxy.config.written import FileSection

_DRAFT = "http://json-schema.org/draft-07/schema#"


class _Generator(GenerateJsonSchema):
    """Writes defaults as a file would say them."""

    def encode_default(self, dft: Any) -> Any:
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, Address):
            return str(dft)
        return super().encode_default(dft)


def routes_schema() -> dict[str, Any]:
    """The schema as plain data."""
    generated = FileSection.model_json_schema(ref_template="#/definitions/{model}", schema_generator=_Generator)
    schema = _tidy(generated)
    definitions = schema.pop("$defs")
    return {"$schema": _DRAFT, "title": "routes.yaml", **schema, "definitions": definitions}


def routes_schema_text() -> str:
    """The schema as it is committed and printed."""
    return json.dumps(routes_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Without what pydantic adds for Python: titles made of field names, and null for "not given"."""
    tidy: JsonSchemaValue = {}
    for key, value in schema.items():
        if (key == "title" and isinstance(value, str)) or (key == "default" and value is None):
            continue
        if key == "anyOf" and {"type": "null"} in value:
            rest = [_tidy(option) for option in value if option != {"type": "null"}]
            tidy |= rest[0] if len(rest) == 1 else {"anyOf": rest}
        elif key == "propertyNames":
            tidy[key] = {"pattern": value["anyOf"][0]["pattern"]}  # keys are not substituted
        elif isinstance(value, dict):
            tidy[key] = _tidy(value)
        elif isinstance(value, list):
            tidy[key] = [_tidy(item) if isinstance(item, dict) else item for item in value]
        else:
            tidy[key] = value
    return tidy
