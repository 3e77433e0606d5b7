import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from extracted_services.contracts.compatibility import find_breaks, load_released
from extracted_services.contracts.schemas import load_schemas

API = Path(__file__).parents[1] / "shop-api.yaml"


def changed_by(change: Callable[[dict[str, Any]], object]) -> list[str]:
    present: Any = copy.deepcopy(load_schemas())
    change(present)
    return find_breaks(load_schemas(), present)


def test_the_schemas_understand_what_was_released() -> None:
    assert find_breaks(load_released(), load_schemas()) == []


def test_every_schema_is_noted_as_released() -> None:
    """A new type or version is released by `python -m extracted_services.contracts.compatibility`."""
    assert load_released().keys() == load_schemas().keys()


def test_a_new_member_that_may_be_absent_breaks_nothing() -> None:

    def order(schemas: dict[str, Any]) -> Any:
        return schemas["shapes.v1.json"]["$defs"]["Order"]

    assert changed_by(lambda s: order(s)["properties"].update(gift={"type": "string"})) == []
    assert changed_by(lambda s: order(s).update(description="Says more")) == []
    assert changed_by(lambda s: s.update({"OrderGifted.v1.json": {}})) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s.pop("OrderCreated.v1.json"), "OrderCreated.v1.json is gone"),
        (lambda s: s["StockChanged.v1.json"]["properties"].pop("level"), "properties.level is gone"),
        (lambda s: s["StockChanged.v1.json"]["required"].append("why"), "required was"),
        (lambda s: s["StockChanged.v1.json"]["required"].clear(), "required was"),
        (lambda s: s["shapes.v1.json"]["$defs"]["Id"].update(maxLength=36), "maxLength is new"),
        (lambda s: s["shapes.v1.json"]["$defs"]["Id"].pop("pattern"), "pattern is gone"),
        (lambda s: s["shapes.v1.json"]["$defs"]["Count"].update(type="string"), 'was "integer" and is "string"'),
        (lambda s: s["shapes.v1.json"]["$defs"]["OrderStatus"]["enum"].remove("shipped"), "enum was"),
        (lambda s: s["shapes.v1.json"]["$defs"]["OrderStatus"]["enum"].append("lost"), "enum was"),
        (lambda s: s["envelope.v1.json"]["properties"]["position"]["anyOf"].pop(), "anyOf was"),
        (lambda s: s["envelope.v1.json"]["properties"]["position"]["anyOf"][0].pop("maximum"), "maximum is gone"),
    ],
)
def test_what_an_old_reader_or_writer_would_stumble_over_is_found(
    change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    breaks = changed_by(change)

    assert len(breaks) == 1
    assert problem in breaks[0]


@pytest.mark.parametrize("name", ["Id", "Sku", "Time"])
def test_names_and_times_are_written_as_in_the_api(name: str) -> None:
    api = yaml.safe_load(API.read_text("utf-8"))["components"]["schemas"][name]

    assert load_schemas()["shapes.v1.json"]["$defs"][name]["pattern"] == api["pattern"]


@pytest.mark.parametrize("name", ["Order", "Payment", "StockLevel", "Reservation", "Product"])
def test_an_event_tells_every_member_that_the_api_shows_and_that_cannot_be_computed(name: str) -> None:
    api = yaml.safe_load(API.read_text("utf-8"))["components"]["schemas"][name]
    computed = {"available"}

    assert api["properties"].keys() - computed <= load_schemas()["shapes.v1.json"]["$defs"][name]["properties"].keys()
