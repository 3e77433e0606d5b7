"""YAML as we read it: 1.2, strict, located, limited."""

import time

import pytest
import yaml

from proxy.config import document
from proxy.config.document import MAX_BYTES, parse
from proxy.config.errors import ConfigError
from proxy.config.nodes import Document, plain
from proxy.config.substitution import Substitution


def no_secret(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def read(text: str | bytes, **environ: str) -> Document:
    return parse(text, "routes.yaml", Substitution(environ, no_secret))


def tree(text: str | bytes, **environ: str) -> object:
    found = read(text, **environ)
    assert found.problems == ()
    return plain(found.root)


def refusal(text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return str(caught.value)


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def _each_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both of PyYAML's parsers must behave alike: which one is there depends on how PyYAML was built."""
    loader = yaml.SafeLoader if request.param == "python" else yaml.CSafeLoader
    monkeypatch.setattr(document, "_LOADER", loader)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("off", "off"),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1_000", "1_000"),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("2026-09-01", "2026-09-01"),
        ("true", True),
        ("False", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("9" * 30, "9" * 30),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    assert tree(f"a: {written}") == {"a": value}


def test_nodes_know_the_line_and_column_of_keys_and_values() -> None:
    found = read("a:\n  - x\n  - bé: { c: d }\n")
    assert str(found.place(("a", 1, "bé", "c"))) == "routes.yaml:3:14"
    assert str(found.key_place(("a", 1, "bé", "c"))) == "routes.yaml:3:11"
    assert str(found.place(("a", 0))) == "routes.yaml:2:5"


def test_the_place_of_what_is_not_there_is_the_nearest_thing_that_is() -> None:
    found = read("routes:\n  - match: GET /a\n")
    assert str(found.place(("routes", 0, "match", 0, "path"))) == "routes.yaml:2:12"
    assert str(found.place(("routes", 0, "name"))) == "routes.yaml:2:5"


def test_an_index_is_passed_over_where_one_value_stands_for_a_list() -> None:
    assert str(read("match: { path: /a }\n").place(("match", 0, "path"))) == "routes.yaml:1:16"


def test_every_repeated_key_is_reported_and_the_first_one_counts() -> None:
    found = read("a: 1\nb: 2\na: 3\nb: 4\n")
    assert [str(problem) for problem in found.problems] == [
        'routes.yaml:3:1: key "a" is repeated (first on line 1)',
        'routes.yaml:4:1: key "b" is repeated (first on line 2)',
    ]
    assert plain(found.root) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "routes.yaml:1:1: the file is empty"),
        ("# nothing\n", "routes.yaml:1:1: the file is empty"),
        ("- a\n", "routes.yaml:1:1: the file must be a mapping"),
        ("just text", "routes.yaml:1:1: the file must be a mapping"),
        ("a: 1\n---\nb: 2\n", "routes.yaml:2:1: a second document begins here"),
        ("a:\n\tb: 1\n", "routes.yaml:2:1: not YAML: found character"),
        ("a: b: c\n", "routes.yaml:1:5: not YAML: mapping values are not allowed"),
        ("a: [1, 2\n", "not YAML:"),
        ("a: *nowhere\n", "routes.yaml:1:4: *nowhere refers to no &nowhere above"),
        ("a: &x [*x]\n", "routes.yaml:1:8: *x stands inside what it refers to"),
        ("[1]: 2\n", "routes.yaml:1:1: a key must be text"),
        ("a: !!python/object/apply:os.system [id]\n", "routes.yaml:1:4: the tag tag:yaml.org,2002:python/"),
        ("a: !secret x\n", "routes.yaml:1:4: the tag !secret is not read here"),
        ("a: 1\nb: \x00\n", "routes.yaml:2:4: not YAML: the character U+0000 is not allowed"),
        ("a: \ud800\n", "routes.yaml:1:4: a lone surrogate is not text"),
        (b"a: 1\nb: \xff\n", "routes.yaml:2:4: byte 0xff is not UTF-8"),
        ("a: 1\n".encode("utf-16"), "byte 0xff is not UTF-8"),
        ("%YAML 9.9\n---\na: 1\n", "not YAML: found incompatible YAML document"),
    ],
)
def test_what_is_not_one_mapping_is_refused_at_its_place(text: str | bytes, expected: str) -> None:
    message = refusal(text)
    assert expected in message
    assert "\n" not in message


def test_tabs_are_named_as_the_likely_cause() -> None:
    assert "indent with spaces, not tabs" in refusal("a:\n\tb: 1\n")


def test_a_bracket_that_was_left_open_is_named_as_a_likely_cause() -> None:
    assert "a line above lacks its }" in refusal("a: { b: { c: 1 }\nd: 2\n")


def test_a_byte_order_mark_is_passed_over() -> None:
    assert tree(b"\xef\xbb\xbfa: 1\n") == {"a": 1}


def test_aliases_stand_for_values() -> None:
    assert tree("a: &x { y: 1 }\nb: *x\nc: [*x]\n") == {"a": {"y": 1}, "b": {"y": 1}, "c": [{"y": 1}]}


def test_an_alias_cannot_be_a_key() -> None:
    assert "a key must be written out" in refusal("a: &x b\n*x : 1\n")


def test_a_text_larger_than_the_limit_is_refused_with_both_numbers() -> None:
    message = refusal("a" * (MAX_BYTES + 1))
    assert "1,048,577 bytes; at most 1,048,576 (1 MiB) are read" in message


def laughs() -> str:
    lines = ["a0: &a0 [ha]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join(lines)


def chain() -> str:
    return "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 5000))


@pytest.mark.parametrize(
    "text",
    [
        laughs(),
        chain(),
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "a: " + "[" * 40 + "]" * 40,
    ],
    ids=["billion laughs", "alias chain", "[", "{", "-", "?", "closed"],
)
def test_input_made_to_be_slow_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ConfigError):
        read(text)
    assert time.process_time() - began < 5
