"""Warnings about copies that are not made and rules that are over."""

from datetime import date

import pytest

from proxy.config.compare import Compare, IgnoreRule, Shadow
from proxy.config.place import Place
from proxy.routing.lint_compare import lint_compare
from tests.support.routing import route, snapshot

TODAY = date(2026, 11, 22)


def warned(*routes) -> list[str]:
    return [problem.message for problem in lint_compare(snapshot(*routes), TODAY)]


def test_writes_among_what_a_shadowed_route_takes_are_said_not_to_be_copied() -> None:
    shadowed = route("r", "GET,POST /a", "DELETE /a", stage="shadow", shadow=Shadow())
    assert warned(shadowed) == ["of route r only GET and HEAD are copied, not DELETE, POST"]


@pytest.mark.parametrize(
    ("methods", "stage", "shadow"),
    [
        ("", "shadow", Shadow()),
        ("GET ", "shadow", Shadow()),
        ("GET,POST ", "legacy", Shadow()),
        ("GET,POST ", "shadow", Shadow(allow_writes=True)),
    ],
)
def test_nothing_is_said_where_all_is_copied_or_nobody_listed_a_write(methods: str, stage: str, shadow: Shadow) -> None:
    assert warned(route("r", f"{methods}/a", stage=stage, shadow=shadow)) == []


def test_a_rule_whose_time_is_over_is_told_once_and_where_it_stands() -> None:
    over = IgnoreRule(header="Vary", until=date(2026, 11, 21), place=Place("routes.yaml", 5, 1))
    still = IgnoreRule("$.a", until=TODAY)
    routes = [route(name, f"/{name}", compare=Compare(ignore=(over, still))) for name in ("a", "b")]
    (problem,) = lint_compare(snapshot(*routes), TODAY)
    assert str(problem).startswith(
        "routes.yaml:5:1: warning: header:Vary is no longer ignored: until 2026-11-21 is over"
    )
