"""The comparison of two sides, and how a service is asked for its own; without a database."""

from collections.abc import Callable

import httpx
import pytest

from legacy_monolith.sync.comparison import SHOWN, Aggregate, compare, find_lag
from legacy_monolith.sync.peer import CannotAsk, Peer


def test_a_comparison_keeps_few_of_many_differences():
    many = [Aggregate(f"{number:03}", 1, "a") for number in range(50)]
    found = compare("level", many, [])
    assert (found.differing, len(found.first)) == (50, SHOWN)


def test_the_same_content_at_another_version_is_no_difference():
    assert compare("level", [Aggregate("A", 1, "x")], [Aggregate("A", 2, "x")]).differing == 0


def standing(**changes: int) -> dict[str, int]:
    return {"unpublished": 0, "outbox_last": 7, "applied_from_peer": 7} | changes


@pytest.mark.parametrize(
    ("here", "there", "lag"),
    [
        ({}, {}, None),
        ({"unpublished": 2}, {}, "2 events of order are not published (the shop)"),
        ({"outbox_last": 9}, {}, "2 events of order are not applied (from the shop)"),
        ({}, {"outbox_last": 8}, "1 events of order are not applied (from the service)"),
        ({}, {"applied_from_peer": 9}, None),
    ],
)
def test_what_is_under_way_is_told(here, there, lag):
    assert find_lag("order", standing(**here), standing(**there)) == lag


def peer(answer: Callable[[httpx.Request], httpx.Response]) -> Peer:
    return Peer("http://orders.test", "sesame", httpx.MockTransport(answer))


def test_a_peer_is_asked_with_the_token_and_pages_are_followed():
    pages = {"": (["a", "b"], "b"), "b": (["c"], None)}

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer sesame"
        assert (request.url.params["entity"], request.url.params["kind"]) == ("stock", "level")
        keys, following = pages[request.url.params["after"]]
        items = [{"id": key, "version": 1, "checksum": "x"} for key in keys]
        return httpx.Response(200, json={"items": items, "next": following})

    with peer(answer) as asked:
        assert [key for key, _, _ in asked.checksums("stock", "level")] == ["a", "b", "c"]


def test_a_peer_that_is_away_for_a_moment_is_asked_again():
    answers = iter([httpx.Response(503), httpx.Response(200, json={"decisions": {"take": 1}})])
    with peer(lambda request: next(answers)) as asked:
        assert asked.send([]) == {"take": 1}


def test_a_peer_that_refuses_is_not_asked_again():
    asked_for = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked_for.append(request)
        return httpx.Response(422, json={"detail": "events[0] is not an event"})

    with peer(answer) as asked, pytest.raises(CannotAsk, match=r"422: events\[0\] is not an event"):
        asked.send([])
    assert len(asked_for) == 1
