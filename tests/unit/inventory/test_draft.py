"""A drafted routes.yaml: valid, deterministic, one route a resource, reads apart from writes."""

from datetime import date

from proxy.inventory.draft import draft, resources
from proxy.inventory.patterns import Pattern, Urlconf, read_urlconf
from proxy.routing.lint import lint
from proxy.routing.table import compile_table
from tests.support.routes_yaml import load
from tests.support.routing import head

GET, POST, BOTH = ("GET",), ("POST",), ("GET", "POST")


def urlconf(*patterns: Pattern) -> Urlconf:
    return Urlconf(patterns, "shop.settings")


def drafted(*patterns: Pattern) -> dict[str, list[str]]:
    """By route, what it matches."""
    snapshot = load(draft(urlconf(*patterns)))
    return {
        route.name: [" ".join(filter(None, [",".join(match.methods), match.path.text])) for match in route.matches]
        for route in snapshot.routes
    }


def test_reads_and_writes_of_a_resource_are_two_routes():
    found = drafted(Pattern("/orders/", GET), Pattern("/orders/{id}/", BOTH), Pattern("/orders/{id}/cancel/", POST))
    assert found == {"orders": ["GET /orders/**"], "orders-write": ["POST /orders/**"]}


def test_what_is_only_written_is_one_route():
    assert drafted(Pattern("/api/token", POST)) == {"api-token": ["POST /api/token"]}


def test_unknown_methods_are_all_methods():
    assert drafted(Pattern("/cart/")) == {"cart": ["GET /cart/**"], "cart-write": ["POST,PUT,PATCH,DELETE /cart/**"]}


def test_words_that_contain_others_name_no_resource():
    found = drafted(Pattern("/api/v1/orders/{id}", GET), Pattern("/api/v1/stock", GET), Pattern("/api/**"))
    assert found == {
        "api-v1-orders": ["GET /api/v1/orders/**"], "api-v1-stock": ["GET /api/v1/stock"], "api": ["/api/**"],
    }  # fmt: skip


def test_the_admin_is_one_route():
    assert drafted(Pattern("/admin/**", admin=True)) == {"admin": ["/admin/**"]}


def test_paths_that_begin_with_a_variable_are_named_one_by_one():
    assert drafted(Pattern("/", GET), Pattern("/{slug}/", GET), Pattern("/{slug}/edit/", POST)) == {
        "home": ["GET /"],
        "pages": ["GET /{slug}/", "GET /{slug}/edit/"],
        "pages-write": ["POST /{slug}/", "POST /{slug}/edit/"],
    }


def test_names_are_names_and_not_used_twice():
    found = drafted(*(Pattern(path, BOTH) for path in ("/default/", "/Cart/", "/cart/", "/a~b/", "/caf%C3%A9/")))
    assert list(found)[::2] == ["default-route", "cart", "cart-2", "a-b", "caf-c3-a9"]


def test_internal_paths_and_those_nobody_can_ask_for_are_told_and_left_out():
    text = draft(read_urlconf({"patterns": [{"template": each} for each in ("/internal/sync", "/a/", "/a//b")]}))
    assert {route.name for route in load(text).routes} == {"a", "a-write"}
    assert "Left out: /internal/**" in text
    assert "Left out: /a//b" in text


def test_every_route_is_at_legacy_and_goes_nowhere():
    snapshot = load(draft(urlconf(Pattern("/a/", BOTH))))
    assert {(route.stage.value, route.to) for route in snapshot.routes} == {("legacy", None)}
    assert snapshot.upstreams["monolith"].endpoints[0].url == "http://127.0.0.1:8000"


def test_the_same_urlconf_gives_the_same_text():
    patterns = [Pattern("/b/", GET, app="b"), Pattern("/a/", GET, app="a"), Pattern("/b/c/", POST, app="c")]
    assert draft(urlconf(*patterns)) == draft(urlconf(*patterns))
    assert [one.name for one in resources(patterns)] == ["b", "a"]


def test_without_a_urlconf_it_is_a_small_file_with_the_address():
    snapshot = load(draft(Urlconf(()), "http://10.0.0.1:8000"))
    assert snapshot.routes == ()
    assert snapshot.upstreams["monolith"].endpoints[0].url == "http://10.0.0.1:8000"


def test_every_method_of_every_pattern_is_claimed_by_its_own_resource():
    patterns = [
        Pattern("/a/", BOTH),
        Pattern("/a/{id}/", POST),
        Pattern("/a-b/", GET),
        Pattern("/api/**"),
        Pattern("/api/a"),
    ]
    snapshot = load(draft(urlconf(*patterns)))
    table = compile_table(snapshot)
    for resource in resources(patterns):
        for pattern in resource.patterns:
            for method in pattern.methods or ("GET", "POST", "DELETE"):
                claim = table.match(head(f"{method} {pattern.example}"))
                assert claim is not None
                assert claim.route.name.removesuffix("-write") == resource.name


def test_a_draft_has_no_warnings():
    patterns = [Pattern("/a/", BOTH), Pattern("/a/{id}/"), Pattern("/**"), Pattern("/{x}/{y}", GET), Pattern("/", GET)]
    assert list(lint(load(draft(urlconf(*patterns))), date(2026, 11, 22))) == []
