"""The last minutes' comparisons: by the second, by the fields that differ together, and within bounds."""

import pytest

from proxy.comparison.difference import Comparison, Undecided
from proxy.comparison.recent import KEPT_SECONDS, MAX_SETS, Recent
from proxy.comparison.tally import OTHERS, Judged
from tests.support.judged import differing, judged

GROUP = ("r", "v1")


class Shelf:
    def __init__(self) -> None:
        self.kept: list[Judged] = []

    def wants_example(self, route: str, rules: str, comparison: Comparison) -> bool:
        return route == "r" and rules == "v1" and not comparison.equal

    def record(self, judged: Judged) -> None:
        self.kept.append(judged)


class Scene:
    def __init__(self) -> None:
        self.now = 1000.0
        self.shelf = Shelf()
        self.recent = Recent(self.shelf, lambda: self.now)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_all_is_passed_on(scene: Scene) -> None:
    one = judged("$.price")
    scene.recent.record(one)
    assert scene.shelf.kept == [one]
    assert scene.recent.wants_example("r", "v1", differing("$.a"))
    assert not scene.recent.wants_example("r", "v1", differing())


def test_pairs_of_the_last_seconds_are_counted(scene: Scene) -> None:
    for _ in range(30):
        scene.recent.record(judged())
        scene.now += 1
    assert scene.recent.seen(GROUP, 10).compared == 10
    scene.now += 5
    assert scene.recent.seen(GROUP, 10).compared == 5
    assert scene.recent.seen(("r", "v2"), 10).compared == 0


def test_a_pair_is_counted_once_however_many_of_its_fields_are_asked_for(scene: Scene) -> None:
    for paths in (("$.a", "$.b"), ("$.b",), ()):
        scene.recent.record(judged(*paths))
    pairs = scene.recent.seen(GROUP, 10)
    assert pairs.compared == 3
    assert pairs.count([("$.a", "value"), ("$.b", "value")]) == 2
    assert pairs.count([("$.a", "value")]) == 1
    assert pairs.count([]) == 0
    assert pairs.by_field() == {("$.a", "value"): 1, ("$.b", "value"): 2}


def test_an_undecided_pair_is_no_compared_one_unless_it_differs(scene: Scene) -> None:
    scene.recent.record(judged(undecided=Undecided.TOO_LARGE))
    scene.recent.record(judged("$.a", undecided=Undecided.TOO_LARGE))
    pairs = scene.recent.seen(GROUP, 10)
    assert (pairs.compared, pairs.undecided) == (1, 1)


def test_other_rules_begin_anew(scene: Scene) -> None:
    scene.recent.record(judged("$.a"))
    scene.recent.record(judged(rules="v2"))
    assert scene.recent.seen(GROUP, 10).compared == 0
    assert scene.recent.seen(("r", "v2"), 10).compared == 1


def test_what_is_old_is_forgotten(scene: Scene) -> None:
    scene.recent.record(judged("$.a"))
    scene.now += KEPT_SECONDS + 2
    scene.recent.record(judged())
    assert len(scene.recent._slots[GROUP]) == 1


def test_too_many_kinds_of_pairs_in_a_second_count_as_one_kind_that_differs(scene: Scene) -> None:
    for number in range(MAX_SETS + 10):
        scene.recent.record(judged(f"$.f{number}"))
    pairs = scene.recent.seen(GROUP, 10)
    assert pairs.compared == MAX_SETS + 10
    assert len(pairs.differing_in) == MAX_SETS + 1
    assert pairs.count([(OTHERS, "value")]) == 10
