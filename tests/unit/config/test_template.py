"""What a part may be asked for."""

import pytest

from proxy.config.refused import Refused
from proxy.config.template import MAX_QUERY, part_target, path_names


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api/orders/{order_id}",
        "/api/payments?order_id={order_id}",
        "/a?limit=5&flag&page={query.page}",
        "/a?q=order:{id}-{query.x}",
        "/a?q=%20",
    ],
)
def test_a_target_is_a_path_and_a_query_with_places(target: str) -> None:
    assert part_target(target) == target


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("api/orders", "does not begin with /"),
        ("http://orders/api", "does not begin with /"),
        ("/a/{id}x", "mixes text and braces"),
        ("/a/../b", "never reaches a match"),
        ("/a/{query.id}", "stands in the path"),
        ("/a?{query.id}", "has no name before it"),
        ("/a?{id}={id}", "has braces in a parameter's name"),
        ("/a?x={header.id}", "is not filled by anything"),
        ("/a?x={", "is not filled by anything"),
        ("/a?x=1&&y=2", "has no name"),
        ("/a?", "has no name"),
        ("/a?x=a b", "holds a character that is escaped in a query"),
        ("/a?x=%zz", "holds a character that is escaped in a query"),
        ("/a?x=1#top", "holds a character that is escaped in a query"),
        ("/a?x=é", "holds a character that is escaped in a query"),
        ("/a?x=" + "1" * MAX_QUERY, "at most 1024 are taken"),
        (7, "is a number"),
    ],
)
def test_what_could_mean_something_else_to_the_upstream_is_refused(target: object, message: str) -> None:
    with pytest.raises(Refused) as caught:
        part_target(target)
    assert message in caught.value.message


def test_the_names_are_those_of_the_path_each_once() -> None:
    assert path_names("/a/{x}/{y}?q={x}&r={z}&s={query.t}") == ("x", "y", "z")
