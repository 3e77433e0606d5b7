"""The JSON Schema: current, valid, and of one mind with the decoder about single keys."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from proxy.config.schema import routes_schema, routes_schema_text
from tests.support.routes_yaml import BASE, problems, with_route


class _Core(yaml.SafeLoader):
    """Just enough of YAML 1.2 for the examples here: on and off are text, dates are text."""


_Core.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(("bool", "timestamp"))]
    + [(tag, pattern) for tag, pattern in found if tag.endswith("bool") and first in "tTfF"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def data(text: str) -> Any:
    return yaml.load(text, _Core)


def test_the_committed_schema_is_the_one_generated() -> None:
    committed = files("proxy").joinpath("schema/routes.schema.json").read_text(encoding="utf-8")
    assert committed == routes_schema_text(), "run: strangler schema > proxy/schema/routes.schema.json"


def test_the_schema_is_a_draft_7_schema() -> None:
    jsonschema.Draft7Validator.check_schema(routes_schema())


def test_every_key_has_a_description_that_an_editor_can_show() -> None:
    schema = routes_schema()
    sections = {"routes.yaml": schema, **schema["definitions"]}
    missing = [
        f"{name}.{key}"
        for name, section in sections.items()
        for key, value in section["properties"].items()
        if "description" not in value
    ]
    assert missing == []


def test_defaults_are_written_as_in_the_file() -> None:
    limits = routes_schema()["definitions"]["LimitsSection"]["properties"]
    assert {key: value["default"] for key, value in limits.items()} == {
        "head": "32KiB",
        "body": "100MiB",
        "head_timeout": "10s",
        "idle_timeout": "75s",
        "connections": 20000,
    }
    assert not re.search(r'("default"|"type"): "?null', json.dumps(routes_schema()))


@pytest.mark.parametrize("path", ["routes.yaml"])
def test_the_shops_file_satisfies_the_schema(path: str) -> None:
    text = (Path(__file__).parents[3] / path).read_text(encoding="utf-8")
    jsonschema.validate(data(text), routes_schema(), jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "text",
    [
        BASE,
        BASE
        + 'listen: { public: "${P:-127.0.0.1:1}", limits: { body: 1MiB, connections: "${N:-7}" }, drain_delay: 0s }\n',
        BASE + "log: { access: off }\n",
        BASE.replace('8101" }', '8101", timeout: 1s }'),
        BASE.replace('8101" }', '8101", timeout: { connect: 250ms } }'),
        with_route("name: r\nmatch: GET /a"),
        with_route("name: r\nmatch: [GET /a, { path: /b, headers: { A: b, C: { present: true } } }]"),
        with_route('name: r\nmatch: { path: { regex: "/a+" } }\nstage: "${S:-legacy}"'),
        with_route("name: r\nmatch: /a/**\nto: orders\nstage: cutover\nrewrite: { prefix: /b }"),
        with_route("name: r\nmatch: /a\nstage: retired\nrespond: { status: 410, sunset: 2027-01-01 }"),
    ],
)
def test_what_the_decoder_takes_the_schema_takes(text: str) -> None:
    assert problems(text) == []
    jsonschema.validate(data(text), routes_schema(), jsonschema.Draft7Validator)


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("version: 1", "version: 2"),
        BASE.replace("legacy:", "legcy:"),
        BASE + "listen: { drain_delay: 5 }\n",
        BASE + "listen: { limits: { head: 32k } }\n",
        with_route("name: Bad Name\nmatch: /a"),
        with_route("name: r\nmatch: { path: a }"),
        with_route("name: r\nmatch: /a\nstage: canary"),
        with_route("name: r\nmatch: /a\ncanary: { weight: 1 }"),
        with_route("name: r\nmatch: { headers: { X-A: 1 } }"),
        with_route("name: r"),
    ],
)
def test_what_one_key_shows_to_be_wrong_the_schema_refuses_too(text: str) -> None:
    assert problems(text) != []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data(text), routes_schema(), jsonschema.Draft7Validator)
