"""Sums over workers and restarts: nothing twice, nothing lost, nothing without bound."""

import json

import pytest

from proxy.inventory.observed import (
    DAY_MINUTES,
    DAYS,
    MAX_OTHER_ROWS,
    MAX_ROWS,
    Key,
    Observed,
)
from proxy.wire.path_template import OTHER
from proxy.wire.product import MAX_PRODUCTS

NOON = 20_000 * DAY_MINUTES + 720
LIST = ["products", "legacy", "GET", "/products/", "curl"]


def row(*classes: int, key=LIST):
    return [*key, *(classes or (0, 1, 0, 0, 0))]


def totals(observed: Observed) -> dict[Key, int]:
    return {each.key: each.requests for each in observed.sightings()}


def kept(observed: Observed) -> Observed:
    return Observed.from_json(json.loads(json.dumps(observed.as_kept())))


def test_numbers_of_a_worker_are_all_it_has_counted_since_it_began():
    observed = Observed(NOON)
    assert observed.take("w0", [row(0, 3, 0, 0, 1)], NOON)
    assert observed.take("w0", [row(0, 5, 0, 0, 1)], NOON + 2)
    (found,) = observed.sightings()
    assert found.classes == (0, 5, 0, 0, 1)
    assert (found.first, found.last) == (NOON, NOON + 2)


def test_a_message_that_says_nothing_new_moves_no_time():
    observed = Observed(NOON)
    observed.take("w0", [row()], NOON)
    assert not observed.take("w0", [row()], NOON + 60)
    assert observed.sightings()[0].last == NOON


def test_workers_are_added_up():
    observed = Observed(NOON)
    observed.take("w0", [row(0, 3, 0, 0, 0)], NOON)
    observed.take("w1", [row(0, 4, 0, 0, 0)], NOON)
    assert list(totals(observed).values()) == [7]


def test_another_control_process_goes_on_where_the_file_was_written():
    observed = Observed(NOON)
    observed.take("w0", [row(0, 3, 0, 0, 0)], NOON)
    after = kept(observed)
    after.take("w0", [row(0, 9, 0, 0, 0)], NOON + 1)
    assert list(totals(after).values()) == [9], "three of the nine were in the file"


def test_a_worker_that_is_gone_is_forgotten_and_its_counts_are_not():
    observed = Observed(NOON)
    observed.take("w0", [row()], NOON)
    observed.forget(NOON, lambda _source: False)
    assert observed.as_kept()["taken"] == {}
    assert list(totals(observed).values()) == [1]


def test_after_thirty_days_a_day_is_forgotten():
    observed = Observed(NOON)
    observed.take("w0", [row(0, 1, 0, 0, 0)], NOON)
    observed.take("w0", [row(0, 3, 0, 0, 0)], NOON + DAY_MINUTES)
    observed.forget(NOON + (DAYS - 1) * DAY_MINUTES, lambda _: True)
    assert list(totals(observed).values()) == [3]
    assert observed.counted_since == NOON
    observed.forget(NOON + DAYS * DAY_MINUTES, lambda _: True)
    assert list(totals(observed).values()) == [2]
    observed.forget(NOON + (DAYS + 1) * DAY_MINUTES, lambda _: True)
    assert observed.sightings() == ()
    assert kept(observed).counted_since == (NOON // DAY_MINUTES + 2) * DAY_MINUTES
    assert kept(observed).since == NOON


def test_when_the_monolith_last_answered_is_never_forgotten():
    observed = Observed(NOON)
    observed.take("w0", [row(), row(key=["products", "service", "GET", "/products/", "curl"])], NOON)
    observed.take("w0", [row(0, 8, 0, 0, 0, key=["products", "service", "GET", "/products/", "curl"])], NOON + 9)
    observed.forget(NOON + 99 * DAY_MINUTES, lambda _: True)
    assert kept(observed).last_legacy == {"products": NOON}


def test_the_sums_are_bounded_and_lose_no_request():
    observed = Observed(NOON)
    rows = [row(key=[f"r{n % 3000}", "legacy", "GET", f"/t{n}", f"bot{n}"]) for n in range(MAX_ROWS + 5000)]
    observed.take("w0", rows, NOON)
    found = totals(observed)
    assert len(found) <= MAX_ROWS + MAX_OTHER_ROWS + 1
    assert len({key.product for key in found}) <= MAX_PRODUCTS + 1
    assert sum(found.values()) == MAX_ROWS + 5000
    assert Key(OTHER, OTHER, OTHER, OTHER, OTHER) in found
    assert totals(kept(observed)) == found


WHOLE = {"version": 1, "since": 1, "counted_since": 1, "last_legacy": {}, "rows": []}


@pytest.mark.parametrize(
    "written",
    [
        None,
        [],
        {},
        WHOLE | {"version": 2},
        WHOLE | {"since": "x"},
        WHOLE | {"last_legacy": []},
        WHOLE | {"rows": [[1, 2]]},
        WHOLE | {"rows": [[*LIST, 1, 1, {"1": [1, 2]}]]},
        WHOLE | {"rows": [[1, *LIST[1:], 1, 1, {"1": [0, 0, 0, 0, 1]}]]},
    ],
)
def test_anything_else_is_no_record(written):
    assert Observed.from_json(WHOLE).since == 1
    with pytest.raises(ValueError, match=r"."):
        Observed.from_json(written)
