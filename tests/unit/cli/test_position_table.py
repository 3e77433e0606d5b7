"""Where routes stand, as an operator is shown it."""

from io import StringIO
from typing import Any

from rich.console import Console

from proxy.cli.position_table import position_notes, position_table


def route(name: str, stage: str, **more: Any) -> dict[str, Any]:
    return {"route": name, "stage": stage, "group": None, **more}


def shown(*routes: dict[str, Any]) -> list[str]:
    output = StringIO()
    Console(file=output, width=100).print(position_table(routes))
    return [line.rstrip() for line in output.getvalue().splitlines()]


def test_routes_on_their_way_are_lines_and_the_others_a_number() -> None:
    assert shown(
        route("cart", "canary", weight="5%", paused=True, group="shop"),
        route("stock", "legacy", file={"stage": "cutover"}),
        route("a", "legacy"),
        route("b", "legacy"),
    ) == [
        "route             stands at          in the file  group",
        "cart              canary 5%, paused               shop",
        "stock             legacy             cutover",
        "2 more at legacy",
    ]


def test_what_holds_beside_the_file_says_what_the_file_says_and_what_it_survives() -> None:
    override = {"route": "stock", "stage": "legacy", "survives": "no restart"}
    assert list(position_notes([route("stock", "legacy", file={"stage": "cutover"})], [override])) == [
        "drift: stock stands at legacy, where the file says cutover; it survives no restart"
    ]
    assert list(position_notes([], [override])) == ["drift: stock stands at legacy; it survives no restart"]
