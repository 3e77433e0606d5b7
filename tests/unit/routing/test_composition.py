"""A part's target: what fills its places."""

import pytest

from proxy.routing.composition import compile_target
from proxy.routing.pattern import parse_path
from tests.support.routing import pattern


def filled(template: str, path: str, query: str = "", matched: str = "/orders/{id}/summary") -> str:
    return compile_target(template, parse_path(pattern(matched)))(path, query)


@pytest.mark.parametrize(
    ("template", "query", "target"),
    [
        ("/api/orders/{id}", "", "/api/orders/7"),
        ("/api/orders/{id}", "ignored=1", "/api/orders/7"),
        ("/{id}/x/{id}?a={id}", "", "/7/x/7?a=7"),
        ("/p?order_id={id}", "", "/p?order_id=7"),
        ("/p?limit=5&flag", "", "/p?limit=5&flag"),
        ("/p?l={query.l}", "l=3", "/p?l=3"),
        ("/p?l={query.l}", "l=3&l=4", "/p?l=3"),
        ("/p?l={query.l}", "l=", "/p?l="),
        ("/p?l={query.l}", "", "/p"),
        ("/p?a=1&l={query.l}", "m=1", "/p?a=1"),
        ("/p?q=order:{id}-{query.l}", "", "/p?q=order:7-"),
        ("/p?l={query.l}", "l=a+b%26c%3Dd", "/p?l=a%20b%26c%3Dd"),
        ("/p?l={query.l}", "l=%ff", "/p?l=%FF"),
    ],
)
def test_places_are_filled_from_path_and_query(template: str, query: str, target: str) -> None:
    assert filled(template, "/orders/7/summary", query) == target


def test_an_escape_in_the_path_stays_one_in_the_path_and_becomes_a_value_of_the_query() -> None:
    assert filled("/o/{id}?id={id}", "/orders/a%20b%26c/summary") == "/o/a%20b%26c?id=a%20b%26c"
    assert filled("/o/{id}?id={id}", "/orders/a&b=c/summary") == "/o/a&b=c?id=a%26b%3Dc"


def test_a_name_before_a_rest_is_taken_too() -> None:
    assert filled("/o/{id}", "/orders/7/a/b", matched="/orders/{id}/**") == "/o/7"


def test_a_name_that_the_path_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match=r"asks for \{other\}"):
        compile_target("/o?x={other}", parse_path(pattern("/orders/{id}")))


def test_a_route_without_a_path_takes_templates_without_names() -> None:
    assert compile_target("/o?x={query.y}", parse_path(None))("/any", "y=1") == "/o?x=1"
