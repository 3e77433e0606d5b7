"""${…}: what is filled in, what is refused, and that nothing from outside is shown."""

from pathlib import Path

import pytest

from proxy.config import ConfigError, load_text
from proxy.config.refused import Refused
from proxy.config.substitution import Substitution
from tests.support.routes_yaml import BASE, one_problem, problems, with_route


def fill(text: str, **environ: str) -> str:
    secrets = {"/run/secrets/x": "hush"}

    def read(path: str) -> str:
        if path not in secrets:
            raise FileNotFoundError(2, "No such file or directory")
        return secrets[path]

    return Substitution(environ, read).fill(text)[0]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "1"),
        ("x-${A}-${A}", "x-1-1"),
        ("${EMPTY}", ""),
        ("${NONE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${A:-d}", "1"),
        ("${NONE:-}", ""),
        ("${NONE:-http://x:1/a?b}", "http://x:1/a?b"),
        ("${A:?needed}", "1"),
        ("${file:/run/secrets/x}!", "hush!"),
        ("$$", "$"),
        ("$${A}", "${A}"),
        ("^/a/(b|c)$", "^/a/(b|c)$"),
        ("$A", "$A"),
    ],
)
def test_references_are_replaced(text: str, filled: str) -> None:
    assert fill(text, A="1", EMPTY="") == filled


def test_what_is_filled_in_is_not_read_again() -> None:
    assert fill("${A}", A="${B} $$") == "${B} $$"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NONE}", "NONE is not set in the environment"),
        ("${NONE:?say where}", "NONE is not set in the environment: say where"),
        ("${EMPTY:?}", "EMPTY is not set in the environment: it is required"),
        ("${file:/nope}", '"/nope" cannot be read: no such file or directory'),
        ("${A", "a ${ without its }"),
        ("${A:-${B}}", "a ${ without its }, or one inside another"),
        ("${A-d}", '"${A-d}" is no reference'),
        ("${}", '"${}" is no reference'),
        ("${1A}", '"${1A}" is no reference'),
    ],
)
def test_references_that_cannot_be_filled_are_refused(text: str, message: str) -> None:
    with pytest.raises(Refused) as caught:
        fill(text, A="1", EMPTY="")
    assert caught.value.message.startswith(message)


def test_a_value_cannot_add_keys_or_lines() -> None:
    text = BASE.replace("http://127.0.0.1:8000", "${URL}")
    assert one_problem(text, {"URL": "http://h:1\n  evil: { url: x }"}).startswith("routes.yaml:3:20:")


def test_failed_references_are_all_reported_and_cause_no_second_problem() -> None:
    text = BASE.replace("127.0.0.1:8000", "${A}").replace("127.0.0.1:8101", "${B}")
    assert [found.split(" (")[0] for found in problems(text)] == [
        "routes.yaml:3:20: A is not set in the environment",
        "routes.yaml:4:18: B is not set in the environment",
    ]


@pytest.mark.parametrize(
    "route",
    [
        "name: ${S}\nmatch: /a",
        "name: a\nmatch: ${S} /a",
        "name: a\nmatch: /a/${S}",
        'name: a\nmatch: { path: { regex: "${S}(" } }',
        "name: a\nmatch: { host: '${S}' }",
        "name: a\nmatch: /a\nto: ${S}",
        "name: a\nmatch: /a\nstage: ${S}",
        "name: a\nmatch: /a\npriority: ${S}",
        "name: a\nmatch: /a\nlimits: { body: '${S}' }",
        'name: a\nmatch: /a\nheaders: { request: { set: { X-Key: "${S}\\n" } } }',
        "name: a\nmatch: /a\nheaders: { request: { remove: [X Y, '${S}'] } }",
        "name: a\nmatch: /a\nstage: retired\nrespond: { see: '${S}' }",
        "name: a\nmatch: /a\nstage: retired\nrespond: { sunset: '${S}' }",
        "name: a\nmatch: /a\nupgrades: ['${S}']",
    ],
)
def test_no_problem_ever_shows_a_value_from_outside(route: str) -> None:
    found = problems(with_route(route), {"S": "Hunter2 secret?/"})
    assert found
    assert not [line for line in found if "not YAML" in line or "unter2" in line or "secret?" in line]


@pytest.mark.parametrize(
    "url", ["Hunter2", "Hunter2://x", "http://Hunter2:Hunter2", "http://a/Hunter2 x", "http://h:999999"]
)
def test_no_problem_of_a_url_from_outside_shows_it(url: str) -> None:
    found = one_problem(BASE.replace("http://127.0.0.1:8000", "${URL}"), {"URL": url})
    assert '"${URL}"' in found
    assert "Hunter2" not in found
    assert "999999" not in found


def test_a_value_from_outside_is_text_until_a_number_is_wanted() -> None:
    text = with_route('name: r\nmatch: { path: /a, headers: { X-A: "${N}" } }\nto: orders\npriority: ${N}')
    route = load_text(text, "routes.yaml", {"N": "010"}, "/").routes[0]
    assert route.priority == 10
    assert route.matches[0].headers[0].exact == "010"


def test_secrets_files_are_read_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k3y\n")
    text = with_route('name: r\nmatch: /a\nheaders: { request: { set: { X-Key: "${file:key}" } } }')
    snapshot = load_text(text, "routes.yaml", {}, tmp_path)
    assert snapshot.routes[0].request_headers.set == (("X-Key", "k3y"),)
    assert snapshot.sources == ("routes.yaml", str(tmp_path / "key"))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\xff", "it is not UTF-8"), (b"x" * 70_000, "it has more than 65,536 bytes")]
)
def test_a_secrets_file_that_cannot_be_text_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "key").write_bytes(content)
    text = with_route('name: r\nmatch: /a\nowner: "${file:key}"')
    with pytest.raises(ConfigError, match=reason):
        load_text(text, "routes.yaml", {}, tmp_path)
