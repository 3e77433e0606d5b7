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


@pytest.mark.parametrize(
    ("section", "defaults"),
    [
        (
            "RetrySection",
            {"attempts": 2, "backoff": "25ms", "budget": "20%", "on": ["connect_error", "reset", 502, 503, 504]},
        ),
        (
            "BreakerSection",
            {
                "open_at": "50%",
                "window": "10s",
                "min_requests": 20,
                "try_again_after": "5s",
                "on": ["connect_error", "timeout", "reset", "5xx"],
            },
        ),
        ("EjectSection", {"after": 5, "base": "5s", "max_share": "50%"}),
        ("BulkheadSection", {"queue": 0, "max_wait": "1s"}),
        ("HealthSection", {"every": "5s", "timeout": "2s", "rise": 2, "fall": 3, "expect": "200-399"}),
        (
            "FallbackSection",
            {
                "on": ["connect_error", "timeout", "reset", 502, 503, 504],
                "methods": ["GET", "HEAD"],
                "budget": "100%",
            },
        ),
    ],
)
def test_an_editor_shows_defaults_as_the_file_would_say_them(section: str, defaults: dict[str, object]) -> None:
    properties = routes_schema()["definitions"][section]["properties"]
    assert {key: value["default"] for key, value in properties.items() if "default" in value} == defaults


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
        BASE.replace('8101" }', '8101", retry: { attempts: 3, budget: 12.5%, on: [timeout, 503, "502", 5xx] } }'),
        BASE.replace('8101" }', '8101", breaker: {}, eject: { max_share: 0% }, bulkhead: { max_in_flight: 1 } }'),
        BASE.replace('8101" }', '8101", balance: round_robin, slow_start: 0s, health: { path: /, expect: 2xx } }'),
        BASE.replace('8101" }', '8101", balance: { by: consistent_hash, key: { cookie: sid } } }'),
        BASE.replace('8101" }', '8101", health: { path: /, expect: [200, 300-301] }, timeout: { total: 1m } }'),
        BASE.replace('url: "http://127.0.0.1:8101"', "discover: endpoints.yaml"),
        BASE.replace('url: "http://127.0.0.1:8101"', 'discover: { url: "dns://h:1", resolver: "127.0.0.1:53" }'),
        with_route("name: r\nmatch: /a\nto: orders\nfallback: { on: [404, reset], methods: [GET], budget: 50% }"),
        with_route("name: r\nmatch: /a\nrate_limit: 300/m"),
        with_route("name: r\nmatch: /a\nrate_limit: { rate: 0.5/s, burst: 5, key: { header: X-A } }"),
        with_route("name: r\nmatch: /a\naggregate: { a: { from: orders, get: /a, default: [{ b: null }] } }"),
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
        with_route("name: r\nmatch: /a\nstage: pilot"),
        with_route("name: r\nmatch: /a\ngates: { samples: 5 }"),
        with_route("name: r\nmatch: /a\ngates: { latency: 5 }"),
        with_route("name: r\nmatch: /a\ncanary: { weight: 1 }"),
        with_route("name: r\nmatch: { headers: { X-A: 1 } }"),
        with_route("name: r"),
        BASE.replace('8101" }', '8101", retry: { attempts: 11 } }'),
        BASE.replace('8101" }', '8101", retry: { budget: 0.2 } }'),
        BASE.replace('8101" }', '8101", breaker: { on: [gone] } }'),
        BASE.replace('8101" }', '8101", bulkhead: {} }'),
        BASE.replace('8101" }', '8101", balance: random }'),
        BASE.replace('8101" }', '8101", balance: { by: consistent_hash, key: user } }'),
        BASE.replace('8101" }', '8101", health: { path: ok } }'),
        BASE.replace('url: "http://127.0.0.1:8101"', "discover: orders.internal"),
        with_route("name: r\nmatch: /a\nto: orders\nfallback: { methods: [POST] }"),
        with_route("name: r\nmatch: /a\nrate_limit: 50"),
        with_route("name: r\nmatch: /a\naggregate: { _a: { from: orders, get: /a } }"),
        with_route("name: r\nmatch: /a\naggregate: { a: { get: /a } }"),
    ],
)
def test_what_one_key_shows_to_be_wrong_the_schema_refuses_too(text: str) -> None:
    assert problems(text) != []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data(text), routes_schema(), jsonschema.Draft7Validator)
