"""What the index must not do, whatever the request: look at what cannot match."""

from proxy.routing.index import LONGEST_REMEMBERED, MAX_REMEMBERED
from tests.support.routing import head, match, route, table


class CountingHead:
    """A head that counts how often its headers are asked for."""

    def __init__(self, path: str) -> None:
        plain = head(path)
        self.method, self.path, self.query, self.host = plain.method, plain.path, plain.query, plain.host
        self.asked = 0

    def values(self, name: str) -> list[str]:
        self.asked += 1
        return ["yes"] if name == "x-beta" else []


def test_conditions_of_routes_on_other_paths_are_never_tried():
    others = [route(f"r{n}", match(f"/v{n}/{{x}}/**", headers={"X-Beta": "yes"})) for n in range(300)]
    asked = CountingHead("/v7/a/b")
    assert table(*others).match(asked).route.name == "r7"
    assert asked.asked == 1


def test_a_literal_and_a_name_that_both_fit_are_asked_in_rank_order():
    routes = table(
        route("l-prefix", "POST /a/b/**"),
        route("n-template", "GET /{x}/b/{y}"),
        route("n-prefix", "/{x}/b/**"),
        route("l-short", "/a/**"),
    )
    assert routes.match(head("GET /a/b/c")).route.name == "n-template"
    assert routes.match(head("POST /a/b/c")).route.name == "l-prefix"
    assert routes.match(head("PUT /a/b/c")).route.name == "n-prefix"
    assert routes.match(head("PUT /a/c/c")).route.name == "l-short"


def test_regexes_are_asked_after_every_other_path():
    routes = table(route("re", "~/a/.*"), route("post", "POST /a/**"), route("re-post", "POST ~/a/b"))
    assert routes.match(head("POST /a/b")).route.name == "post"
    assert routes.match(head("GET /a/b")).route.name == "re"


def test_what_is_remembered_of_paths_is_bounded():
    routes = table(route("all", "/a/**"), route("other", match("/a/**", host="b.example")))
    for number in range(MAX_REMEMBERED + 10):
        assert routes.match(head(f"GET /a/{number}")).route.name == "all"
    assert 0 < routes.remembered <= 2 * MAX_REMEMBERED
    before = routes.remembered
    routes.match(head("GET /a/" + "x" * LONGEST_REMEMBERED))
    assert routes.remembered == before
