"""What must hold between keys: one test a rule, each with what breaks it and what does not."""

from pathlib import Path

import pytest

from proxy.config import ConfigError, load_text
from tests.support.routes_yaml import BASE, load, one_problem, problems, with_route


def test_legacy_must_be_an_upstream() -> None:
    found = one_problem(BASE.replace("legacy: monolith", "legacy: monolit"))
    assert found == 'routes.yaml:5:21: no upstream is named "monolit" (hint: did you mean "monolith"?)'


def test_to_must_be_an_upstream() -> None:
    found = one_problem(with_route("name: r\nmatch: /a\nto: payments"))
    assert found == 'routes.yaml:9:9: no upstream is named "payments" (hint: upstreams: monolith, orders)'


def test_only_a_route_at_cutover_needs_to() -> None:
    assert '"r" is at cutover without "to"' in one_problem(with_route("name: r\nmatch: /a\nstage: cutover"))
    for stage in ("legacy", "retired"):
        assert load(with_route(f"name: r\nmatch: /a\nstage: {stage}")).routes[0].to is None


def test_names_of_routes_are_unique() -> None:
    text = BASE + "routes:\n  - { name: r, match: /a }\n  - { name: r, match: /b }\n"
    assert one_problem(text) == 'routes.yaml:8:13: a second route named "r" (the first is on line 7)'


def test_default_is_no_name_for_a_route() -> None:
    assert '"default" names what no route claims' in one_problem(with_route("name: default\nmatch: /a"))


def test_respond_may_stand_there_before_a_route_is_retired_and_after_it_was_taken_back() -> None:
    assert problems(with_route("name: r\nmatch: /a\nrespond: { status: 410 }")) == []


def test_a_redirect_needs_to_know_where_to() -> None:
    route = "name: r\nmatch: /a\nstage: retired\nrespond: { status: %s }"
    assert 'a redirect (301) needs "see"' in one_problem(with_route(route % 301))
    assert problems(with_route(route % 404)) == []


def test_sunset_is_not_before_deprecation() -> None:
    route = "name: r\nmatch: /a\nstage: retired\nrespond: { deprecated: 2026-01-02, sunset: 2026-01-0%s }"
    assert "sunset is before deprecated" in one_problem(with_route(route % 1))
    assert problems(with_route(route % 2)) == []


@pytest.mark.parametrize("match", ["{}", "[/a, {}]"])
def test_a_match_needs_a_condition(match: str) -> None:
    assert "a match without a condition" in one_problem(with_route(f"name: r\nmatch: {match}"))


@pytest.mark.parametrize("value", ["{}", "{ exact: a, present: true }", '{ regex: a, exact: "" }'])
@pytest.mark.parametrize("kind", ["headers", "query", "cookies"])
def test_a_condition_on_a_value_is_one_condition(kind: str, value: str) -> None:
    for match in (f"{{ {kind}: {{ a: {value} }} }}", f"[/x, {{ {kind}: {{ a: {value} }} }}]"):
        found = one_problem(with_route(f"name: r\nmatch: {match}"))
        assert "a needs one of exact, regex and present" in found


def test_a_header_is_named_once_whatever_its_case() -> None:
    found = one_problem(with_route("name: r\nmatch: { headers: { X-A: a, x-a: b } }"))
    assert found.startswith("routes.yaml:8:33: x-a is named twice")
    assert problems(with_route("name: r\nmatch: { cookies: { A: a, a: b } }")) == []


@pytest.mark.parametrize("edits", ["set: { X-A: a, x-a: b }", "add: { X-A: a, X-a: b }", "remove: [X-A, x-a]"])
@pytest.mark.parametrize("side", ["request", "response"])
def test_an_edit_names_a_header_once_whatever_its_case(side: str, edits: str) -> None:
    found = one_problem(with_route(f"name: r\nmatch: /a\nheaders: {{ {side}: {{ {edits} }} }}"))
    assert "is named twice under" in found


@pytest.mark.parametrize("rewrite", ["{}", "{ path: /a, prefix: /b }"])
def test_a_rewrite_is_one_rewrite(rewrite: str) -> None:
    assert "one of rewrite.path and rewrite.prefix" in one_problem(
        with_route(f"name: r\nmatch: /a/**\nrewrite: {rewrite}")
    )


def test_a_rewritten_prefix_needs_a_prefix_in_every_match() -> None:
    route = "name: r\nmatch: [/a/**, %s]\nrewrite: { prefix: /b }"
    found = one_problem(with_route(route % "/c"))
    assert found == "routes.yaml:9:24: rewrite.prefix needs a path ending in /** in every match"
    assert problems(with_route(route % "/c/**")) == []


def test_a_rewritten_path_uses_only_what_every_match_has() -> None:
    route = 'name: r\nmatch: ["/a/{id}", "%s"]\nrewrite: { path: "/b/{id}" }'
    assert "rewrite.path uses {id}" in one_problem(with_route(route % "/c/{other}"))
    assert problems(with_route(route % "/c/{id}")) == []


@pytest.mark.parametrize(
    "where",
    ["{ timeout: 1s }", '{ url: "http://h", targets: ["http://h"] }', '{ url: "http://h", discover: "dns://h:1" }'],
)
def test_an_upstream_has_one_source_of_endpoints(where: str) -> None:
    text = f"version: 1\nupstreams: {{ a: {where} }}\ndefaults: {{ legacy: a }}\n"
    assert one_problem(text) == 'routes.yaml:2:14: upstream "a" needs one of url, targets and discover, and only one'


def test_an_upstream_has_each_endpoint_once() -> None:
    text = 'version: 1\nupstreams: { a: { targets: ["http://h", "http://H:80/"] } }\ndefaults: { legacy: a }\n'
    assert one_problem(text) == 'routes.yaml:2:41: upstream "a" has this endpoint twice'


def test_tls_settings_need_https() -> None:
    text = 'version: 1\nupstreams: {{ a: {{ url: "{}://h", tls: {{ verify: false }} }} }}\ndefaults: {{ legacy: a }}\n'
    assert "has tls settings, and no https URL" in one_problem(text.format("http"))
    assert problems(text.format("https")) == []


def test_an_authority_and_no_verification_contradict_each_other(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = BASE.replace('"http://127.0.0.1:8101"', '"https://h", tls: { verify: false, ca: ca.pem }')
    with pytest.raises(ConfigError, match="ca is never read when verify is false"):
        load_text(text, "routes.yaml", {}, tmp_path)


@pytest.mark.parametrize(
    ("public", "console"),
    [("127.0.0.1:80", "127.0.0.1:80"), ("0.0.0.0:80", "127.0.0.1:80"), ("localhost:80", "127.0.0.1:80")],
)
def test_console_and_public_are_two_addresses(public: str, console: str) -> None:
    text = BASE + f"listen: {{ public: {public}, console: {console} }}\n"
    assert "are one address" in one_problem(text)


def test_two_ports_that_the_system_chooses_are_two_addresses() -> None:
    assert problems(BASE + "listen: { public: 127.0.0.1:0, console: 127.0.0.1:0 }\n") == []


@pytest.mark.parametrize("key", ["public", "console"])
def test_an_upstream_is_not_this_proxy(key: str) -> None:
    found = one_problem(BASE + f"listen: {{ {key}: 0.0.0.0:8101 }}\n")
    assert found == f'routes.yaml:4:18: upstream "orders" is this proxy itself (listen.{key})'


def test_another_hosts_port_is_not_this_proxy() -> None:
    assert problems(BASE.replace("127.0.0.1:8101", "10.0.0.1:8080")) == []


def test_certificates_must_be_readable(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    text = BASE + "listen: { tls: { certificate: cert.pem, key: key.pem } }\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text, "routes.yaml", {}, tmp_path)
    assert str(caught.value) == 'routes.yaml:6:31: "cert.pem" cannot be read: no such file or directory'
    (tmp_path / "cert.pem").touch()
    tls = load_text(text, "routes.yaml", {}, tmp_path).listen.tls
    assert tls
    assert (tls.certificate, tls.key) == (str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))


def test_a_folder_is_no_certificate(tmp_path: Path) -> None:
    text = BASE.replace('"http://127.0.0.1:8101"', '"https://h", tls: { ca: . }')
    with pytest.raises(ConfigError, match="cannot be read: is a directory"):
        load_text(text, "routes.yaml", {}, tmp_path)
