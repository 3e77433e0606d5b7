"""Where a difference is: exactly, and under which path it meets others of its kind."""

import pytest

from proxy.comparison.place import MAX_NAME, Spot, field_path, place
from proxy.config.json_path import json_path


def at(*keys: str | int) -> Spot | None:
    spot = None
    for key in keys:
        spot = Spot(spot, key)
    return spot


def test_the_whole_body_is_the_root() -> None:
    assert (place(None), field_path(None)) == ("$", "$")


def test_a_place_has_its_index_and_a_field_path_stands_for_all() -> None:
    assert place(at("items", 3, "price")) == "$.items[3].price"
    assert field_path(at("items", 3, "price")) == "$.items[*].price"


@pytest.mark.parametrize(
    "key", ["7", "2026-11-30", "6f1c2f70-9d0c-4b5e-8c8e-3d1c9f4c1a11", "deadbeefdeadbee1", "x" * (MAX_NAME + 1)]
)
def test_a_key_that_is_data_is_collapsed(key: str) -> None:
    assert field_path(at("by_day", key, "sum")) == "$.by_day.*.sum"


@pytest.mark.parametrize("key", ["id", "sha256", "feedface", "x" * MAX_NAME])
def test_a_key_that_is_a_name_stays(key: str) -> None:
    assert field_path(at(key)) == f"$.{key}"


def test_keys_of_an_object_with_very_many_are_data() -> None:
    assert field_path(Spot(Spot(None, "stock"), "mug", of_map=True)) == "$.stock.*"


@pytest.mark.parametrize("key", ["", "a b", "it's", "back\\slash", "tab\t", "ü", "\U0001f600"])
def test_every_place_is_a_json_path(key: str) -> None:
    assert json_path(place(at(key))) == place(at(key))
