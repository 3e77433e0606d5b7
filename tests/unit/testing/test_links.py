"""What the sides made for themselves and mean the same by."""

from typing import Any

import pytest
from jsonpath import JSONPathEnvironment

from proxy.comparison.difference import Difference, Kind
from proxy.config.json_path import parse_path
from proxy.config.refused import Refused
from proxy.testing.links import Links, located
from proxy.testing.paired import Paired, Placeholders
from tests.support.exchanges import an_answer

LEGACY, SERVICE = "0190-aaaa-1", "0190-bbbb-2"


def learnt(legacy: Any, service: Any) -> Links:
    links = Links()
    links.learn([Paired(legacy, service, Placeholders())])
    return links


def a_difference(left: str | None, right: str | None) -> Difference:
    return Difference(Kind.VALUE, "$.id", left, right, "$.id")


def test_a_long_name_is_read_as_its_partner_wherever_it_stands() -> None:
    answer = an_answer(f'{{"id": "{SERVICE}", "see": "/orders/{SERVICE}/x"}}'.encode(), fields=(("Location", SERVICE),))
    renamed = learnt(LEGACY, SERVICE).renamed(answer)
    assert renamed.body == f'{{"id": "{LEGACY}", "see": "/orders/{LEGACY}/x"}}'.encode()
    assert renamed.fields == (("Location", LEGACY),)


def test_a_part_of_a_longer_word_is_no_name() -> None:
    answer = an_answer(f"x{SERVICE} {SERVICE}3".encode())
    assert learnt(LEGACY, SERVICE).renamed(answer) == answer


def test_bytes_that_are_no_text_stay() -> None:
    answer = an_answer(b"\xff" + SERVICE.encode() + b"\xfe")
    assert learnt(LEGACY, SERVICE).renamed(answer).body == b"\xff" + LEGACY.encode() + b"\xfe"


def test_names_that_changed_sides_are_not_renamed_twice() -> None:
    links = learnt(LEGACY, SERVICE)
    links.learn([Paired(SERVICE, LEGACY, Placeholders())])
    assert links.renamed(an_answer(f"{SERVICE} {LEGACY}".encode())).body == f"{LEGACY} {SERVICE}".encode()


def test_a_short_one_explains_the_difference_that_it_is_and_no_other() -> None:
    links = learnt(7, 9)
    assert links.renamed(an_answer(b'{"id": 9}')).body == b'{"id": 9}'
    assert links.explain(a_difference("7", "9"))
    assert links.explain(a_difference("/orders/7", "/orders/9"))
    assert not links.explain(a_difference("9", "7"))
    assert not links.explain(a_difference("7", "8"))
    assert not links.explain(a_difference("70", "90"))
    assert not links.explain(a_difference(None, "9"))


@pytest.mark.parametrize(
    ("legacy", "service"), [("pending", "confirmed"), (7, "9"), (7, 7), ("a1", ""), (None, 3), (True, 1), ([1], [2])]
)
def test_what_cannot_be_an_id_is_not_learnt(legacy: Any, service: Any) -> None:
    assert not learnt(legacy, service).explain(a_difference(str(legacy), str(service))) or legacy == service


def test_a_place_says_it_of_words_too() -> None:
    links = Links()
    links.learn_own(
        "$.items[*].key", b'{"items": [{"key": "one"}, {"key": "two"}]}', b'{"items":[{"key":"eins"},{"key":"zwei"}]}'
    )
    assert links.explain(a_difference("two", "zwei"))
    assert not links.explain(a_difference("two", "eins"))


@pytest.mark.parametrize("service", [b'{"ids": [1]}', b"{", b"[" * 100_000, b"null"])
def test_a_place_that_is_not_there_alike_says_nothing(service: bytes) -> None:
    links = Links()
    links.learn_own("$.ids[*]", b'{"ids": [1, 2]}', service)
    assert not links.explain(a_difference("1", "2"))


def test_what_is_no_path_is_refused() -> None:
    with pytest.raises(Refused):
        Links().learn_own("id", b"{}", b"{}")


DOCUMENT = {"a": [{"b": 1, "c": {"b": [2, 3]}}, {"b": None}, 4], "b": "x", "c d": {"": 0}}


@pytest.mark.parametrize(
    "path", ["$", "$.a", "$.a[0].b", "$.a[*].b", "$.a[9]", "$..b", "$..*", "$['c d'].*", "$.b.c", "$.a..b", "$..[1]"]
)
def test_paths_select_what_another_reader_of_them_selects(path: str) -> None:
    """Descendants may come in any order among siblings (RFC 9535 section 2.5.2.2), so they are compared as a set."""
    theirs = JSONPathEnvironment().findall(path, DOCUMENT)
    assert sorted(map(repr, located(DOCUMENT, parse_path(path)))) == sorted(map(repr, theirs))
