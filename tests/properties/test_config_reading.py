"""Whatever a file holds, reading it gives a Snapshot or a ConfigError: never a traceback, never a secret."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.config import ConfigError, Snapshot, load_text
from proxy.config.codec import dump_snapshot, load_snapshot
from proxy.config.patterns import path_pattern
from proxy.config.refused import Refused
from proxy.wire.path import normalise
from tests.support.routes_yaml import BASE

KEYS = """version listen upstreams defaults routes log state public console trusted_proxies tls limits head body
    head_timeout connections url targets timeout connect ca verify host legacy name match path methods headers query
    cookies to stage priority rewrite prefix request response set add remove respond status deprecated sunset see
    upgrades group owner regex exact present access monolith orders << X-A""".split()  # noqa: SIM905 - a list of words
SCALARS = """1 0 -1 true off ~ "" '' legacy cutover retired GET /a /a/** "/a/{id}" "GET /a" 10s 5 32KiB 410 2026-09-01
    http://h https://u:p@h ${A} ${B:-x} ${file:/x} ${ $$ "(?=a)" *a &a 127.0.0.1:80 10.0.0.0/8 monolith orders keep
    1e999 0x7f .nan 99999999999999999999 é""".split()  # noqa: SIM905 - a list of words


def outcome(text: str | bytes, **environ: str) -> Snapshot | ConfigError:
    try:
        return load_text(text, "routes.yaml", environ, "/nowhere")
    except ConfigError as error:
        found = error
    assert found.problems
    assert all("\n" not in str(problem) for problem in found.problems)
    return found


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    outcome(data)


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`,#? \n\t$\\~", max_size=60))
def test_any_mixture_of_yamls_own_characters(text: str) -> None:
    outcome(text)


def flow(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(st.sampled_from(KEYS), children), max_size=4)
    return st.one_of(
        pairs.map(lambda found: "{" + ", ".join(f"{key}: {value}" for key, value in found) + "}"),
        st.lists(children, max_size=3).map(lambda found: "[" + ", ".join(found) + "]"),
    )


VALUES = st.recursive(st.sampled_from(SCALARS), flow, max_leaves=12)


@given(st.lists(st.tuples(st.sampled_from(KEYS), VALUES), max_size=6))
def test_any_tree_of_the_formats_own_words(lines: list[tuple[str, str]]) -> None:
    outcome("\n".join(f"{key}: {value}" for key, value in lines), A="1")


ROUTE_KEYS = ("to", "stage", "priority", "rewrite", "headers", "respond", "upgrades", "limits", "group", "owner")


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(ROUTE_KEYS), VALUES), max_size=5, unique_by=lambda pair: pair[0]), VALUES)
def test_any_route(keys: list[tuple[str, str]], match: str) -> None:
    route = "".join(f", {key}: {value}" for key, value in keys)
    found = outcome(f"{BASE}routes:\n  - {{ name: r, match: {match}{route} }}\n", A="1")
    if isinstance(found, Snapshot):
        assert found.legacy in found.upstreams
        assert all(route.to is None or route.to in found.upstreams for route in found.routes)
        assert load_snapshot(dump_snapshot(found)) == found


@given(st.text(min_size=6), st.sampled_from(["owner", "match", "to", "stage", "group", "limits", "priority", "name"]))
def test_no_problem_shows_what_the_environment_holds(secret: str, key: str) -> None:
    value = f"q7{secret}Zx"
    route = {"name": "r", "match": "/a", key: '"${SECRET}"'}
    lines = ", ".join(f"{name}: {text}" for name, text in route.items())
    found = outcome(f"{BASE}routes:\n  - {{ {lines} }}\n", SECRET=value)
    if isinstance(found, ConfigError):
        assert "q7" not in str(found)


@given(st.text(alphabet="/aA.%2fF41~{}*;é ?", min_size=1, max_size=12).map(lambda rest: f"/{rest}"))
def test_a_literal_path_that_is_taken_is_in_the_normal_form_requests_are_matched_in(path: str) -> None:
    try:
        pattern = path_pattern(path)
    except Refused:
        return
    if "{" not in path and "**" not in path:
        assert normalise(pattern.text) == pattern.text
